"""The group commit: appends that come while a commit runs go into the next one together. Knows no store."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from agiwo.errors import AgiwoError, Conflict, NotFound
from agiwo.failpoint import reach
from agiwo.journal.base import Listener
from agiwo.journal.body import Bodies, detached_batch, detached_session, detached_state
from agiwo.journal.ledger import Ledger, Written
from agiwo.journal.listeners import Audience, call
from agiwo.schema.record import Batch, Change, Record, Session, StateChange

_GROUP: Final = 512
"""Appends in one commit at most, so that the first of them does not wait long for the last."""

_GROUP_BYTES: Final = 16 * 1024 * 1024
"""Bytes of records above which a commit takes no further append: some stores hold all of it in memory."""

_QUEUED: Final = 1024
"""Appends that may wait for a commit; more wait for room."""


@dataclass(frozen=True, slots=True, eq=False)
class Append:
    """One caller's changes, written down, the future that the caller awaits, and who is told first."""

    changes: Sequence[Change]
    bodies: Bodies
    done: asyncio.Future[list[Record]]
    first: Listener | None = None


Outcome = list[Record] | AgiwoError
"""What became of one append: its records, or why it was refused."""


class Group:
    """Appends to one store, for everybody in this process who has it open.

    `commit` makes one commit of some appends, and tells what became of each; `rest` begins what has to happen before
    the next one, if anything. There is no task: each commit is started by an append or by the commit before it, so
    nothing is left to stop.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Append]], asyncio.Future[list[Outcome]]],
        listeners: Audience,
        rest: Callable[[], asyncio.Future[Any] | None] = lambda: None,
    ) -> None:
        self._commit, self._listeners, self._rest = commit, listeners, rest
        self._queue: asyncio.Queue[Append] = asyncio.Queue(_QUEUED)
        self._is_busy = False

    async def append(self, changes: Iterable[Change], first: Listener | None = None) -> list[Record]:
        """As `Journal.append`."""
        written_down = _written_down(changes, first)
        await self._queue.put(written_down)
        if not self._is_busy:
            self._is_busy = True
            # At the end of this turn of the loop, so that all who append in it go together.
            asyncio.get_running_loop().call_soon(self._commit_next)
        return await written_down.done

    async def finish(self) -> None:
        """Return when every append that was taken up has been committed or refused."""
        await self._queue.join()

    def _commit_next(self) -> None:
        self._is_busy = not self._queue.empty()
        if not self._is_busy:
            return
        group = self._next_group()
        self._commit(group).add_done_callback(partial(self._settle, group))

    def _next_group(self) -> list[Append]:
        group, size = list[Append](), 0
        while len(group) < _GROUP and size < _GROUP_BYTES and not self._queue.empty():
            append = self._queue.get_nowait()
            size += sum(map(len, append.bodies.raws))
            group.append(append)
        return group

    def _settle(self, group: Sequence[Append], future: asyncio.Future[list[Outcome]]) -> None:
        if future.cancelled():
            self._drop(group)
            return
        error = future.exception()
        outcomes = [error] * len(group) if error else future.result()
        for append, outcome in zip(group, outcomes, strict=True):
            self._tell(append, outcome)
            self._queue.task_done()
        if (rest := self._rest()) is not None:
            rest.add_done_callback(lambda _: self._commit_next())
        else:
            self._commit_next()

    def _drop(self, group: Sequence[Append]) -> None:
        """The event loop ends, and with it whoever waits: nothing more is begun."""
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for append in (*group, *waiting):
            append.done.cancel()
            self._queue.task_done()
        self._is_busy = False

    def _tell(self, append: Append, outcome: list[Record] | BaseException) -> None:
        if not isinstance(outcome, BaseException):
            reach("listeners/before")
            if append.first is not None:
                call(append.first, outcome)
            self._listeners.tell(outcome)
            reach("append/before")
        if append.done.done():  # its caller was cancelled
            return
        if isinstance(outcome, BaseException):
            append.done.set_exception(outcome)
        else:
            append.done.set_result(outcome)


@dataclass(frozen=True, slots=True)
class Named:
    """What some appends name: what a ledger must know of the store before it can decide."""

    runs: Sequence[str]
    sessions: Sequence[str]
    states: Sequence[str]
    keys: Sequence[tuple[str, str]]

    @classmethod
    def by(cls, group: Iterable[Append]) -> "Named":
        """All that these appends name; the sessions of runs that are there already are not among it."""
        changes = [change for append in group for change in append.changes]
        batches = [change for change in changes if isinstance(change, Batch)]
        states = [change.state for change in changes if isinstance(change, StateChange)]
        sessions = [change.id for change in changes if isinstance(change, Session)]
        sessions += [batch.create.session for batch in batches if batch.create]
        sessions += [state.session for state in states]
        keys = [(batch.run, entry.key) for batch in batches for entry in batch.entries if entry.key is not None]
        return cls([batch.run for batch in batches], sessions, [state.id for state in states], keys)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a group comes to: the outcome of each append, and what is to be written; `bodies` go with its records."""

    outcomes: list[Outcome]
    written: Written
    bodies: Bodies

    @classmethod
    def of(cls, ledger: Ledger, group: Iterable[Append]) -> "Decision":
        """Let each append be taken or refused, in their order."""
        decision = cls([], Written(), Bodies())
        for append in group:
            try:
                written = ledger.append(append.changes)
            except (Conflict, NotFound) as refusal:
                decision.outcomes.append(refusal)
            else:
                decision.outcomes.append(written.records)
                decision.written.add(written)
                decision.bodies.add(append.bodies)
        return decision


def _written_down(changes: Iterable[Change], first: Listener | None) -> Append:
    bodies = Bodies()
    kept = [_detached(change, bodies) for change in changes]
    return Append(kept, bodies, asyncio.get_running_loop().create_future(), first)


def _detached(change: Change, bodies: Bodies) -> Change:
    if isinstance(change, Batch):
        return detached_batch(change, bodies)
    return detached_session(change) if isinstance(change, Session) else detached_state(change)
