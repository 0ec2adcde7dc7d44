"""One tab of the console as a channel: what it asks comes frame by frame, what it is told goes into one stream.

Knows no method but the one that has a run followed no more: from then on that run has no place in the stream.
"""

import asyncio
from typing import Final

from agiwo import ids
from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import ChannelClosed, Credentials
from agiwo_protocol.connection import CANCEL_REQUEST
from agiwo_protocol.errors import InvalidRequest
from agiwo_protocol.framing import Frame
from agiwo_protocol.jsonrpc import Notification, Request, RequestId, Response
from agiwo_protocol.limits import HIGH_WATER
from agiwo_protocol.run import DETACH

from agiwod.face.console.places import Places

_BEAT: Final = b"event: beat\ndata:\n\n"
"""What is sent when there is nothing to tell, so that the page sees that somebody is there."""


class Tab:
    """A conversation whose far end is a page. Full while the page has not taken what it was told."""

    def __init__(self, places: Places) -> None:
        self.id = ids.fresh("tab")
        self.places = places
        self._inbox: list[Frame] = []
        self._outbox: list[bytes] = []
        self._bytes = 0
        self._asked: dict[RequestId, asyncio.Future[bytes]] = {}
        self._is_over = False
        self._arrived, self._told, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()

    @property
    def credentials(self) -> Credentials | None:
        """A browser's: nobody tells whose."""
        return None

    async def receive(self) -> list[Frame]:
        """What the page has asked since the last time; an empty list at the end."""
        while not self._inbox and not self._is_over:
            self._arrived.clear()
            await self._arrived.wait()
        frames, self._inbox = self._inbox, []
        return frames

    def write(self, body: bytes) -> None:
        """Give an answer to who asked, and put all else into the stream."""
        match jsonrpc.read(body):
            case Response(id):
                waiting = None if id is None else self._asked.get(id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(body)
            case Notification(method, dict() as params) if not self._is_over:
                self.places.note(method, params)
                self.tell(b"data: %b\n" % body)
            case _:
                pass  # a page can be asked nothing: it has declared no capability

    def tell(self, event: bytes) -> None:
        """Put an event into the stream, without the line that ends it."""
        self._outbox.append(event)
        self._bytes += len(event)
        self._told.set()
        if self.is_full:
            self._room.clear()

    @property
    def backlog(self) -> int:
        """Bytes that the page has yet to take."""
        return self._bytes

    @property
    def is_full(self) -> bool:
        """Whether so much waits that events should wait too."""
        return self._bytes > HIGH_WATER

    @property
    def is_closed(self) -> bool:
        """Whether the tab is gone, or is to go."""
        return self._is_over

    async def drained(self) -> None:
        """Return when the tab is not full.

        Raises:
            ChannelClosed: it has ended.
        """
        while self.is_full and not self._is_over:
            await self._room.wait()
        if self._is_over:
            raise ChannelClosed("the tab has ended")

    async def close(self) -> None:
        """As `end`: what is still to be told was sent, or nobody takes it."""
        self.end()

    def end(self) -> None:
        """Tell nothing more; who has asked something and was not answered is told so."""
        self._is_over = True
        for event in (self._arrived, self._told, self._room):
            event.set()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(ChannelClosed("the tab has ended"))

    async def ask(self, request: Request) -> bytes:
        """The answer to a request of the page. Whoever stops waiting for it cancels the request.

        Raises:
            InvalidRequest: one of this id is under way.
            ChannelClosed: the tab has ended.
        """
        if self._is_over:
            raise ChannelClosed("the tab has ended")
        if request.id in self._asked:
            raise InvalidRequest("a request of this id is under way")
        answer = self._asked[request.id] = asyncio.get_running_loop().create_future()
        self._hear(jsonrpc.request(request.id, request.method, request.params))
        try:
            return await answer
        except asyncio.CancelledError:
            self._hear(jsonrpc.notification(CANCEL_REQUEST.name, {"id": request.id}))
            raise
        finally:
            del self._asked[request.id]
            if request.method == DETACH.name and isinstance(request.params, dict):
                self.places.runs.pop(str(request.params.get("runId")), None)

    def _hear(self, frame: bytes) -> None:
        self._inbox.append(frame)
        self._arrived.set()

    async def news(self, beat: float) -> bytes:
        """What the stream goes on with, at the latest after `beat` seconds; empty at its end.

        All of it has one id: where the tab is when it has read that. Whoever breaks off within gets it again.
        """
        if not self._outbox and not self._is_over:
            self._told.clear()
            try:
                async with asyncio.timeout(beat):
                    await self._told.wait()
            except TimeoutError:
                return _BEAT
        events, self._outbox, self._bytes = self._outbox, [], 0
        self._room.set()
        if not events:
            return b""
        return b"\n".join(events) + b"id: %b\n\n" % self.places.encode().encode()
