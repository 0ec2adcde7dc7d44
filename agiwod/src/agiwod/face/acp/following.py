"""The runs of a session as its editor is told them: its own, those that others begin, and what was said before."""

import asyncio
from typing import TYPE_CHECKING, Final

from agiwo.engine.cursor import Cursor
from agiwo.schema.event import APPROVAL_REQUESTED, RUN_FAILED, Event
from agiwo.schema.run import TERMINAL, RunStatus

from agiwod.face.acp.updates import Updates

if TYPE_CHECKING:
    from agiwod.face.acp.connection import Connection
    from agiwod.face.acp.session import OpenSession

_UNFINISHED: Final = frozenset(RunStatus) - TERMINAL


class Following:
    """What is told of one session. `roots` are the runs that are told for themselves, not for one above them."""

    def __init__(self, connection: "Connection", session: "OpenSession", updates: Updates) -> None:
        self.roots: set[str] = set()
        self._connection, self._session, self._updates = connection, session, updates
        self._daemon = connection.daemon
        self._reached: dict[str, tuple[int, asyncio.Event]] = {}

    def expect(self, run: str) -> None:
        """Have the events of this run come here, and those of the runs below it."""
        self._connection.runs[run] = self._session
        self.roots.add(run)

    def forget(self, run: str) -> None:
        """Expect nothing of it any more."""
        self.roots.discard(run)
        self._connection.runs.pop(run, None)
        _, reached = self._reached.pop(run, (0, None))
        if reached is not None:
            reached.set()

    def adopt(self, cursor: Cursor) -> None:
        """Tell a run that was begun here, which is expected."""
        self._connection.fanout.adopt(cursor, is_tree=True)

    async def replay(self) -> None:
        """Tell all that was said, and then follow what still goes on; returns when the past has been told."""
        going = await self._going()
        for record in await self._daemon.sessions.history(self._session.id):
            if record.run not in going:
                await self._connection.channel.drained()
                self._updates.complete(record.item or "", record.data)
        for run in going:
            await self.follow(run)

    async def resume(self) -> None:
        """Follow what goes on, without telling the past."""
        for run in await self._going():
            await self.follow(run)

    async def _going(self) -> list[str]:
        """The session's runs that are not over, the one in front first."""
        found = await self._daemon.runs.list(session=self._session.id, statuses=_UNFINISHED)
        return [state.head.run for state in reversed(found)]

    async def follow(self, run: str) -> None:
        """Tell a run that somebody else began, unless it is told already; returns when its past has been told.

        Raises:
            NotFound: there is no such run.
        """
        if run in self.roots:
            return
        self.expect(run)
        try:
            attachment = await self._connection.fanout.attach(run, is_tree=True)
        except BaseException:
            self.forget(run)
            raise
        reached = asyncio.Event()
        self._reached[run] = attachment.heads[0].head, reached
        attachment.go()
        await reached.wait()
        await self._daemon.hosts.concerns(run, self._session.workbench)

    def take(self, event: Event, *, is_asked_here: bool) -> None:
        """Tell an event. What was said in a prompt that `is_asked_here` is known."""
        is_root = event.run in self.roots
        if not (is_asked_here and event.item == f"{event.run}.input"):
            self._updates.take(event, is_below=not is_root)
        if event.type == RUN_FAILED and is_root and not is_asked_here:
            self._updates.fail(event)
        if event.type == APPROVAL_REQUESTED:
            self._connection.permissions.ask(self._session, event)
        until, reached = self._reached.get(event.run, (0, None))
        if reached is not None and (event.seq or 0) >= until:
            del self._reached[event.run]
            reached.set()
        if event.is_terminal and is_root:
            self.forget(event.run)

    def detach(self, run: str) -> None:
        """Tell nothing more of a run."""
        self._connection.fanout.detach(run)
        self.forget(run)
