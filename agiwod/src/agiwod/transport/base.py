"""What a transport is: where connections come from. Bytes only; it does not know what is said."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

from agiwo_protocol.channel import StreamChannel

_BACKLOG = 1024
"""Connections that may wait to be accepted: many clients come at once when a daemon has been started anew."""

log = logging.getLogger(__name__)

Converse = Callable[[StreamChannel], Awaitable[None]]
"""Holds one conversation to its end, and closes its channel."""


class Transport(Protocol):
    """One way in."""

    async def serve(self, converse: Converse) -> None:
        """Hold a conversation over each connection, until cancelled or until no other can come."""
        ...


async def hold_all(
    converse: Converse,
    listener: socket.socket,
    *,
    admits: Callable[[StreamChannel], bool] = lambda _: True,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Hold a conversation over each connection to the socket that `admits` lets in, until cancelled; then end them."""
    async with asyncio.TaskGroup() as conversations:

        def accept(channel: StreamChannel) -> None:
            if admits(channel):
                conversations.create_task(hold(converse, channel))

        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: StreamChannel(connected=accept), sock=listener, backlog=_BACKLOG)
        async with server:
            ready()
            await loop.create_future()


async def hold(converse: Converse, channel: StreamChannel) -> None:
    """Hold one conversation; what goes wrong in it is logged and ends nothing else."""
    try:
        await converse(channel)
    except Exception:
        log.exception("a conversation failed")
        await channel.close()
