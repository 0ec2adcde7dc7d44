"""What is kept for a new run until it is recorded: its place in its session's line, and a slot. Knows no journal."""

import asyncio
from dataclasses import dataclass

from agiwo.engine.execution import Execution
from agiwo.engine.pasts import BASE
from agiwo.schema.run import RunStatus


@dataclass(slots=True, eq=False)
class Place:
    """A run's place. With a slot of `pool` it may begin with its first record; without one it waits for its turn."""

    pool: asyncio.Semaphore | None = None
    is_taken: bool = False

    def give(self, execution: Execution) -> None:
        """Let the run have it."""
        self.is_taken = execution.is_new = True
        if self.pool:
            execution.slot.keep(self.pool)
        if BASE in execution.keyed:
            execution.status = RunStatus.RUNNING

    def give_up(self) -> None:
        """Let others have the slot."""
        if self.pool:
            self.pool.release()
            self.pool = None
