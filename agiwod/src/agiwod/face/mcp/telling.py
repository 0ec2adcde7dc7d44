"""What a client is told while its call goes on: the text as it comes, and what holds the run up. Asks nothing."""

from typing import Final

import anyio
from agiwo.engine.cursor import Cursor
from agiwo.schema.event import APPROVAL_REQUESTED, ITEM_DELTA, RUN_RETRYING, Event

from agiwod.face.mcp.sessions import Context, Session

_BEAT: Final = 0.03
"""Seconds between two notices of what was said: each costs a client much more than the few words in it."""


class Telling:
    """One run, told to the client whose call it is for. `tells_questions`: the client's user is not asked by it."""

    def __init__(self, cursor: Cursor, context: Context, session: Session, *, tells_questions: bool) -> None:
        self._cursor, self._context, self._session = cursor, context, session
        self._tells_questions = tells_questions
        self._progress = 0
        self._is_over, self._is_told = anyio.Event(), anyio.Event()

    async def run(self) -> None:
        """Tell it to its end."""
        while not self._cursor.finished:
            await self._cursor.wait()
            events = await self._cursor.pull()
            await self._progressed("".join(map(_words, events)))
            for event in events:
                await self._note(event)
            with anyio.move_on_after(_BEAT):
                await self._is_over.wait()
        self._is_told.set()

    async def finish(self) -> None:
        """Return once all is told of a run that has ended."""
        self._is_over.set()
        await self._is_told.wait()

    async def _progressed(self, text: str) -> None:
        """The characters of what is told are the progress, since nobody knows how many there will be."""
        if text:
            self._progress += len(text)
            await self._context.session.report_progress(self._progress, None, text)

    async def _note(self, event: Event) -> None:
        if event.type == RUN_RETRYING:
            told = {name: event.data.get(name) for name in ("attempt", "delay", "reason")}
            await self._session.tell("warning", {"runId": event.run, **told}, self._context)
        elif event.type == APPROVAL_REQUESTED and self._tells_questions:
            title, id = event.data["title"], event.data["approvalId"]
            await self._progressed(f"[{title} Answer with `agiwod approvals`: {id}]")


def _words(event: Event) -> str:
    """What the agent says; nothing of what it thinks, or gives to tools."""
    return event.data["text"] if event.type == ITEM_DELTA and event.data["kind"] == "text" else ""
