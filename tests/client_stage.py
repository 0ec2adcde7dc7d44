"""Where clients meet a daemon of this process: at its socket."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from agiwo_protocol.paths import locate
from agiwod.face.rpc.face import RpcFace
from agiwod.runtime.daemon import Daemon
from agiwod.transport.unix import UnixTransport
from daemon_lab import PATIENCE


@asynccontextmanager
async def serving(daemon: Daemon, home: Path) -> AsyncGenerator[None]:
    """The daemon at its socket."""
    ready = asyncio.Event()
    transport = UnixTransport(locate(home).prepare_socket_dir(), ready.set)
    served = asyncio.create_task(transport.serve(RpcFace(daemon).converse))
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        yield
    finally:
        served.cancel()
        await asyncio.gather(served, return_exceptions=True)
