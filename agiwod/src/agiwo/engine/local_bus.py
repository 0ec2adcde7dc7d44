"""The bus of one process: its feeds, and who listens to them. Knows no other process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from agiwo.engine.bus import Hear, Stop
from agiwo.engine.feed import Feed
from agiwo.engine.outlet import Excerpt, Outlet, Place


@dataclass(slots=True, eq=False)
class _Run:
    """The outlets and listeners of one run."""

    outlets: dict[Outlet, None] = field(default_factory=dict[Outlet, None])
    listeners: "dict[Listening, None]" = field(default_factory=dict["Listening", None])

    def wake(self) -> None:
        for listener in list(self.listeners):
            listener.wake()


class Listening:
    """One who hears what is made of a run: a place in each of its outlets, which is all that it costs to be slow.

    `wake` is called when it is time to `look`, `take` with each excerpt that is found then. While it `is_full`, all
    waits where it is.
    """

    def __init__(
        self, run: _Run, wake: Callable[[], None], take: Callable[[Excerpt], None], is_full: Callable[[], bool]
    ) -> None:
        self._run, self.wake, self._take, self._is_full = run, wake, take, is_full
        self._places: dict[Outlet, Place] = {}

    def look(self) -> bool:
        """Take what is new; False when something is left, for want of room."""
        return all(self.look_at(outlet) for outlet in list(self._run.outlets))

    def look_at(self, outlet: Outlet) -> bool:
        """Take what is new of one outlet; False when something is left."""
        place = self._places.get(outlet, outlet.start)
        while self in self._run.listeners:
            if self._is_full():
                return False
            excerpt = outlet.since(place)
            if not excerpt.news:
                break
            place = self._places[outlet] = excerpt.end
            self._take(excerpt)
        return True

    def begin(self, outlet: Outlet) -> None:
        """Hear all that comes from there from now on."""
        self._places[outlet] = outlet.start
        self.wake()

    def forget(self, outlet: Outlet) -> None:
        """Nothing more comes from there."""
        self._places.pop(outlet, None)


class LocalBus:
    """A `DeltaBus` within one process, on one event loop."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nobody publishes or follows anything."""
        return not self._runs

    def publish(self, feed: Feed) -> Stop:
        """As `DeltaBus.publish`."""
        run = self._runs.setdefault(feed.run, _Run())
        outlet = Outlet(feed, run.wake)
        run.outlets[outlet] = None
        for listener in list(run.listeners):
            listener.begin(outlet)

        def stop() -> None:
            if outlet in run.outlets:
                del run.outlets[outlet]
                for listener in list(run.listeners):
                    listener.look_at(outlet)  # the last that there is, such as that an item was dropped
                    listener.forget(outlet)
                self._tidy(feed.run)

        return stop

    def follow(self, run: str, hear: Hear) -> Stop:
        """As `DeltaBus.follow`. What one turn of the event loop makes comes together in the next."""
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Handle] = []

        def wake() -> None:
            if not waiting:
                waiting.append(loop.call_soon(look))

        def look() -> None:
            waiting.clear()
            listening.look()

        listening, close = self.listen(run, wake, lambda excerpt: hear(excerpt.source, excerpt.news))

        def stop() -> None:
            close()
            for handle in waiting:
                handle.cancel()

        return stop

    def listen(
        self,
        run: str,
        wake: Callable[[], None],
        take: Callable[[Excerpt], None],
        is_full: Callable[[], bool] = lambda: False,
    ) -> tuple[Listening, Stop]:
        """Somebody who looks when it suits him, and what ends that. He is woken, if there is something already."""
        among = self._runs.setdefault(run, _Run())
        listening = Listening(among, wake, take, is_full)
        among.listeners[listening] = None
        if among.outlets:
            wake()

        def stop() -> None:
            among.listeners.pop(listening, None)
            self._tidy(run)

        return listening, stop

    def _tidy(self, run: str) -> None:
        known = self._runs.get(run)
        if known and not known.outlets and not known.listeners:
            del self._runs[run]
