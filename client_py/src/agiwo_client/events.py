"""The daemon's own events in the hands of a client: what changed besides the content of runs. Reads no run."""

from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from agiwo_protocol import event, jsonrpc
from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.event import DaemonEvent, Topic
from agiwo_protocol.framing import Frame
from agiwo_protocol.jsonrpc import Notification

from agiwo_client.door import Door, ask, read_frame
from agiwo_client.errors import DaemonGone, DaemonNotFound
from agiwo_client.patience import Patience

LOST: Final = "event/lost"
"""The type of the event that says: something may have been missed, list again what you watch."""

_FIRST: Final = 1


class Events(AsyncIterator[DaemonEvent]):
    """The events of some topics, from the moment on in which this is entered.

    When the connection is lost it goes on with another: an event of the type `event/lost` says so at once, and again
    when there is one. It has a connection of its own, which follows at the reader's pace.
    """

    def __init__(self, door: Door, topics: tuple[Topic, ...], patience: float) -> None:
        self._door, self._topics, self._patience = door, topics, Patience(patience)
        self._channel: StreamChannel | None = None
        self._ready: deque[DaemonEvent] = deque()

    async def __aenter__(self) -> "Events":
        await self._subscribe()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def __anext__(self) -> DaemonEvent:
        while not self._ready:
            await self._read()
        return self._ready.popleft()

    async def _read(self) -> None:
        """Take in what comes next, over a new connection if the old one is gone."""
        try:
            if self._channel is None:
                await self._subscribe()
                self._ready.appendleft(_lost())
            elif frames := await self._channel.receive():
                self._take(frames)
            else:
                await self._leave()
                self._ready.append(_lost())
        except (DaemonGone, DaemonNotFound) as gone:
            await self._leave()
            await self._patience.wait(gone)

    async def _subscribe(self) -> None:
        """Hear of the topics from now on."""
        channel, _ = await self._door.open()
        try:
            params = event.SubscribeParams(topics=list(self._topics)).to_wire()
            _, ahead = await ask(channel, _FIRST, event.SUBSCRIBE.name, params)
        except BaseException:
            await self._door.close(channel)
            raise
        self._channel = channel
        self._patience.restore()
        self._ready.extend(_events(ahead))

    def _take(self, frames: list[Frame]) -> None:
        self._ready.extend(_events([read_frame(frame) for frame in frames]))

    async def _leave(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await self._door.close(channel)


def _lost() -> DaemonEvent:
    return DaemonEvent(seq=0, at=datetime.now(UTC).isoformat(), topic="daemon", type=LOST, data={})


def _events(messages: "list[jsonrpc.Message | None] | list[jsonrpc.Message]") -> list[DaemonEvent]:
    return [
        DaemonEvent.model_validate(each.params)
        for each in messages
        if isinstance(each, Notification) and each.method == event.EVENT.name
    ]
