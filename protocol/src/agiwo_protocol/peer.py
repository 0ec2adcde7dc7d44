"""One end of a JSON-RPC conversation. Knows ids, tasks and cancelling; knows no method.

Requests of the other side are served each in a task of its own, owned by `run`, and each is answered exactly once.
Notifications are handled in order, between the messages that surround them.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import Channel, ChannelClosed
from agiwo_protocol.errors import (
    Cancelled,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    MessageTooLarge,
    MethodNotFound,
    Overloaded,
    RpcError,
)
from agiwo_protocol.framing import MAX_MESSAGE, Frame, Malformed
from agiwo_protocol.jsonrpc import Invalid, Notification, Request, RequestId, Response
from agiwo_protocol.limits import MAX_IN_FLIGHT
from agiwo_protocol.preface import Preface

MAX_URGENT: Final = 4096
"""Requests of one connection that are served at once even if all of them are urgent; more are refused."""

RETRY_AFTER_MS: Final = 100
"""What a refused client is told to wait: about the time that a few answers take."""

MAX_BACKLOG: Final = 4 * 2**20
"""Bytes of answers that may wait for a client that asks and does not read; above it, nothing more is read from it."""

MAX_QUEUED: Final = 2 * MAX_BACKLOG
"""Bytes up to which long answers to what was asked before may still be added to those that wait."""

_LONG: Final = 64 * 1024
"""Bytes of an answer that is not given to who has that much yet to read: it is to be asked for again."""

_LINGER: Final = 1.0
"""Seconds that requests under way have when the other side sends no more: it may still be reading."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cancelling:
    """The notification by which one side cancels a request of its own, and the param that names the request."""

    method: str = "$/cancelRequest"
    param: str = "id"


_NATIVE: Final = Cancelling()


@dataclass(frozen=True, slots=True)
class Reply:
    """A result, and what is to be done once the answer is on its way: nothing that `then` sends comes before it."""

    result: Any
    then: Callable[[], None]


class Load(Protocol):
    """What all conversations of a process have under way together."""

    def begin(self, size: int, backlog: int, *, is_first: bool) -> None:
        """A request of so many bytes is to be served, of a peer that has yet to read `backlog` bytes.

        `is_first` tells that nothing else is under way for this peer.

        Raises:
            RpcError: that would be too much; what to answer.
        """
        ...

    def end(self, size: int) -> None:
        """It is served."""
        ...


class _NoLoad:
    """Bounds nothing."""

    def begin(self, size: int, backlog: int, *, is_first: bool) -> None:
        return

    def end(self, size: int) -> None:
        return


HandleRequest = Callable[["Peer", Request], Awaitable[Any]]
"""Serves a request: returns its result (JSON data, or a `Reply`), or raises `RpcError`."""

HandleNotification = Callable[["Peer", Notification], None]
"""Takes a notification. Must not wait: what follows on the connection waits for it."""


async def refuse_requests(peer: "Peer", request: Request) -> Any:
    """A `handle_request` for a side that serves nothing."""
    raise MethodNotFound("this side serves no requests", method=request.method, near=[])


def ignore_notifications(peer: "Peer", notification: Notification) -> None:
    """A `handle_notification` for a side that wants none."""


