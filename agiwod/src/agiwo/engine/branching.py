"""Branches of conversations: a session that begins at a point of another, or goes back to one. Copies no record."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Protocol

from agiwo import ids
from agiwo.clock import Clock
from agiwo.errors import Conflict, CursorExpired, NotFound
from agiwo.journal.base import Journal
from agiwo.schema.record import Point, RunHead, Session


class Held(Protocol):
    """Knows which sessions have a run that goes or waits to."""

    def hold(self, session: str) -> AbstractAsyncContextManager[None]:
        """Keep the session's runs from going meanwhile.

        Raises:
            Conflict: one is going, or waits to go.
        """
        ...


class Branching:
    """Moves and copies the place where a session's history ends; the cost does not grow with the history."""

    def __init__(self, journal: Journal, lanes: Held, clock: Clock) -> None:
        self._journal, self._lanes, self._clock = journal, lanes, clock

    async def fork(self, session: str, at: str, seq: int | None = None, new: str | None = None) -> Session:
        """A new session, of the id `new` if given, whose history is this one's up to and with the run `at`.

        With `seq` only that much of the run counts: 0 is all that was before it. What was rewound can be forked too.

        Raises:
            NotFound: no such session, or no such run in it.
            Conflict: the run is still going and no `seq` was given, or a session `new` exists.
            CursorExpired: the run has not had that many events.
            StorageError: the store refuses writes.
        """
        source = await self._session(session)
        point = await self._point(source, at, seq)
        now = self._clock.now()
        fork = Session(new or ids.fresh("ses"), source.agent, now, now, head=point, forked_from=point, meta=source.meta)
        async with self._lanes.hold(fork.id):
            if await self._journal.session(fork.id):
                raise Conflict(f"session {fork.id!r} exists")
            await self._journal.append(fork)
        return fork

    async def rewind(self, session: str, at: str, seq: int | None = None) -> Session:
        """The session with its history ending there; the runs behind it stay, and can be forked.

        Raises:
            NotFound: no such session, or no such run in it.
            Conflict: a run of the session is going or waits to go.
            CursorExpired: the run has not had that many events.
            StorageError: the store refuses writes.
        """
        async with self._lanes.hold(session):
            source = await self._session(session)
            point = await self._point(source, at, seq)
            rewound = replace(source, head=point, updated_at=self._clock.now())
            await self._journal.append(rewound)
        return rewound

    async def note(self, session: str, meta: Mapping[str, Any]) -> Session:
        """The session with this kept beside what is kept with it already.

        Raises:
            NotFound: no such session.
            Conflict: a run of the session is going or waits to go.
            StorageError: the store refuses writes.
        """
        async with self._lanes.hold(session):
            found = await self._session(session)
            noted = replace(found, meta={**found.meta, **meta})
            await self._journal.append(noted)
        return noted

    async def _session(self, id: str) -> Session:
        session = await self._journal.session(id)
        if session is None:
            raise NotFound("session", id)
        return session

    async def _point(self, session: Session, at: str, seq: int | None) -> Point:
        head = await self._journal.run(at)
        if head is None or not await self._had(session, head):
            raise NotFound("run", at, f"session {session.id} has had no such run")
        if seq is None and not head.status.is_terminal:
            raise Conflict(f"run {at} is still going: wait for it, cancel it, or name the seq up to which it counts")
        if seq is not None and not 0 <= seq <= head.head:
            raise CursorExpired(at, seq, head.head)
        return Point(at, seq)

    async def _had(self, session: Session, run: RunHead) -> bool:
        """Whether the run is of the session, or of one that it was forked from."""
        above: Session | None = session
        while above and above.id != run.session:
            source = await self._journal.run(above.forked_from.run) if above.forked_from else None
            above = await self._journal.session(source.session) if source else None
        return above is not None
