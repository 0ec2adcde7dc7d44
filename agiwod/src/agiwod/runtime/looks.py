"""Looks at scheduled agents: each as it stands, and what it used. Keeps what is over, so that it is read once."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agiwo.clock import Clock
from agiwo.durable import SPEC
from agiwo.journal.base import Journal
from agiwo.scheduler.portrait import portrait, used, waited_for
from agiwo.scheduler.states import States
from agiwo.schema.event import RUN_WOKEN
from agiwo.schema.record import Record, RunHead, State
from agiwo.schema.run import RunStatus, Usage
from agiwo.schema.state import AgentState

_KEPT: Final = 4096
"""Tasks that are over, and of which is kept what a look needs; the one that was looked at longest ago goes first."""


@dataclass(frozen=True, slots=True)
class Look:
    """A scheduled agent at one moment, and the task that it works on, or did last.

    `used` is by the agent alone and for this task, and `elapsed` are the seconds that it takes, or took. `queued`
    counts the tasks behind it.
    """

    state: State
    head: RunHead
    shown: AgentState
    used: Usage
    elapsed: float
    queued: int


class Looks:
    """Looks at the agents of a journal."""

    def __init__(self, journal: Journal, states: States, clock: Clock) -> None:
        self._journal, self._states, self._clock = journal, states, clock
        self._over: OrderedDict[str, tuple[Sequence[Record], Usage]] = OrderedDict()

    async def at(self, state: State) -> Look:
        """The agent as it stands."""
        head = await self._states.current(state)
        records, usage = await self._read(head)
        ended = [id for id in waited_for(records) if await self._has_ended(id)] if _sleeps(head) else []
        above = await self._journal.state(state.parent) if state.parent else None
        end = head.updated_at if head.status.is_terminal else self._clock.now()
        waiting = await self._states.unfinished(state) if state.persistent else []
        queued = sum(each.run != head.run for each in waiting)
        shown = portrait(state, head, records, above, ended)
        return Look(state, head, shown, usage, max(0.0, end - head.created_at), queued)

    async def _read(self, head: RunHead) -> tuple[Sequence[Record], Usage]:
        """What a look needs of the task's records, and what it used."""
        if head.run in self._over:
            self._over.move_to_end(head.run)
            return self._over[head.run]
        records = await self._journal.load(head.run)
        usage = used(records)
        if head.status.is_terminal:
            records = [each for each in records[:-1] if each.key == SPEC or each.type == RUN_WOKEN] + records[-1:]
            self._over[head.run] = records, usage
            if len(self._over) > _KEPT:
                self._over.popitem(last=False)
        return records, usage

    async def _has_ended(self, id: str) -> bool:
        state = await self._journal.state(id)
        head = await self._journal.run(state.run) if state else None
        return head is not None and head.status.is_terminal


def _sleeps(head: RunHead) -> bool:
    return head.status == RunStatus.SLEEPING
