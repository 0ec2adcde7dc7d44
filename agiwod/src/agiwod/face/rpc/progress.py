"""What a run says, told to one client whose request waits for its end. Answers no request, and knows no method."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from agiwo.engine.cursor import Cursor
from agiwo.schema.event import APPROVAL_REQUESTED, ITEM_COMPLETED, ITEM_DELTA, ITEM_STARTED, RUN_RETRYING, Event
from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import Channel
from agiwo_protocol.progress import PROGRESS, Progress, ProgressParams

_BEAT: Final = 0.03
"""Seconds between two notices: who wants the words only does not want each by itself."""

_FAREWELL: Final = 2.0
"""Seconds in which a client has to take the last words before its request is answered."""


class Progression:
    """One run, told from its beginning under a token; a client that does not read makes it wait."""

    def __init__(self, channel: Channel, cursor: Cursor, token: str | int) -> None:
        self._channel, self._cursor, self._token = channel, cursor, token
        self._told = set[str | None]()
        self._is_over = asyncio.Event()

    @asynccontextmanager
    async def telling(self) -> AsyncGenerator[None]:
        """Tell while the context lasts; when it ends by itself the run is over, and all of it is told."""
        task = asyncio.create_task(self._tell(), name=f"progress of {self._cursor.run}")
        try:
            yield
            self._is_over.set()
            await asyncio.wait({task}, timeout=_FAREWELL)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _tell(self) -> None:
        while not self._cursor.finished:
            await self._cursor.wait()
            if self._channel.is_full:
                await self._channel.drained()
            for event in await self._cursor.pull():
                for each in self._news(event):
                    params = ProgressParams(token=self._token, value=each)
                    self._channel.write(jsonrpc.notification(PROGRESS.name, params.to_wire()))
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_BEAT):
                await self._is_over.wait()
        except TimeoutError:
            return

    def _news(self, event: Event) -> Iterator[Progress]:
        data = event.data
        if event.type == ITEM_DELTA and data["kind"] == "text":
            self._told.add(event.item)
            yield Progress(run_id=event.run, kind="text", text=data["text"])
        elif event.type in (ITEM_STARTED, ITEM_COMPLETED) and event.item not in self._told:
            yield from self._of_item(event)
        elif event.type == APPROVAL_REQUESTED:
            yield Progress(run_id=event.run, kind="approval", text=data["title"])
        elif event.type == RUN_RETRYING:
            yield Progress(run_id=event.run, kind="retrying", text=data["reason"])

    def _of_item(self, event: Event) -> Iterator[Progress]:
        """What is told of an item of which nothing was told: it may have been over before it was looked at."""
        data = event.data
        if data["kind"] == "toolCall" and data.get("name"):
            self._told.add(event.item)
            yield Progress(run_id=event.run, kind="toolCall", text=data["name"])
        elif data["kind"] == "agentMessage" and data.get("text"):
            yield Progress(run_id=event.run, kind="text", text=data["text"])
