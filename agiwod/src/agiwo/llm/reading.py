"""One answer as it is read: bytes to chunks, and whether they make a whole. Knows no wire's words."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from agiwo.errors import ModelError
from agiwo.llm.refusal import GAVE_UP, Asked, error_event, error_in
from agiwo.llm.sse import EventTooLarge, SseSplitter
from agiwo.schema.chunk import StreamChunk

if TYPE_CHECKING:
    from agiwo.llm.http import Reply

Decode = Callable[[Any], StreamChunk | None]
"""Makes a chunk of an event's JSON; None when the event says nothing. Whatever is wrong with it may raise."""


class Reading:
    """What has come of one answer. It is whole once a chunk had a finish reason and the stream has ended."""

    __slots__ = ("_asked", "_decode", "_ends_with_finish", "_has_events", "_is_finished", "_splitter", "is_done")

    def __init__(self, asked: Asked, decode: Decode, *, ends_with_finish: bool) -> None:
        self._asked, self._decode, self._ends_with_finish = asked, decode, ends_with_finish
        self._splitter = SseSplitter()
        self._has_events = self._is_finished = self.is_done = False

    async def accept(self, reply: "Reply") -> None:
        """Refuse an answer that is no event stream. A missing content type gets the benefit of the doubt."""
        if reply.content_type in ("text/event-stream", "text/plain", ""):
            return
        body = await reply.text()
        if error := error_in(body):
            raise error_event(self._asked, error)
        raise self._bad_body(f"{reply.content_type} and not an event stream", body)

    def read(self, block: bytes) -> list[StreamChunk]:
        """The chunks that these bytes complete. Paid for every token, so it is one loop and not three functions."""
        chunks: list[StreamChunk] = []
        payload = b""
        try:
            for payload in self._splitter.feed(block):
                if payload == b"[DONE]":
                    self.is_done = True
                    continue
                event: Any = orjson.loads(payload)
                if error := event.get("error"):
                    raise error_event(self._asked, error)
                if chunk := self._decode(event):
                    chunks.append(chunk)
                    if chunk.finish_reason:
                        if chunk.finish_reason in GAVE_UP:
                            raise error_event(
                                self._asked, {"code": chunk.finish_reason, "message": "it could not go on"}
                            )
                        self._is_finished = True
                        self.is_done = self.is_done or self._ends_with_finish
                self._has_events = True
        except EventTooLarge as error:
            raise self._bad_body(str(error), b"") from None
        except (ValueError, TypeError, AttributeError, LookupError):
            raise self._bad_body("an event that is not of this wire", payload) from None
        return chunks

    def check_complete(self) -> None:
        """Refuse an answer that ended without its finish marker."""
        if not self._has_events:
            raise self._bad_body("no event at all", b"")
        if not self._is_finished:
            raise self._asked.error("stream_incomplete", ": the answer ended without its finish marker")

    def _bad_body(self, what: str, body: bytes) -> ModelError:
        quote = self._asked.quote(body.decode(errors="replace").strip())
        message = f" answered 200 with {what}" + (f": {quote}" if quote else "")
        return self._asked.error("bad_body", message, status=200)
