"""Runs whose end a run waits for, or a time, or both. Records nothing, and knows nothing of who waits."""

import asyncio
from collections.abc import Sequence
from typing import Any

from agiwo.clock import Clock
from agiwo.durable import WaitMode
from agiwo.engine.bell import Bell
from agiwo.engine.ending import Ending, Ends, Runs
from agiwo.schema.record import Json


class Waitset:
    """`all` or `any` of some runs, until a deadline (None: for ever). Without runs it is a timer.

    It watches the runs from the moment that it is made, until it is closed.
    """

    def __init__(
        self,
        journal: Runs,
        ends: Ends,
        clock: Clock,
        ids: Sequence[str],
        mode: WaitMode,
        deadline: float | None,
    ) -> None:
        self.mode, self.deadline = mode, deadline
        self._clock = clock
        self._endings = {id: Ending(journal, ends, id) for id in ids}
        self._bell: Bell | None = None

    @property
    def wake(self) -> Json:
        """What is waited for, as it stands in `RunHead.wake`."""
        return {"deadline": self.deadline, "runs": list(self._endings), "mode": self.mode}

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self._bell is not None and self._bell.has_rung

    @property
    def unfinished(self) -> list[str]:
        """The runs that are still going."""
        return [id for id, ending in self._endings.items() if not ending.over.done()]

    def needed(self, runs: Sequence[str]) -> int:
        """How many of these runs are to end."""
        return 1 if self.mode == "any" else len(runs)

    async def look(self) -> None:
        """Find out which of the runs have ended already, and count those that do from now on.

        Raises:
            NotFound: there is no such run.
        """
        await asyncio.gather(*(ending.look() for ending in self._endings.values()))
        futures = [ending.over for ending in self._endings.values()]
        self._bell = Bell(self._clock, futures, self.needed(list(self._endings)), self.deadline)

    async def rings(self) -> None:
        """Return when all or any of the runs have ended, or at the deadline."""
        assert self._bell
        await self._bell.rings()

    async def outcome(self) -> dict[str, Any]:
        """What to record then.

        The `value` has how each of the runs ended, None for those still going; `late` the seconds since a deadline that
        was missed because nobody was there, or the machine slept.
        """
        assert self._bell
        late = {} if self._bell.is_enough or self.deadline is None else _late(self._clock.now() - self.deadline)
        found = {
            id: (await ending.result()).to_json() if ending.over.done() else None
            for id, ending in self._endings.items()
        }
        return {"value": found, **late}

    def close(self) -> None:
        """Watch no longer."""
        if self._bell:
            self._bell.still()
        for ending in self._endings.values():
            ending.close()


_PUNCTUAL = 1.0
"""Seconds after its deadline at which a wake is still in time."""


def _late(seconds: float) -> dict[str, float]:
    return {"late": round(seconds, 3)} if seconds > _PUNCTUAL else {}
