"""Reads of one file: those that are asked for while others run go to the thread together. Knows no SQL."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from agiwo.journal.connection import Connection, translated

_T = TypeVar("_T")

_GROUP: Final = 64
"""Reads in one hop to the thread at most, so that the first of them does not wait long for the last."""

_Work = Callable[[sqlite3.Connection], Any]


@dataclass(frozen=True, slots=True)
class _Read:
    """One caller's read, and the future that the caller awaits."""

    work: _Work
    done: asyncio.Future[Any]


class Reader:
    """Reads from one file, for everybody in this process who has it open.

    Each hop to the thread and back makes two threads wait for the interpreter, so many reads at once cost less in one.
    There is no task: each group is started by a read or by the end of the group before it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[_Read] = deque()
        self._is_busy = False

    async def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `work` gives on the connection's thread, after all that was asked for before.

        Raises:
            StorageError: SQLite or the disk refuses.
        """
        read = _Read(work, asyncio.get_running_loop().create_future())
        self._waiting.append(read)
        if not self._is_busy:
            self._read_next()
        return await read.done

    async def close(self) -> None:
        """Close the connection once everything that was asked for is read."""
        while self._waiting:
            self._read_next()
        await self._connection.close()

    def _read_next(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
        self._is_busy = bool(group)
        if group:
            works = [partial(translated, self._connection.path, read.work) for read in group]
            hop = self._connection.start(partial(_read_all, works))
            hop.add_done_callback(partial(self._settle, group))

    def _settle(self, group: Sequence[_Read], hop: asyncio.Future[Sequence[Any]]) -> None:
        for read, found in zip(group, hop.result(), strict=True):
            if read.done.done():  # its caller was cancelled
                continue
            if isinstance(found, Exception):
                read.done.set_exception(found)
            else:
                read.done.set_result(found)
        self._read_next()


def _read_all(works: Sequence[_Work], db: sqlite3.Connection) -> Sequence[Any]:
    return [_caught(work, db) for work in works]


def _caught(work: _Work, db: sqlite3.Connection) -> Any:
    try:
        return work(db)
    except Exception as error:  # it is for whoever asked for this one
        return error
