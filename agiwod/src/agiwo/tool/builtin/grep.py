"""Searches the lines of files for a pattern, as a program of its own that may be killed. Imports nothing of ours.

A pattern can take for ever and holds the interpreter's lock meanwhile, so it is never matched where agents run.
"""

import json
import os
import re
import stat
import sys
from collections.abc import Iterator

_LINE = 4096
"""Bytes of a line that are searched, and of which a part is shown."""

_SHOWN = 300
"""Characters of a matching line that are shown."""

_PROBE = 8192
"""Bytes that tell whether a file is text."""

_MEMORY = 2 * 1024**3
"""Bytes of memory for all of it; some patterns grow without bounds when they are compiled."""


def main(argument: str) -> int:
    """Write the matches to stdout, one a line; 1, and the reason as the last line, when the pattern is none."""
    request = json.loads(argument)
    _limit_memory()
    try:
        pattern = re.compile(request["pattern"])
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        _tell(f"this is not a regular expression: {error}")
        return 1
    os.chdir(request["root"])
    left = request["matches"]
    for path, name, directory in _files(request["place"], frozenset(request["passedBy"])):
        for number, line in _lines(name, directory):
            if pattern.search(line):
                shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
                _tell(f"{path}:{number}: {shown}")
                left -= 1
                if not left:
                    return 0
    return 0


def _tell(line: str) -> None:
    sys.stdout.buffer.write(line.encode(errors="replace") + b"\n")
    sys.stdout.buffer.flush()  # what was found must be there when this process is killed


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    except (ImportError, ValueError, OSError):
        return  # not on this system; the time is limited all the same


def _files(place: str, passed_by: frozenset[str]) -> Iterator[tuple[str, str, int | None]]:
    """The files at a place and below, each with its name in an open directory, without following links."""
    if not os.path.isdir(place):
        yield place, place, None
        return
    for directory, below, names, opened in os.fwalk(place, follow_symlinks=False):
        below[:] = sorted(name for name in below if name not in passed_by)
        for name in sorted(names):
            yield os.path.normpath(os.path.join(directory, name)), name, opened


def _lines(name: str, directory: int | None) -> Iterator[tuple[int, str]]:
    """The lines of a regular text file with their numbers; none of anything else."""
    try:
        # Not blocking, because a pipe would wait for somebody to write.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return
    with os.fdopen(descriptor, "rb") as file:
        if b"\0" in file.read(_PROBE):
            return
        file.seek(0)
        number, is_start = 1, True
        while piece := file.readline(_LINE):
            if is_start:
                yield number, piece.decode(errors="replace").rstrip("\r\n")
            is_start = piece.endswith(b"\n")
            number += is_start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
