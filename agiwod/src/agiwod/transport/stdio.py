"""One conversation over this process's own stdin and stdout, which nothing else in the process can touch then."""

import asyncio
import os
import socket
import sys
import threading

from agiwo_protocol.channel import StreamChannel

from agiwod.transport.base import Converse, hold
from agiwod.transport.pump import Pump


class StdioTransport:
    """Takes stdin and stdout from everything else: a stray print goes to stderr, a stray read finds the end.

    The descriptors may be pipes, files or a terminal, so threads carry their bytes to a socket that asyncio can wait
    for, and nobody's descriptor is made non-blocking.
    """

    def __init__(self) -> None:
        self._source, self._sink = claim()

    async def serve(self, converse: Converse) -> None:
        """Hold the one conversation to its end."""
        near, far = socket.socketpair()
        pump = threading.Thread(target=self._pump, args=(far,), daemon=True)
        pump.start()
        _, channel = await asyncio.get_running_loop().create_connection(StreamChannel, sock=near)
        await hold(converse, channel)
        await asyncio.to_thread(pump.join, 1.0)

    def _pump(self, far: socket.socket) -> None:
        with far:
            Pump(self._source, self._sink, far).run()


def claim() -> tuple[int, int]:
    """Descriptors of what were stdin and stdout; from now on stdin is empty, and stdout is stderr."""
    sys.stdout.flush()
    source, sink = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return source, sink
