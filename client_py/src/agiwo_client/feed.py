"""One connection that follows one run. Its reader pulls: while nobody pulls, nothing is read and the daemon waits."""

import asyncio
import weakref
from collections.abc import Iterable
from typing import TypeVar

from agiwo_protocol import jsonrpc, run
from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.connection import CANCEL_REQUEST
from agiwo_protocol.contract import Method, Wire
from agiwo_protocol.jsonrpc import Notification, Request, RequestId
from agiwo_protocol.run import RunEvent

from agiwo_client.door import Door, ask, read_frame
from agiwo_client.errors import DaemonGone

_FIRST = 1

P = TypeVar("P", bound=Wire)
R = TypeVar("R", bound=Wire)


class Feed:
    """The events of a run as they come over one connection. What the daemon asks there is served while it is read."""

    def __init__(self, door: Door, channel: StreamChannel, ahead: list[jsonrpc.Message]) -> None:
        self._door = door
        self._channel = channel
        self._ahead = ahead
        self._asked: dict[RequestId, asyncio.Task[None]] = {}
        # A run that nobody holds any more is not read any more; its connection must not stay for that.
        self._abandoned = weakref.finalize(self, door.drop, channel)
        self._abandoned.atexit = False

    @classmethod
    async def attach(cls, door: Door, run_id: str, after: int) -> "tuple[run.AttachResult, Feed]":
        """Follow a run from the event after `after`; also gives where the run stands.

        Raises:
            DaemonNotFound, DaemonGone: there is no daemon.
            RpcError: it knows no such run, or has not come so far.
        """
        return await cls._open(door, run.ATTACH, run.AttachParams(run_id=run_id, after=after))

    @classmethod
    async def start(cls, door: Door, params: run.StartParams) -> "tuple[run.StartResult, Feed]":
        """Start a run and follow it from its first event on: over one connection, so that none is missed.

        Raises:
            DaemonNotFound, DaemonGone: there is no daemon, or it went before it answered.
            RpcError: it refuses the run.
        """
        return await cls._open(door, run.START, params)

    @classmethod
    async def _open(cls, door: Door, method: Method[P, R], params: P) -> "tuple[R, Feed]":
        channel, _ = await door.open()
        try:
            result, ahead = await ask(channel, _FIRST, method.name, params.to_wire())
            return method.result.model_validate(result), cls(door, channel, ahead)
        except BaseException:
            await door.close(channel)
            raise

    async def receive(self) -> list[RunEvent]:
        """The events that have come since the last time; waits for the first.

        Raises:
            DaemonGone: the connection ended.
        """
        ahead, self._ahead = self._ahead, []
        events = self._take(ahead)
        while not events:
            frames = await self._channel.receive()
            if not frames:
                raise DaemonGone("the connection to the daemon has ended")
            events = self._take(map(read_frame, frames))
        return events

    def _take(self, messages: Iterable[jsonrpc.Message | None]) -> list[RunEvent]:
        """The events among the messages; what the daemon asks in others is served."""
        events: list[RunEvent] = []
        for message in messages:
            if isinstance(message, Request):
                self._serve(message)
            elif isinstance(message, Notification) and message.method == CANCEL_REQUEST.name:
                self._cancel(message)
            elif isinstance(message, Notification) and message.method == run.EVENT.name:
                events.append(RunEvent.model_validate(message.params))
        return events

    def _serve(self, request: Request) -> None:
        task = self._asked[request.id] = self._door.service.serve_on(self._channel, request)
        task.add_done_callback(lambda done: self._asked.pop(request.id, None))

    def _cancel(self, notification: Notification) -> None:
        id = notification.params.get("id") if isinstance(notification.params, dict) else None
        if isinstance(id, str | int) and (task := self._asked.get(id)):
            task.cancel()

    async def close(self) -> None:
        """Stop following."""
        self._abandoned.detach()
        asked = list(self._asked.values())
        await self._door.close(self._channel)
        for task in asked:
            task.cancel()
