"""A child process that leaves nothing behind: no process of its group, no endless output. Knows no tool."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agiwo.tool.sweep import COMMAND, new_mark, sweep

_FLOOD = 64 * 1024 * 1024
"""Bytes of output after which a process is ended: nobody will read them, and reading them away costs time."""

_PIECE = 65536
"""Bytes read at a time: what a pipe holds."""

_REAP = 1.0
"""Seconds to wait for the end of what was killed; what the kernel holds longer is left to it."""


_PLACES: Final = ("CACHE_HOME", "CONFIG_HOME", "DATA_HOME", "RUNTIME_DIR", "STATE_HOME")

_HANDED_ON: Final = (
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"),
    *(f"XDG_{place}" for place in _PLACES),
)


def plain_environment() -> dict[str, str]:
    """Of this process's environment what a command needs; what else is there may be a key."""
    own = {**os.environ}
    return {name: own[name] for name in _HANDED_ON if name in own}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process wrote, stdout and stderr together, and how it ended.

    `code` is None when it was killed here, and then `reason` says why. Of long output both ends are kept; `dropped`
    counts the bytes between them.
    """

    code: int | None
    head: bytes
    tail: bytes = b""
    dropped: int = 0
    reason: str = ""

    def text(self) -> str:
        """The output as text, with a note in the place of what was dropped."""
        head, tail = self.head.decode(errors="replace"), self.tail.decode(errors="replace")
        return f"{head}\n[… {self.dropped:,} bytes left out …]\n{tail}" if self.dropped else head + tail


async def run_process(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], seconds: float, keep: int) -> Ended:
    """Run a command to its end, or until its time is over. It reads nothing, and leads a process group of its own.

    However this ends, by a cancel too, the whole group is killed; so is what the command left in the background, and
    on Linux what has left the group. What outlives this process by `kill -9` is for `sweep_orphans`.

    Raises: OSError when it cannot be started.
    """
    output, reason, mark = _Output(keep), "", new_mark()
    starting = asyncio.create_task(_start(command, cwd, {**env, COMMAND: mark}, output))
    try:
        # A cancel lets it start: asyncio would kill what is being started, and nothing that it has started by then.
        running = await asyncio.shield(starting)
        output.listen(lambda: _kill(running.pid))
        async with asyncio.timeout(seconds):
            await running.wait()
    except TimeoutError:
        reason = f"it took longer than {seconds:g} seconds"
    finally:
        process = await _ended(starting, output, mark)
    if output.is_flood:
        reason = f"it wrote more than {_FLOOD:,} bytes"
    return Ended(None if reason else process.returncode, *output.kept(), reason)


async def _ended(
    starting: asyncio.Task[asyncio.subprocess.Process], output: "_Output", mark: str
) -> asyncio.subprocess.Process:
    """The process when its whole group is killed, and whoever has left it."""
    try:
        process = await starting
        _kill(process.pid)
        # Beside the loop, since all processes are looked at; a second cancel does not end it.
        await asyncio.to_thread(sweep, COMMAND, mark)
    finally:
        output.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(_REAP):
            await process.wait()
    return process


async def _start(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], output: "_Output"
) -> asyncio.subprocess.Process:
    # A pipe of ours and not asyncio's, whose `wait` may wait for everybody who has inherited the pipe.
    inside = output.open()
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
    finally:
        os.close(inside)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


class _Output:
    """The reading end of a pipe: keeps the beginning and the end of what comes, and counts the rest."""

    def __init__(self, keep: int) -> None:
        self._keep = keep // 2
        self._head, self._tail, self._total = bytearray(), bytearray(), 0
        self._end: int | None = None
        self.is_flood = False

    def open(self) -> int:
        """The writing end, which the caller closes."""
        self._end, inside = os.pipe()
        os.set_blocking(self._end, False)
        return inside

    def listen(self, on_flood: Callable[[], None]) -> None:
        """Read what comes, from now on."""
        if self._end is not None:
            asyncio.get_running_loop().add_reader(self._end, self._read, on_flood)

    def close(self) -> None:
        """Take what has been written so far, and read no more."""
        if self._end is not None:
            asyncio.get_running_loop().remove_reader(self._end)
            while not self.is_flood and self._take():
                pass
            os.close(self._end)
            self._end = None

    def kept(self) -> tuple[bytes, bytes, int]:
        """The head, the tail, and how many bytes were between them."""
        tail = bytes(self._tail[-self._keep :])
        return bytes(self._head), tail, self._total - len(self._head) - len(tail)

    def _read(self, on_flood: Callable[[], None]) -> None:
        if self._end is not None and self._take() == 0:
            asyncio.get_running_loop().remove_reader(self._end)
        if self.is_flood:
            on_flood()

    def _take(self) -> int | None:
        """Take one piece and return its length: 0 when no more will ever come, None when there is none now."""
        assert self._end is not None
        try:
            data = os.read(self._end, _PIECE)
        except BlockingIOError:
            return None
        self._total += len(data)
        self.is_flood = self._total > _FLOOD
        room = max(0, self._keep - len(self._head))
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 4 * self._keep:
            del self._tail[: -self._keep]
        return len(data)