class Peer:
    """One end of a conversation over a channel. Nothing happens before `run`, which owns everything.

    Requests of `urgent` methods are always served, and answers of `lasting` ones always given, however much there is.
    `has_left` once the other side says no more: what is cancelled from then on, it has not cancelled.
    """

    def __init__(
        self,
        channel: Channel,
        handle_request: HandleRequest = refuse_requests,
        handle_notification: HandleNotification = ignore_notifications,
        *,
        urgent: Container[str] = frozenset[str](),
        lasting: Container[str] = frozenset[str](),
        load: Load | None = None,
        max_in_flight: int = MAX_IN_FLIGHT,
        cancelling: Cancelling = _NATIVE,
    ) -> None:
        self.channel = channel
        self._handle_request = handle_request
        self._handle_notification = handle_notification
        self._urgent, self._lasting, self._load = urgent, lasting, load or _NoLoad()
        self._max_in_flight, self._cancelling = max_in_flight, cancelling
        self._serving: dict[RequestId, asyncio.Task[None]] = {}
        self._counted = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._asked: dict[RequestId, asyncio.Future[Response]] = {}
        self._last_id = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._is_over = False
        self.has_left = False

    @property
    def is_over(self) -> bool:
        """Whether the conversation has ended; nothing can be asked any more."""
        return self._is_over

    async def run(self) -> None:
        """Hold the conversation until the channel ends; then end what is under way, and close the channel."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._listen()
                self.has_left = True
                await self._linger()
                for task in list(self._serving.values()):
                    task.cancel()
        finally:
            self._is_over = True
            asked, self._asked = self._asked, {}
            for answer in asked.values():
                if not answer.done():
                    answer.set_exception(ChannelClosed("the conversation has ended"))
            await self.channel.close()

    async def request(self, method: str, params: object = None, *, timeout: float | None = None) -> Any:
        """Ask the other side and return its result. Cancelling the caller cancels the request over there.

        Raises:
            RpcError: the other side answered with an error.
            DeadlineExceeded: no answer within `timeout` seconds.
            ChannelClosed: the conversation has ended.
        """
        if self._is_over:
            raise ChannelClosed("the conversation has ended")
        self._last_id += 1
        id, answer = self._last_id, asyncio.get_running_loop().create_future()
        self._asked[id] = answer
        self.channel.write(jsonrpc.request(id, method, params))
        try:
            async with asyncio.timeout(timeout):
                response = await answer
        except TimeoutError:
            raise DeadlineExceeded(f"no answer to {method} within {timeout} seconds") from None
        finally:
            if self._asked.pop(id, None) is not None:
                self.notify(self._cancelling.method, {self._cancelling.param: id})
        if response.error is not None:
            raise response.error
        return response.result

    def notify(self, method: str, params: object = None) -> None:
        """Tell the other side. Returns at once."""
        self.channel.write(jsonrpc.notification(method, params))

    def send_raw(self, body: bytes) -> None:
        """Send a message that is encoded already. Returns at once."""
        self.channel.write(body)

    async def _listen(self) -> None:
        while frames := await self.channel.receive():
            for frame in frames:
                if not self._take(frame):
                    return
            if self.channel.backlog > MAX_BACKLOG:
                try:
                    await self.channel.drained()
                except ChannelClosed:
                    return

    def _take(self, frame: Frame) -> bool:
        """Act on one frame; False when no other can follow."""
        match frame:
            case bytes():
                self._take_message(jsonrpc.read(frame), len(frame))
                return True
            case Malformed(error, fatal):
                self.channel.write(jsonrpc.failure(None, error))
                return not fatal
            case Preface():
                return True

    def _take_message(self, message: jsonrpc.Message, size: int) -> None:
        match message:
            case Request():
                self._accept(message, size)
            case Response():
                self._resolve(message)
            case Notification():
                self._hear(message)
            case Invalid(error, id):
                self.channel.write(jsonrpc.failure(id, error))

    def _accept(self, request: Request, size: int) -> None:
        is_counted = request.method not in self._urgent
        try:
            self._admit(request, size, is_counted=is_counted)
        except RpcError as refusal:
            self.channel.write(jsonrpc.failure(request.id, refusal))
            return
        assert self._tasks
        task = self._tasks.create_task(self._serve(request))
        self._serving[request.id] = task
        self._counted += is_counted
        self._idle.clear()
        task.add_done_callback(partial(self._served, request, size if is_counted else None))

    def _admit(self, request: Request, size: int, *, is_counted: bool) -> None:
        """Return when the request is to be served, and count it with what all peers have under way."""
        if request.id in self._serving:
            raise InvalidRequest("a request with this id is under way")
        if len(self._serving) >= MAX_URGENT:
            raise _too_many(MAX_URGENT)
        if is_counted:
            if self._counted >= self._max_in_flight:
                raise _too_many(self._max_in_flight)
            self._load.begin(size, self.channel.backlog, is_first=not self._counted)

    async def _serve(self, request: Request) -> None:
        then: Callable[[], None] | None = None
        try:
            outcome = await self._handle_request(self, request)
            if isinstance(outcome, Reply):
                outcome, then = outcome.result, outcome.then
            body = self._bounded(request, jsonrpc.result(request.id, outcome))
        except RpcError as error:
            body = jsonrpc.failure(request.id, error)
        except Exception as error:
            body = jsonrpc.failure(request.id, _hide(request, error))
        self._answer(request, body)
        if then is not None:
            _guard(then, request.method)

    def _bounded(self, request: Request, body: bytes) -> bytes:
        """An answer that the other side can read, and that we can keep until it does.

        Raises:
            MessageTooLarge: it could not read it.
            Overloaded: so much waits for it already that it should read that, and ask again.
        """
        if len(body) > MAX_MESSAGE:
            raise MessageTooLarge(f"the answer has {len(body)} bytes; ask for less at once", limit=MAX_MESSAGE)
        backlog = self.channel.backlog
        if min(len(body), backlog) > _LONG and len(body) + backlog > MAX_QUEUED and request.method not in self._lasting:
            raise Overloaded(
                f"there may be {MAX_QUEUED} bytes that a connection has yet to read, and it would be more: "
                "read what has come, then ask again",
                resource="queuedBytesOfConnection",
                limit=MAX_QUEUED,
                retryAfterMs=RETRY_AFTER_MS,
            )
        return body

    def _served(self, request: Request, counted: int | None, task: "asyncio.Task[None]") -> None:
        """Answer what was cancelled; also a task that was cancelled before its first step, which runs nothing."""
        if counted is not None:
            self._load.end(counted)
        if self._serving.get(request.id) is task:
            self._answer(request, jsonrpc.failure(request.id, Cancelled("the request was cancelled")))

    def _answer(self, request: Request, body: bytes) -> None:
        del self._serving[request.id]
        self._counted -= request.method not in self._urgent
        if not self._serving:
            self._idle.set()
        self.channel.write(body)

    def _hear(self, notification: Notification) -> None:
        if notification.method == self._cancelling.method:
            self._cancel(notification.params)
            return
        _guard(lambda: self._handle_notification(self, notification), notification.method)

    def _cancel(self, params: jsonrpc.Params) -> None:
        id = params.get(self._cancelling.param) if isinstance(params, dict) else None
        if not isinstance(id, str | int) or isinstance(id, bool):  # `true` would be taken for 1
            return
        task = self._serving.get(id)
        if task is not None:
            task.cancel()

    def _resolve(self, response: Response) -> None:
        answer = None if response.id is None else self._asked.pop(response.id, None)
        if answer is None:
            _log.debug("an answer that nobody waits for: %r", response.id)
        elif not answer.done():
            answer.set_result(response)

    async def _linger(self) -> None:
        if self.channel.is_closed:
            return
        try:
            async with asyncio.timeout(_LINGER):
                await self._idle.wait()
        except TimeoutError:
            return


def _guard(call: Callable[[], None], method: str) -> None:
    """Make a call that nobody waits for: what it raises is ours to see, and must not end the conversation."""
    try:
        call()
    except Exception:
        _log.exception("what %s asked for failed after all answers were given", method)


def _too_many(most: int) -> Overloaded:
    return Overloaded(
        f"there may be {most} requests of a connection at the same time, and it would be more: "
        "ask again when some are answered",
        resource="requestsOfConnection",
        limit=most,
        retryAfterMs=RETRY_AFTER_MS,
    )


def _hide(request: Request, error: Exception) -> InternalError:
    """What the other side is told of an exception: an id by which it is found in our log."""
    error_id = secrets.token_hex(6)
    _log.error("request %s failed, errorId %s", request.method, error_id, exc_info=error)
    return InternalError("an internal error; the log has it under its errorId", errorId=error_id)
