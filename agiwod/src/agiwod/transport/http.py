"""Requests over HTTP/1.1, from whoever can reach the address. Serves one ASGI app; knows neither routes nor tokens."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from starlette.types import ASGIApp
from uvicorn import Config, Server

from agiwod.strangers import PATIENCE, Strangers
from agiwod.transport.http_line import HttpLine
from agiwod.transport.listener import address_of, is_open_to_others, listen

_CONNECTIONS: Final = 1024
"""Connections at the same time, beside those of strangers; who comes beyond them is told to come again."""

_FAREWELL: Final = 1
"""Seconds that answers have to get through when the daemon ends; a stream that nobody closes must not hold it up."""


class HttpTransport:
    """Listens from its making on at HOST:PORT. `address` is where: with the port that the system chose, if it was 0.

    Raises:
        ConfigError: nobody can listen there; the message says why.
    """

    def __init__(self, address: str, *, patience: float = PATIENCE, most: int | None = None) -> None:
        self._strangers = Strangers(patience, most)
        self._listener = listen(address)
        self.address = address_of(self._listener)
        self.is_open_to_others = is_open_to_others(self._listener)

    async def serve(self, app: ASGIApp) -> None:
        """Answer requests with the app until cancelled; then let answers get through, and listen no more."""
        server = _Server(
            Config(
                app,
                http=self._line,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                limit_concurrency=_CONNECTIONS + self._strangers.most,
                timeout_graceful_shutdown=_FAREWELL,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[self._listener]), name="http")
        try:
            await asyncio.shield(serving)
        finally:
            server.ended.set()
            await serving
            await asyncio.gather(*server.server_state.tasks, return_exceptions=True)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    @property
    def _line(self) -> type[HttpLine]:
        """What holds one connection, as uvicorn wants it: a class."""

        class Line(HttpLine):
            strangers = self._strangers

        return Line


class _Server(Server):
    """Uvicorn's server, which leaves the signals to the daemon and looks at no clock while nothing happens."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield

    async def main_loop(self) -> None:
        """Return once it is to end. What it would do each second is to renew the headers, of which it has none."""
        await self.ended.wait()
