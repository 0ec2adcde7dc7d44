"""The console's way in: where it is served, if it is, and the codes that open it once. Has no page; knows no wire."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from agiwo.errors import Conflict

_CODE_SECONDS: Final = 120.0
"""How long a code opens the console: as long as it takes a browser to start."""

_CODES: Final = 32
"""Codes at the same time; the oldest one goes when there would be more."""


class Opener(Protocol):
    """Who has the console served. Waits for files and sockets."""

    async def open(self) -> str:
        """Have it served from now on, also after a restart; where, as HOST:PORT.

        Raises:
            ConfigError: nobody can listen there.
            StorageError: that it is on cannot be kept.
        """
        ...

    async def close(self) -> None:
        """Have it served no more.

        Raises:
            StorageError: that it is off cannot be kept.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the console is, and a code that opens it once."""

    address: str
    code: str


class Console:
    """Off unless it has an `address`. `key` signs what a browser shows that has come in."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.address: str | None = None
        self.key = secrets.token_bytes(32)
        self.opener: Opener | None = None
        self.now = now
        self._codes: dict[str, float] = {}

    async def open(self) -> Entry:
        """Turn it on if it is off; a way in, for one browser.

        Raises:
            Conflict: this daemon can serve no console.
            ConfigError, StorageError: as `Opener.open`.
        """
        self.address = await self._able().open()
        return Entry(self.address, self.new_code())

    async def close(self) -> None:
        """Turn it off; pages that are open hear nothing more.

        Raises:
            Conflict, StorageError: as `open`.
        """
        self.address = None
        self._codes.clear()
        await self._able().close()

    def new_code(self) -> str:
        """A code that `redeem` takes once."""
        while len(self._codes) >= _CODES:
            del self._codes[next(iter(self._codes))]
        code = secrets.token_urlsafe(24)
        self._codes[code] = self.now() + _CODE_SECONDS
        return code

    def knows(self, code: str) -> bool:
        """Whether the code opens the console."""
        return self._codes.get(code, 0.0) > self.now()

    def redeem(self, code: str) -> bool:
        """Whether the code opened the console; it does so no more."""
        return self._codes.pop(code, 0.0) > self.now()

    def _able(self) -> Opener:
        if self.opener is None:
            raise Conflict(
                "this daemon serves no console, since it is one client's alone; start one with `agiwod start`"
            )
        return self.opener
