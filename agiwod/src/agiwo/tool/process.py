"""A child process in a sandbox that leaves nothing behind: no process, no endless output. Knows no tool."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agiwo.tool.sandbox.launch import Launch
from agiwo.tool.sandbox.sandbox import Narrow, Sandbox
from agiwo.tool.sweep import COMMAND, new_mark, sweep
from agiwo.tool.thread import in_thread

_FLOOD = 64 * 1024 * 1024
"""Bytes of output after which a process is ended: nobody will read them, and reading them away costs time."""

_PIECE = 65536
"""Bytes read at a time: what a pipe holds."""

_FAREWELL = 2.0
"""Seconds that the keeper may take to end everything; it needs a hundredth of one."""

_REAP = 1.0
"""Seconds to wait for the end of what was killed; what the kernel holds longer is left to it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process wrote, stdout and stderr together, and how it ended.

    `code` is None when it was killed here, and then `reason` says why. With a `refusal` it never ran: its sandbox could
    not be had. Of long output both ends are kept; `dropped` counts the bytes between them.
    """

    code: int | None
    head: bytes
    tail: bytes = b""
    dropped: int = 0
    reason: str = ""
    refusal: str = ""

    def text(self) -> str:
        """The output as text, with a note in the place of what was dropped."""
        head, tail = self.head.decode(errors="replace"), self.tail.decode(errors="replace")
        return f"{head}\n[… {self.dropped:,} bytes left out …]\n{tail}" if self.dropped else head + tail


async def run_process(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    seconds: float,
    keep: int,
    sandbox: Sandbox | Narrow | None = None,
) -> Ended:
    """Run a command to its end, or until its time is over, in a sandbox. It reads nothing.

    However this ends, by a cancel too, all that the command has started is killed, wherever it has got to; so it is
    when this process is killed, and what should outlive that is for `sweep_orphans`.

    Raises: OSError when it cannot be started.
    """
    output, reason, mark = _Output(keep), "", new_mark()
    env = {**env, COMMAND: mark}
    starting = asyncio.create_task(_start(sandbox or Sandbox(), command, cwd, env, seconds, output))
    try:
        # A cancel lets it start: asyncio would kill what is being started, and nothing that it has started by then.
        running = await asyncio.shield(starting)
        output.listen(lambda: _stop(running))
        async with asyncio.timeout(seconds):
            await running.process.wait()
    except TimeoutError:
        reason = f"it took longer than {seconds:g} seconds"
    finally:
        ended = await _ended(starting, output, mark)
    what, why = ended.said
    if output.is_flood:
        reason = f"it wrote more than {_FLOOD:,} bytes"
    reason = reason or (why if what == "killed" else "")
    return Ended(None if reason else ended.process.returncode, *output.kept(), reason, why if what == "refused" else "")


@dataclass(slots=True)
class _Running:
    """A keeper of a command, and what it says at the end."""

    process: asyncio.subprocess.Process
    launch: Launch
    said: tuple[str, str] = ("", "")


async def _ended(starting: asyncio.Task[_Running], output: "_Output", mark: str) -> _Running:
    """The command when nothing is left of it."""
    try:
        running = await starting
        _stop(running)
        await _wait(running.process, _FAREWELL)
        if not running.launch.ends_with_its_keeper and running.process.returncode in (None, -signal.SIGKILL):
            # Its keeper hangs, or may have been killed.
            _kill(running.process.pid)
            await asyncio.to_thread(sweep, COMMAND, mark)
    finally:
        output.close()
    await _wait(running.process, _REAP)
    running.said = running.launch.heard()
    running.launch.close()
    return running


async def _wait(process: asyncio.subprocess.Process, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await process.wait()


async def _start(
    sandbox: Sandbox | Narrow,
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    seconds: float,
    output: "_Output",
) -> _Running:
    launch = await in_thread(lambda: Launch(sandbox, command, cwd, seconds))
    # A pipe of ours and not asyncio's, whose `wait` may wait for everybody who has inherited the pipe.
    inside = output.open()
    try:
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            cwd=cwd,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=inside,
            stderr=inside,
            pass_fds=launch.inherited,
            start_new_session=True,
        )
    except BaseException:
        launch.close()
        raise
    finally:
        os.close(inside)
    return _Running(process, launch)


def _stop(running: _Running) -> None:
    """Have a command ended, and all that it has started: by the system at once, or else by its keeper."""
    if running.process.returncode is None and running.launch.ends_with_its_keeper:
        _kill(running.process.pid)
    elif running.process.returncode is None:
        with suppress(ProcessLookupError):
            running.process.terminate()


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
