"""A daemon that is asked over HTTP, without a process of its own, and a client that has its token."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from agiwod.face.gate import names_of
from agiwod.face.site import Site
from agiwod.runtime.daemon import Daemon
from agiwod.transport.http import HttpTransport
from daemon_lab import PATIENCE
from starlette.types import ASGIApp

TOKEN = "a-token-of-a-test"


@dataclass(frozen=True)
class Web:
    """Where the daemon is asked, and a client that may."""

    url: str
    client: httpx2.AsyncClient
    site: Site

    def stranger(self) -> httpx2.AsyncClient:
        """A client without the token; close it."""
        return httpx2.AsyncClient(base_url=self.url)


@asynccontextmanager
async def on_the_web(
    daemon: Daemon, app: ASGIApp | None = None, *, patience: float = 10.0, most: int | None = None
) -> AsyncGenerator[Web]:
    """HTTP at a free port of this machine, for as long as it is needed; what is under way at the end is ended.

    `app` answers in the place of the daemon's own site. Strangers have that much patience, and are so many at most.
    """
    transport = HttpTransport("127.0.0.1:0", patience=patience, most=most)
    site = Site(daemon, TOKEN, names_of(transport.address))
    serving = asyncio.create_task(transport.serve(app or site))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://{transport.address}", headers=headers, timeout=PATIENCE
        ) as client:
            yield Web(f"http://{transport.address}", client, site)
    finally:
        await site.close()
        serving.cancel()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(serving, return_exceptions=True)
        transport.close()
