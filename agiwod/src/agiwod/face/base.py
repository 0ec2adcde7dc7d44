"""What a face is: a translation between one protocol and what the daemon can do. Knows no transport."""

from typing import Protocol

from agiwo_protocol.channel import Channel


class Face(Protocol):
    """One protocol. Serves any number of conversations at the same time."""

    async def converse(self, channel: Channel) -> None:
        """Hold one conversation to its end. Cancelling ends it; the channel is closed in either case."""
        ...
