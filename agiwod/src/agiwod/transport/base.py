"""What a transport is: where connections come from. Bytes only; it does not know what is said."""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from agiwo_protocol.channel import StreamChannel

log = logging.getLogger(__name__)

Converse = Callable[[StreamChannel], Awaitable[None]]
"""Holds one conversation to its end, and closes its channel."""


class Transport(Protocol):
    """One way in."""

    async def serve(self, converse: Converse) -> None:
        """Hold a conversation over each connection, until cancelled or until no other can come."""
        ...


async def hold(converse: Converse, channel: StreamChannel) -> None:
    """Hold one conversation; what goes wrong in it is logged and ends nothing else."""
    try:
        await converse(channel)
    except Exception:
        log.exception("a conversation failed")
        await channel.close()
