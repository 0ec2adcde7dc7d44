"""Those who came over a network and have not said what lets them in: how long they may wait, and how many of them."""

import asyncio
import sys
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 10.0
"""Seconds in which a stranger must have said who it is; who knows the token says it first."""

_MOST: Final = 1024
"""Strangers at the same time; so many clients may come at once when a daemon has been started anew."""

_SHARE: Final = 4
"""What part of the open files that a process may have is theirs at most: others need some, too."""


class Strangers:
    """Each has `patience` seconds, and of more than `most` at a time the one who came first is sent away."""

    def __init__(self, patience: float = PATIENCE, most: int | None = None) -> None:
        self._patience = patience
        self.most = most_of(open_files()) if most is None else most
        self._waiting: dict[Stranger, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, send_away: Callable[[], None]) -> "Stranger":
        """One more, for whom `send_away` is called when there is no more patience or room for it."""
        while len(self._waiting) >= self.most:
            self._send_away(next(iter(self._waiting)))
        stranger = Stranger(self, send_away)
        self._waiting[stranger] = asyncio.get_running_loop().call_later(self._patience, self._send_away, stranger)
        return stranger

    def remove(self, stranger: "Stranger") -> None:
        """It is none any more: it has said who it is, or has gone."""
        if (timer := self._waiting.pop(stranger, None)) is not None:
            timer.cancel()

    def _send_away(self, stranger: "Stranger") -> None:
        self.remove(stranger)
        stranger.send_away()


class Stranger:
    """One of them, until the block ends."""

    def __init__(self, others: Strangers, send_away: Callable[[], None]) -> None:
        self._others, self.send_away = others, send_away

    def __enter__(self) -> "Stranger":
        return self

    def __exit__(self, *_: object) -> None:
        self.welcome()

    def welcome(self) -> None:
        """Be no stranger any more."""
        self._others.remove(self)


def most_of(files: int) -> int:
    """How many strangers a process may have that may open so many files."""
    return min(_MOST, max(1, files // _SHARE))


def open_files() -> int:
    """How many files this process may have open."""
    if sys.platform == "win32":
        return _MOST * _SHARE
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST * _SHARE if soft == resource.RLIM_INFINITY else soft
