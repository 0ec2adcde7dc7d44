"""The end of a log that is rotated while it is read: FILE, and before it FILE.1, FILE.2. Does not read lines."""

import os
import time
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

_LOOK_AGAIN: Final = 0.2
"""Seconds between looks at a file that has no more to say; a reader waits no longer than that for a line."""

Identity = tuple[int, int]
"""What a file is under any name: device and inode."""


class Tail:
    """Reads whole lines, each once and in order. Enter it, so that no file stays open."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open: BinaryIO | None = None
        self._rest = b""

    def __enter__(self) -> "Tail":
        self._open = _opened(self._file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()

    @property
    def is_there(self) -> bool:
        """Whether there is anything to read."""
        return self._open is not None

    def last(self, number: int) -> list[str]:
        """The last lines that are there, oldest first; `coming` goes on after them."""
        found = deque(self._new_lines(), maxlen=number)
        own = None if self._open is None else _identity(self._open)
        for older in self._older():
            with older:
                if len(found) < number and _identity(older) != own:
                    found.extendleft(reversed(deque(map(_text, older), maxlen=number - len(found))))
        return list(found)

    def coming(self) -> Iterator[str]:
        """Every line that is written from now on. Ends when the reader goes away, and not before."""
        while True:
            yield from self._new_lines()
            successors = self._successors()
            if successors:
                # What was written between our last look and the rotation.
                yield from self._new_lines()
            for successor in successors:
                self._replace(successor)
                yield from self._new_lines()
            if not successors:
                time.sleep(_LOOK_AGAIN)

    def _new_lines(self) -> Iterator[str]:
        if self._open is None:
            return
        if os.fstat(self._open.fileno()).st_size < self._open.tell():
            self._open.seek(0)
        while chunk := self._open.read(1 << 20):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            yield from map(_text, lines)

    def _successors(self) -> list[BinaryIO]:
        """The files that were begun after the one that is read, oldest first; empty while there is none."""
        newest = _opened(self._file)
        if newest is None:
            return []
        if self._open is None:
            return [newest]
        own, found = _identity(self._open), [newest]
        if own == _identity(newest):
            newest.close()
            return []
        for older in self._older():
            if _identity(older) == own:
                older.close()
                return found[::-1]
            found.append(older)
        # It was moved out of the row, by somebody else than the daemon: only what stands in its place is new.
        for older in found[1:]:
            older.close()
        return [newest]

    def _older(self) -> Iterator[BinaryIO]:
        for number in count(1):
            older = _opened(self._file.with_name(f"{self._file.name}.{number}"))
            if older is None:
                return
            yield older

    def _replace(self, successor: BinaryIO) -> None:
        if self._open is not None:
            self._open.close()
        self._open, self._rest = successor, b""


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _identity(file: BinaryIO) -> Identity:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino


def _text(line: bytes) -> str:
    return line.rstrip(b"\r\n").decode(errors="replace")
