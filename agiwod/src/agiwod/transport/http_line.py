"""One connection of HTTP, which must soon say whom it asks for what. Knows neither routes nor tokens."""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from agiwod.strangers import Stranger, Strangers


class HttpLine(H11Protocol):
    """Uvicorn's, which would wait for ever for the head of a request: here, whoever owes one is a stranger."""

    strangers: ClassVar[Strangers]
    _owing: Stranger | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Called by asyncio."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        super().connection_lost(exc)
        self._welcome()

    def _look(self) -> None:
        """Be a stranger while a head is owed. In the time between two requests uvicorn has its own patience."""
        is_answered = not self.cycle or self.cycle.response_complete
        if not is_answered or self.transport.is_closing():
            self._welcome()
        elif self._owing is None:
            self._owing = self.strangers.add(self.transport.abort)

    def _welcome(self) -> None:
        if self._owing is not None:
            self._owing.welcome()
            self._owing = None
