"""An engine as those use it who have readers and clients: any of the engines there are. Runs nothing itself."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from agiwo.durable import Engine, RunView
from agiwo.engine.branching import Branching
from agiwo.engine.cursor import Cursor
from agiwo.engine.feed import OpenItem
from agiwo.engine.storage import Storage
from agiwo.journal.base import Journal
from agiwo.schema.event import NewEvent
from agiwo.schema.past import Past
from agiwo.schema.record import Record, RunHead, StateChange
from agiwo.schema.run import RunSpec


class ServingEngine(Engine, Protocol):
    """An `Engine` with its journal, and all that one can ask of its runs. Each method is as `EmbeddedEngine` has it."""

    journal: Journal
    storage: Storage
    branching: Branching
    pool_of: Callable[[RunSpec], asyncio.Semaphore | None]

    @property
    def going(self) -> int:
        """How many runs it has in memory: all that are not over, but for those that sleep."""
        ...

    async def start(
        self, spec: RunSpec, *, run: str | None = None, changes: Sequence[StateChange] = (), is_new: bool = False
    ) -> Cursor:
        """Submit a run, and read it from its first moment on."""
        ...

    async def send_first(
        self, run: str, message: str, topic: str, data: Mapping[str, Any], event: NewEvent | None = None
    ) -> bool:
        """Put a message in a run's mailbox; whether it was the first with this id."""
        ...

    async def events(self, run: str, after: int = 0, on_wake: Callable[[Cursor], None] | None = None) -> Cursor:
        """A reader of the run's events from `after` on."""
        ...

    async def head(self, run: str) -> RunHead:
        """Where a run stands."""
        ...

    def state_of(self, run: str) -> str | None:
        """The state that a run works for, as far as that is known here without asking."""
        ...

    def open_items(self, run: str) -> list[OpenItem]:
        """What a run is making at this moment, as far as somebody here sees it."""
        ...

    def tell(self, run: str, data: Mapping[str, Any]) -> bool:
        """Tell present readers of a run something that is not kept; False when nobody could hear it."""
        ...

    def recorded(self, run: str) -> tuple[RunView, Mapping[str, Record]] | None:
        """The run as its loop sees it, and its records by key; None while no loop drives it here."""
        ...

    async def past(self, run: str) -> Past:
        """What the run's session had said before it."""
        ...

    async def resume(self, run: str) -> bool:
        """Try a suspended run again; False when it is not suspended here."""
        ...

    def learn_secrets(self, secrets: Mapping[str, str]) -> None:
        """Replace these secrets too in everything that is recorded or streamed from now on."""
        ...

    async def close(self) -> None:
        """Stop driving. Unfinished runs stay as they are recorded."""
        ...
