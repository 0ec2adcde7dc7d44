"""Conversations: create, find, branch and forget them, and read what was said in them. Starts no run."""

import asyncio
from collections.abc import Mapping
from typing import Any

from agiwo import ids
from agiwo.clock import Clock
from agiwo.engine.pasts import Pasts
from agiwo.engine.serving import ServingEngine
from agiwo.errors import Conflict, NotFound
from agiwo.journal.care import Store
from agiwo.journal.deletion import delete_session
from agiwo.schema.event import ITEM_COMPLETED
from agiwo.schema.record import Record, Session

from agiwod.runtime.agents import Agents


class Sessions:
    """The sessions of an engine's journal."""

    def __init__(self, store: Store, engine: ServingEngine, agents: Agents, clock: Clock) -> None:
        self._store, self._journal, self._branching = store, engine.journal, engine.branching
        self._agents, self._clock = agents, clock
        self._creating = asyncio.Lock()

    async def create(
        self, agent: str, id: str | None = None, meta: Mapping[str, Any] | None = None, agents: Agents | None = None
    ) -> Session:
        """A new, empty session, of one of the daemon's agents, or of `agents`. `meta` is kept with it.

        Raises:
            NotFound: there is no such agent.
            Conflict: the session exists.
            StorageError: the store refuses.
        """
        (agents or self._agents).get(agent)
        now = self._clock.now()
        session = Session(id or ids.fresh("ses"), agent, now, now, meta=meta or {})
        async with self._creating:
            if await self._journal.session(session.id):
                raise Conflict(f"session {session.id!r} exists")
            await self._journal.append(session)
        return session

    async def fork(self, id: str, at: str, seq: int | None = None, new: str | None = None) -> Session:
        """As `Branching.fork`."""
        return await self._branching.fork(id, at, seq, new)

    async def rewind(self, id: str, at: str, seq: int | None = None) -> Session:
        """As `Branching.rewind`."""
        return await self._branching.rewind(id, at, seq)

    async def delete(self, id: str) -> int:
        """Forget a session, with all that was done for it; how many runs that were.

        Raises:
            NotFound: there is none of that id.
            Conflict: something of it is still going, or others need it.
            StorageError: the store refuses.
        """
        return await delete_session(self._store, await self.get(id), self._clock.now)

    async def note(self, id: str, meta: Mapping[str, Any]) -> Session:
        """As `Branching.note`."""
        return await self._branching.note(id, meta)

    async def get(self, id: str) -> Session:
        """The session.

        Raises:
            NotFound: there is none of that id.
        """
        session = await self._journal.session(id)
        if session is None:
            raise NotFound("session", id)
        return session

    async def history(self, id: str) -> list[Record]:
        """The completed items of the session's runs, oldest first: a fold over their journals.

        Raises:
            NotFound: there is no such session.
        """
        past = await Pasts(self._journal).up_to((await self.get(id)).head)
        return [record for records in past for record in records if record.type == ITEM_COMPLETED]

    async def list(self, *, agent: str | None = None, before: str | None = None, limit: int = 100) -> list[Session]:
        """Sessions, the one used last first; `before` is the id of the last one of the previous page.

        Raises:
            NotFound: there is no session `before`.
        """
        return await self._journal.sessions(agent=agent, before=before, limit=limit)
