"""Which scheduled agents runs work for, as far as this process has heard of them. Reads each run's plan once."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from agiwo.durable import SPEC
from agiwo.engine.tasks import Tasks
from agiwo.errors import StorageError
from agiwo.journal.base import Journal
from agiwo.schema.record import RunHead

_MOST: Final = 10_000
"""Runs that are remembered."""


class StatesOfRuns:
    """The names of states, by run. One that was just heard of is known a moment later."""

    def __init__(self, journal: Journal, tasks: Tasks) -> None:
        self._journal, self._tasks = journal, tasks
        self._states: OrderedDict[str, str | None] = OrderedDict()

    def of(self, run: str) -> str | None:
        """The state that the run works for; None if it works for none, or nobody has heard of it."""
        return self._states.get(run)

    def note(self, run: str, state: str | None) -> None:
        """The run works for that state."""
        self._states[run] = state
        if len(self._states) > _MOST:
            self._states.popitem(last=False)

    def and_tell(self, tell: Callable[[RunHead], None]) -> Callable[[RunHead], None]:
        """What hears of a run for this, and then tells of it."""

        def hear(head: RunHead) -> None:
            if head.run not in self._states:
                self._tasks.start(self._read(head.run), f"the state of {head.run}")
            tell(head)

        return hear

    async def _read(self, run: str) -> None:
        try:
            record = await self._journal.record(run, SPEC)
        except StorageError:  # what is told of the run is told without its state
            return
        if record:
            self.note(run, record.data["spec"].get("state"))
