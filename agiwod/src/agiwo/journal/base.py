"""What a journal is: the append-only log of every run, and the indexes over it. Knows no engine."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from agiwo.schema.event import Event
from agiwo.schema.record import Change, Record, RunHead, Session, State
from agiwo.schema.run import RunStatus

Listener = Callable[[Sequence[Record]], None]
"""Gets the records of one commit, in order, on the event loop. Must not raise and must not wait."""

PROBE: Final = 262_144
"""Bytes that are more than a usual batch: fewer say nothing about a disk that is nearly full."""


class Journal(Protocol):
    """An append-only log per run. What `append` returned is there after `kill -9`; what it refused never was."""

    @property
    def epoch(self) -> str:
        """Names this log; another one (a wiped store) has another epoch."""
        ...

    @property
    def owner(self) -> str:
        """Names this process in `RunHead.owner` and `Session.owner`, or all that work together in one database."""
        ...

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        """Append all of it atomically; return the new records, with their seq, once they are as durable as promised.

        Listeners have seen the records before this returns. `first` gets them all before the others, and whom it brings
        as a listener hears of them, too: so a new run is followed from its first record on. Cancelling the caller does
        not undo an append that is under way, and `first` is told of it. The journal keeps copies: the records hold what
        a later reader will get, and must not be changed.

        Raises:
            Conflict: a key or a run exists already, a run is in another status or a state of another version than
                expected, or it (or its session) belongs to another live process, whose pid the error carries.
            NotFound: a batch without `create` names an unknown run.
            StorageError: the store refused; nothing was recorded and nobody was told.
            TypeError: an entry's data, the meta of a session or state, or an id is not JSON (a lone surrogate, an
                integer of more than 64 bits); nothing was recorded.
        """
        ...

    async def read(self, run: str, after: int = 0, limit: int = 512) -> list[Record]:
        """Public records with a seq above `after`, oldest first, at most `limit`. Empty for an unknown run."""
        ...

    async def events(self, run: str, after: int = 0, limit: int = 512) -> list[Event]:
        """What `read` gives, as events: for whoever passes them on, since their data may be as the store has it."""
        ...

    async def load(self, run: str, after: int = 0, limit: int | None = None) -> list[Record]:
        """Every record of the run behind that position, internal ones too, in their order; at most `limit`."""
        ...

    async def record(self, run: str, key: str) -> Record | None:
        """The record of the run that has this key, or None: what was in the way of an append that was a `Conflict`."""
        ...

    def watch(self, run: str, listener: Listener, *, internal: bool = False) -> Callable[[], None]:
        """Tell `listener` of each commit to this run from now on; call the result to stop.

        With `internal` it hears of the internal records too, in the order of their positions. Where processes work
        together it hears of the commits of all of them, those of others some milliseconds later, and maybe several at
        once. A read that is made after this misses nothing that the listener does not hear.
        """
        ...

    async def run(self, run: str) -> RunHead | None:
        """The run's index entry, or None."""
        ...

    async def runs(
        self,
        *,
        ids: Sequence[str] | None = None,
        session: str | None = None,
        agent: str | None = None,
        parent: str | None = None,
        statuses: frozenset[RunStatus] | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunHead]:
        """Index entries, newest first: of the runs of those `ids`, and with the rest as given.

        `before` is the id of the last one of the previous page.

        Raises:
            NotFound: there is no run `before`.
        """
        ...

    async def claim(self) -> list[RunHead]:
        """Make this process the owner of every unfinished run whose owner is gone; return all of ours, oldest first.

        The sessions of owners that are gone become ours too. Where processes work together, this gives nothing to one
        alone: the list is empty.
        """
        ...

    async def session(self, session: str) -> Session | None:
        """The session, or None."""
        ...

    async def sessions(self, *, agent: str | None = None, before: str | None = None, limit: int = 100) -> list[Session]:
        """Sessions, the one used last first; `before` is the id of the last one of the previous page.

        Raises:
            NotFound: there is no session `before`.
        """
        ...

    async def state(self, state: str) -> State | None:
        """The state, or None."""
        ...

    async def states(
        self,
        *,
        parents: Sequence[str] | None = None,
        agent: str | None = None,
        phases: Sequence[str] | None = None,
        roots: bool = False,
        before: str | None = None,
        limit: int = 100,
    ) -> list[State]:
        """States, newest first: those below one of `parents`, or with `roots` those below none.

        `before` is the id of the last one of the previous page.

        Raises:
            NotFound: there is no state `before`.
        """
        ...

    async def put_blob(self, data: bytes) -> str:
        """Keep `data` and return its name, which derives from its content: the same bytes are kept once."""
        ...

    async def get_blob(self, blob: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """A part of a blob and its whole size in bytes.

        Raises:
            NotFound: there is no such blob.
        """
        ...

    async def probe(self, size: int = PROBE) -> None:
        """Make one durable write of so many bytes, where that is not nothing.

        Raises:
            StorageError: the store still refuses.
        """
        ...

    async def close(self) -> None:
        """Finish the appends under way, then let go of the files."""
        ...
