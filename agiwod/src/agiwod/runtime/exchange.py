"""The bus over this daemon and its peers: what is streamed of runs, from here and from there. Knows no wire."""

from collections.abc import Callable
from dataclasses import dataclass

from agiwo.engine.bus import Hear, Stop
from agiwo.engine.feed import Feed
from agiwo.engine.local_bus import Listening, LocalBus
from agiwo.engine.news import News
from agiwo.engine.outlet import Excerpt

Wish = Callable[[str, bool], None]
"""Takes a run, and whether its news are wanted here from now on."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ear:
    """One who follows a run here."""

    hear: Hear


class Exchange:
    """A `DeltaBus`. Who is connected with a peer tells it what is wanted here, and brings what it says.

    `on_knock` is called when a peer came of whom perhaps nobody knows yet.
    """

    def __init__(self) -> None:
        self.on_knock: Callable[[], None] = lambda: None
        self._local = LocalBus()
        self._ears: dict[str, list[_Ear]] = {}
        self._wishes: list[Wish] = []

    @property
    def wanted(self) -> list[str]:
        """The runs that somebody follows here."""
        return list(self._ears)

    def publish(self, feed: Feed) -> Stop:
        """As `DeltaBus.publish`."""
        return self._local.publish(feed)

    def follow(self, run: str, hear: Hear) -> Stop:
        """As `DeltaBus.follow`."""
        ear, stop_here = _Ear(hear), self._local.follow(run, hear)
        ears = self._ears.setdefault(run, [])
        ears.append(ear)
        # A peer that is asked once more begins anew: this one has heard nothing yet.
        self._tell(run, is_wanted=True)

        def stop() -> None:
            if ear not in ears:
                return
            ears.remove(ear)
            stop_here()
            if not ears:
                del self._ears[run]
                self._tell(run, is_wanted=False)

        return stop

    def hear(self, run: str, source: str, news: tuple[News, ...]) -> None:
        """A peer tells something of a run: all who follow it here hear it."""
        for ear in list(self._ears.get(run, ())):
            ear.hear(source, news)

    def on_wish(self, wish: Wish) -> Stop:
        """Call `wish` whenever the news of a run begin or cease to be wanted here; call the result to end that."""
        self._wishes.append(wish)
        return lambda: self._wishes.remove(wish)

    def listen(
        self, run: str, wake: Callable[[], None], take: Callable[[Excerpt], None], is_full: Callable[[], bool]
    ) -> tuple[Listening, Stop]:
        """Somebody elsewhere who hears what is made here, as `LocalBus.listen`."""
        return self._local.listen(run, wake, take, is_full)

    def _tell(self, run: str, *, is_wanted: bool) -> None:
        for wish in self._wishes:
            wish(run, is_wanted)
