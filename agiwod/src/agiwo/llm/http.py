"""Makes one streaming POST: deadlines, failures as ModelError. Knows no provider's wire."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache

import httpx2

from agiwo.errors import ModelErrorKind
from agiwo.llm.admission import account_of
from agiwo.llm.base import Timeouts
from agiwo.llm.connections import connections
from agiwo.llm.post import Post
from agiwo.llm.refusal import refusal

_BODY = 64 * 1024
"""Bytes of a refusal that are read; error bodies are short, and a page of HTML need not be read to its end."""

_BODY_SECONDS = 5.0
"""Seconds that a refusal's body may take; its status says the most, so a body that hangs is not waited for."""

_HEADERS = {"accept": "text/event-stream", "accept-encoding": "identity", "user-agent": "agiwo"}
"""What each request says besides its own."""

_FAREWELL = 0.5
"""Seconds that a finished answer may take to end its transfer, so that the connection can serve the next request."""


@asynccontextmanager
async def post(request: Post) -> AsyncGenerator["Reply"]:
    """A provider's answer with status 200, while it streams. Closed, with its connection, when the block is left early.

    Raises:
        ModelError: refused, unreachable, cut, too slow; or not sent at all, because the account may not ask now.
    """
    account = account_of(request.account)
    turn = account.turn(request.asked, limit=request.concurrency, patience=request.patience)
    async with turn, _exchange(request) as reply:
        account.answered()
        yield reply


@asynccontextmanager
async def _exchange(post: Post) -> AsyncGenerator["Reply"]:
    asked, timeouts = post.asked, post.timeouts
    deadlines: dict[str, float] = {
        "connect": timeouts.connect,
        "read": timeouts.first_byte,
        "write": timeouts.first_byte,
        "pool": timeouts.total,
    }
    reply: Reply | None = None
    try:
        request, transport = _request(post, deadlines), await connections(post.pool or asked.host, post.url)
        total_at = asyncio.get_running_loop().time() + timeouts.total
        async with asyncio.timeout_at(total_at):
            response = await transport.handle_async_request(request)
        # The transport reads this mapping anew for the body, where the watch keeps the time: by content, not by bytes.
        deadlines["read"] = timeouts.total
        reply = Reply(response, timeouts, total_at)
        try:
            if response.status_code != 200:
                raise refusal(asked, response.status_code, await reply.text(), response.headers)
            yield reply
        finally:
            reply.watch.stop()
            await response.aclose()
    except asyncio.CancelledError:
        if reply is not None and (message := reply.watch.verdict()):
            raise asked.error("timeout", f": {message}") from None
        raise
    except TimeoutError:
        raise asked.error("timeout", f": no answer within {timeouts.total:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        kind, message = _failure(error, timeouts)
        raise asked.error(kind, f": {asked.quote(message)}") from None


class Reply:
    """A streaming answer: its bytes, its content type, and the watch over its progress."""

    def __init__(self, response: httpx2.Response, timeouts: Timeouts, total_at: float) -> None:
        self._response = response
        self.watch = Watch(timeouts.idle, timeouts.total, total_at)
        is_encoded = response.headers.get("content-encoding", "identity") != "identity"
        # Unencoded, the stream itself is as good as `aiter_raw`, and spares a layer that is paid for every token.
        plain = None if is_encoded else response.stream
        self.blocks = aiter(plain) if isinstance(plain, httpx2.AsyncByteStream) else response.aiter_bytes()

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case; "" when the provider named none."""
        kind: str = self._response.headers.get("content-type", "")
        return kind.partition(";")[0].strip().lower()

    async def text(self) -> bytes:
        """The body as far as it is worth reading, or as far as it came."""
        self.watch.stop()
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for block in self.blocks:
                    body += block
                    if len(body) >= _BODY:
                        break
        except (TimeoutError, httpx2.HTTPError):
            return bytes(body)
        return bytes(body)

    async def end(self) -> None:
        """Give the transfer a moment to end: all is said, but only an ended transfer frees the connection."""
        self.watch.stop()
        try:
            async with asyncio.timeout(_FAREWELL):
                async for _ in self.blocks:
                    pass
        except (TimeoutError, httpx2.HTTPError):
            return


class Watch:
    """Cancels the task that waits for a provider once nothing useful came for too long.

    It never fires while the consumer of the stream works: only in the wait for the provider. One timer serves the whole
    stream, because a timer per piece would cost as much as reading it.
    """

    __slots__ = (
        "_cancelling",
        "_idle",
        "_last",
        "_loop",
        "_message",
        "_task",
        "_timer",
        "_total",
        "_total_at",
        "paused",
    )

    def __init__(self, idle: float, total: float, total_at: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle, self._total, self._total_at = idle, total, total_at
        self._message = ""
        self._cancelling = 0
        self._timer: asyncio.TimerHandle | None = None
        self.progress()

    def progress(self) -> None:
        """Content came and the consumer has dealt with it: the wait starts anew, in the task that asks now."""
        self.paused = False
        self._task = asyncio.current_task(self._loop)
        self._last = self._loop.time()
        if self._timer is None:
            self._look()

    def stop(self) -> None:
        """Watch no more."""
        self.paused = True
        if self._timer is not None:
            self._timer.cancel()

    def verdict(self) -> str:
        """What was exceeded, when the cancellation that arrived came from here alone; else the empty string."""
        if self._message and self._task is not None and self._task.uncancel() <= self._cancelling:
            return self._message
        return ""

    def _look(self) -> None:
        self._timer = None
        if self.paused:
            return
        due = min(self._last + self._idle, self._total_at)
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
        else:
            self._fire(is_total=due == self._total_at)

    def _fire(self, *, is_total: bool) -> None:
        limit = f"the whole took more than {self._total:g} s" if is_total else f"no content for {self._idle:g} s"
        if self._task is not None:
            self._message = limit
            self._cancelling = self._task.cancelling()
            self._task.cancel()


def _request(post: Post, deadlines: Mapping[str, float]) -> httpx2.Request:
    # Told whole, so that the library need not work out for each request what is known here.
    url, body = _parsed(post.url), httpx2.ByteStream(post.body)
    length = {"host": url.netloc.decode("ascii"), "content-length": str(len(post.body))}
    headers, extensions = {**length, **_HEADERS, **post.headers}, {"timeout": deadlines}
    request = httpx2.Request("POST", url, stream=body, headers=headers, extensions=extensions)
    if url.userinfo:
        next(httpx2.BasicAuth(url.username, url.password).auth_flow(request))
    return request


@lru_cache
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)


def _failure(error: Exception, timeouts: Timeouts) -> tuple[ModelErrorKind, str]:
    match error:
        case httpx2.ConnectTimeout():
            return "timeout", f"no connection within {timeouts.connect:g} s"
        case httpx2.TimeoutException():
            return "timeout", f"no answer within {timeouts.first_byte:g} s"
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL():
            return "bad_request", "base_url is not an http or https URL"
        case httpx2.ConnectError():
            return "connection", f"cannot connect ({error or 'the connection was closed'})"
        case httpx2.DecodingError():
            return "bad_body", f"the body cannot be decoded ({error})"
        case _:
            return "connection", f"the connection broke ({error or type(error).__name__})"
