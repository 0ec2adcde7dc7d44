"""A channel as the two streams that mcp serves: messages in, messages out. Understands envelopes, and no method."""

from types import TracebackType
from typing import Any, Self

import anyio
from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import Channel, ChannelClosed
from agiwo_protocol.errors import InvalidRequest, RpcError
from agiwo_protocol.framing import Malformed
from agiwo_protocol.jsonrpc import Invalid, Notification, Request, Response
from agiwo_protocol.preface import Preface
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from mcp_types.jsonrpc import JSONRPCMessage


class _Stream:
    """What both have in common: closing them ends nothing, since the channel is closed by whoever holds it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def aclose(self) -> None:
        """Nothing more is wanted of this stream."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()


class Reading(_Stream):
    """What the client says. What is no message is answered here, and `is_over` once the client says no more."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self.is_over = False
        self._waiting: list[SessionMessage | Exception] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def receive(self) -> SessionMessage | Exception:
        """The next message.

        Raises:
            EndOfStream: there is none.
        """
        while not self._waiting:
            frames = await self._channel.receive()
            if not frames:
                self.is_over = True
                raise anyio.EndOfStream
            self._waiting = [each for each in map(self._read, frames) if each is not None]
            self._waiting.reverse()
        return self._waiting.pop()

    def _read(self, frame: bytes | Preface | Malformed) -> SessionMessage | None:
        message = jsonrpc.read(frame) if isinstance(frame, bytes) else frame
        match message:
            case Request(id, method, dict() | None as params):
                return _wrapped(JSONRPCRequest(jsonrpc="2.0", id=id, method=method, **_params(params)))
            case Notification(method, dict() | None as params):
                return _wrapped(JSONRPCNotification(jsonrpc="2.0", method=method, **_params(params)))
            case Response(str() | int() as id, dict(), None):
                return _wrapped(JSONRPCResponse(jsonrpc="2.0", id=id, result=message.result))
            case Response(id, _, RpcError() as error):
                data = ErrorData(code=error.code, message=error.message, data=error.data)
                return _wrapped(JSONRPCError(jsonrpc="2.0", id=id, error=data))
            case Request(id):
                self._refuse(id, InvalidRequest("`params` must be an object"))
            case Invalid(error, id):
                self._refuse(id, error)
            case Malformed(error):
                self._refuse(None, error)
            case _:
                pass  # an opening line, or what nobody is answered for
        return None

    def _refuse(self, id: jsonrpc.RequestId | None, error: RpcError) -> None:
        self._channel.write(jsonrpc.failure(id, error))


class Writing(_Stream):
    """What the client is told."""

    async def send(self, item: SessionMessage, /) -> None:
        """Send one message; wait while the client does not read.

        Raises:
            BrokenResourceError: the client is gone.
        """
        self._channel.write(_bytes(item.message))
        if self._channel.is_full or self._channel.is_closed:
            try:
                await self._channel.drained()
            except ChannelClosed:
                raise anyio.BrokenResourceError from None


def _wrapped(message: JSONRPCMessage) -> SessionMessage:
    return SessionMessage(message)


def _params(params: dict[str, Any] | None) -> dict[str, Any]:
    """As keywords: what was not said must not be there."""
    return {} if params is None else {"params": params}


def _bytes(message: JSONRPCMessage) -> bytes:
    match message:
        case JSONRPCResponse(id=id, result=result):
            return jsonrpc.result(id, result)
        case JSONRPCNotification(method=method, params=params):
            return jsonrpc.notification(method, params)
        case JSONRPCRequest(id=id, method=method, params=params):
            return jsonrpc.request(id, method, params)
        case JSONRPCError():
            return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
