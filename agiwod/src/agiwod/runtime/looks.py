"""Looks at scheduled agents: each as it stands, and what it used. What has not moved is not read again."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agiwo.clock import Clock
from agiwo.durable import SPEC
from agiwo.errors import NotFound
from agiwo.journal.base import Journal
from agiwo.scheduler.portrait import portrait, used, waited_for
from agiwo.scheduler.states import States
from agiwo.schema.event import RUN_SLEEPING, RUN_WOKEN
from agiwo.schema.record import Record, RunHead, State
from agiwo.schema.run import Usage
from agiwo.schema.state import AgentState

_KEPT: Final = 1024
"""Tasks of which is kept what a look needs; the one that was looked at longest ago goes first."""

_TOLD: Final = (RUN_SLEEPING, RUN_WOKEN)
"""The types of what a look needs, beside what the task is and how it ended."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a look needs of a task's records, as they were when the index said `stamp`."""

    stamp: tuple[float, int]
    records: Sequence[Record]
    used: Usage


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
        self._kept: OrderedDict[str, _Read] = OrderedDict()

    async def find(self, state: State) -> Look | None:
        """The agent as it stands, or None when its session was deleted since its state was read."""
        try:
            return await self.at(state)
        except NotFound:
            return None

    async def at(self, state: State) -> Look:
        """The agent as it stands.

        Raises:
            NotFound: its session was deleted since its state was read.
        """
        head = await self._states.current(state)
        read = await self._read(head)
        runs: Sequence[str] = head.wake["runs"] if head.wake else ()
        ended = [id for id, run in zip(waited_for(read.records), runs, strict=False) if await self._has_ended(run)]
        end = head.updated_at if head.status.is_terminal else self._clock.now()
        waiting = await self._states.unfinished(state) if state.persistent else []
        queued = sum(each.run != head.run for each in waiting)
        shown = portrait(state, head, read.records, None, ended)
        return Look(state, head, shown, read.used, max(0.0, end - head.created_at), queued)

    async def _read(self, head: RunHead) -> _Read:
        stamp = (head.updated_at, head.head)
        read = self._kept.pop(head.run, None)
        if read is None or read.stamp != stamp:
            records = await self._journal.load(head.run)
            read = _Read(stamp, _needed(records), used(records))
        self._kept[head.run] = read
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return read

    async def _has_ended(self, run: str) -> bool:
        head = await self._journal.run(run)
        return head is not None and head.status.is_terminal


def _needed(records: Sequence[Record]) -> Sequence[Record]:
    """Those of the records that a portrait is made of, without what a task's plan holds beside its input."""
    needed = [record for record in records[:-1] if record.type in _TOLD or record.key == SPEC]
    return [_input_of(record) if record.key == SPEC else record for record in (*needed, *records[-1:])]


def _input_of(record: Record) -> Record:
    return record._replace(data={"spec": {"input": record.data["spec"]["input"]}})
