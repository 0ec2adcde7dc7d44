"""One connection that follows one run. Its reader pulls: while nobody pulls, nothing is read and the daemon waits."""

from agiwo_protocol import run
from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.jsonrpc import Notification
from agiwo_protocol.run import RunEvent

from agiwo_client.door import Door, ask, read_frame
from agiwo_client.errors import DaemonGone

_ATTACH = 1


class Feed:
    """The events of a run as they come over one connection. `attached` is what the daemon said at the beginning."""

    def __init__(
        self, door: Door, channel: StreamChannel, attached: run.AttachResult, ahead: list[Notification]
    ) -> None:
        self.attached = attached
        self._door = door
        self._channel = channel
        self._ahead = ahead

    @classmethod
    async def open(cls, door: Door, run_id: str, after: int) -> "Feed":
        """Follow a run from the event after `after`.

        Raises:
            DaemonNotFound, DaemonGone: there is no daemon.
            RpcError: it knows no such run, or has not come so far.
        """
        channel, _ = await door.open()
        try:
            params = run.AttachParams(run_id=run_id, after=after)
            result, ahead = await ask(channel, _ATTACH, run.ATTACH.name, params.to_wire())
            return cls(door, channel, run.AttachResult.model_validate(result), ahead)
        except BaseException:
            await door.close(channel)
            raise

    async def receive(self) -> list[RunEvent]:
        """The events that have come since the last time; waits for the first.

        Raises:
            DaemonGone: the connection ended.
        """
        messages, self._ahead = self._ahead, []
        while not (events := [_event(each) for each in messages if each.method == run.EVENT.name]):
            frames = await self._channel.receive()
            if not frames:
                raise DaemonGone("the connection to the daemon has ended")
            read = [read_frame(frame) for frame in frames]
            messages = [each for each in read if isinstance(each, Notification)]
        return events

    async def close(self) -> None:
        """Stop following."""
        await self._door.close(self._channel)


def _event(notification: Notification) -> RunEvent:
    return RunEvent.model_validate(notification.params)
