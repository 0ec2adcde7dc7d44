"""One conversation over what were this process's stdin and stdout; `claim` took them from everything else."""

import asyncio
import socket
import threading
from collections.abc import Iterable

from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.framing import Frame, Framing

from agiwod.transport.base import Converse, hold
from agiwod.transport.pump import Pump


class StdioTransport:
    """One conversation over a pair of descriptors. `framing` and `frames`: what was read from them already.

    The descriptors may be pipes, files or a terminal, so threads carry their bytes to a socket that asyncio can wait
    for, and nobody's descriptor is made non-blocking.
    """

    def __init__(self, source: int, sink: int, framing: Framing | None = None, frames: Iterable[Frame] = ()) -> None:
        self._source, self._sink = source, sink
        self._channel = StreamChannel(framing, frames)

    async def serve(self, converse: Converse) -> None:
        """Hold the one conversation to its end."""
        near, far = socket.socketpair()
        pump = threading.Thread(target=self._pump, args=(far,), daemon=True)
        pump.start()
        await asyncio.get_running_loop().create_connection(lambda: self._channel, sock=near)
        await hold(converse, self._channel)
        await asyncio.to_thread(pump.join, 1.0)

    def _pump(self, far: socket.socket) -> None:
        with far:
            Pump(self._source, self._sink, far).run()
