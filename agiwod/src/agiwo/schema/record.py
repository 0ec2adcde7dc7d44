"""A record of a run's journal, and what is handed in to make some. Knows no store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from agiwo.schema.run import RunStatus

Json = Mapping[str, Any]
"""JSON data: what orjson can write, with string keys."""

BESIDE: Final = "beside"
"""Member of `RunHead.wake` of a run that does other things while it sleeps."""


# Entries and records are named tuples, which are made in a third of the time: an append makes several of each.


class Entry(NamedTuple):
    """One record to append. Public ones get the run's next seq; internal ones have a key and are never sent.

    A key names the record inside its run: a second entry with the same key makes the whole append a `Conflict`.
    """

    type: str
    data: Json
    at: float
    key: str | None = None
    public: bool = True
    item: str | None = None


class Record(NamedTuple):
    """One record as it stands in the journal.

    `position` orders all records of a run (1, 2, 3 …); `seq` counts its public ones without a hole and is None for
    internal ones.
    """

    run: str
    position: int
    seq: int | None
    type: str
    data: Json
    at: float
    key: str | None = None
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a session's history: a run, and the last seq of it that counts (None: all of it)."""

    run: str
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class RunHead:
    """The index entry of a run: what a list shows without reading records.

    `owner` names the process that drives it (see `Journal.owner`). Times are seconds since the epoch. `wake` is what a
    sleeping run waits for: a `deadline` (or None), and `runs` of which `all` or `any`, as `mode` says, are to end.
    `beside` is in it when the run does other things meanwhile.
    """

    run: str
    session: str
    agent: str
    status: RunStatus
    created_at: float
    updated_at: float
    parent: str | None = None
    head: int = 0
    owner: str = ""
    wake: Json | None = None

    @property
    def is_asleep(self) -> bool:
        """Whether the run sleeps and does nothing else."""
        return self.status == RunStatus.SLEEPING and self.wake is not None and BESIDE not in self.wake


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation: the place where its history ends. Forking one copies a pointer, nothing else."""

    id: str
    agent: str
    created_at: float
    updated_at: float
    head: Point | None = None
    forked_from: Point | None = None
    owner: str = ""
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Batch:
    """What is appended to one run, all of it or nothing.

    `create` makes the run (a `Conflict` when it exists). `expect` refuses the append with a `Conflict` when the run's
    status is another one. `status` is what the run has become, and `wake` what it waits for in that status.
    """

    run: str
    entries: tuple[Entry, ...] = ()
    status: RunStatus | None = None
    expect: frozenset[RunStatus] | None = None
    create: RunHead | None = None
    wake: Json | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The index entry of a scheduled agent: who it is, above all its runs.

    `run` is the task that it works on, or did last. `parent` is the state above it. `phase` is what was decided about
    it: `open`, `closing` (it is to end when its tasks have), `ended`, `cancelled`. What it does at the moment its run
    tells, and is not kept here.
    """

    id: str
    agent: str
    session: str
    run: str
    created_at: float
    updated_at: float
    parent: str | None = None
    depth: int = 0
    persistent: bool = False
    phase: str = "open"
    version: int = 0
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StateChange:
    """A state to create or replace, by id; its version will be the next one.

    `expect` is the version that was found, 0 for none. When the journal has another one the append is a `Conflict`.
    """

    state: State
    expect: int = 0


Change = Batch | Session | StateChange
"""What an append takes: batches of runs, sessions to create or replace (by id), and states to change."""
