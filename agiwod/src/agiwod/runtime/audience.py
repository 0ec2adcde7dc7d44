"""A peer that follows runs which are worked on here. Knows no wire, and keeps nothing for a slow one but its places."""

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

from agiwo.engine.bus import Stop
from agiwo.engine.local_bus import Listening
from agiwo.engine.outlet import Excerpt

from agiwod.runtime.beat import next_beat, until
from agiwod.runtime.exchange import Exchange

MOST_RUNS: Final = 10_000
"""Runs that one peer may follow: more than a daemon has readers of at one moment."""


class NewsSink(Protocol):
    """Where the news go."""

    @property
    def is_full(self) -> bool:
        """Whether so much waits there that news should wait here."""
        ...

    async def drained(self) -> None:
        """Return when it is not full.

        Raises:
            ConnectionError: it has ended.
        """
        ...

    def send(self, excerpt: Excerpt) -> None:
        """Take one excerpt. Must not wait."""
        ...


class Audience:
    """The runs that a peer follows. `run` is to be owned by its connection; it ends with the sink.

    What is new is sent at the next beat, which is the same for all peers: so they share what was made of it. Nobody who
    works on a run waits for a peer that does not read; it hears the rest when it reads again, if that is open still.
    """

    def __init__(self, exchange: Exchange, sink: NewsSink) -> None:
        self._exchange, self._sink = exchange, sink
        self._runs: dict[str, tuple[Listening, Stop]] = {}
        self._ready: dict[str, None] = {}
        self._news = asyncio.Event()

    def check_room(self, runs: Collection[str]) -> None:
        """Return when these runs can be followed, too.

        Raises:
            OverflowError: they would be more than one peer may follow.
        """
        if len(self._runs.keys() | runs) > MOST_RUNS:
            raise OverflowError(f"a peer may follow {MOST_RUNS} runs at once")

    def follow(self, runs: Collection[str]) -> None:
        """Tell what is made of these runs; of one that is followed already, anew from the beginning of what is open."""
        self.unfollow(runs)
        for run in dict.fromkeys(runs):
            self._runs[run] = self._exchange.listen(
                run, lambda run=run: self._wake(run), self._sink.send, lambda: self._sink.is_full
            )

    def unfollow(self, runs: Collection[str]) -> None:
        """Tell nothing more of these runs."""
        for run in runs:
            if run in self._runs:
                _, stop = self._runs.pop(run)
                stop()
            self._ready.pop(run, None)

    async def run(self) -> None:
        """Send what comes, whenever the sink has room, until cancelled; or until the sink turns out to have ended."""
        next_look = 0.0
        try:
            while True:
                await self._news.wait()
                await until(next_look)
                self._news.clear()
                ready, self._ready = self._ready, {}
                for run in ready:
                    await self._serve(run)
                next_look = next_beat()
        except ConnectionError:
            return
        finally:
            self.unfollow(list(self._runs))

    async def _serve(self, run: str) -> None:
        await self._sink.drained()
        if run not in self._runs:
            return
        listening, _ = self._runs[run]
        while not listening.look():
            await self._sink.drained()

    def _wake(self, run: str) -> None:
        self._ready[run] = None
        self._news.set()
