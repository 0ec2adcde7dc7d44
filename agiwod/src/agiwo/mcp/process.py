"""A server's process: its pipes, and an end that it cannot escape. Knows no message.

Between it and us stands a keeper, which ends the server and all that it has started as soon as we let go of a line to
it. The system does that for us when this process is killed; and should the keeper be killed, the line tells us.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from agiwo.errors import ConfigError
from agiwo.mcp.server import McpServer
from agiwo.tool.sweep import sweep

_KEEPER = Path(__file__).with_name("keeper.py")

_FAREWELL = 6.0
"""Seconds that the keeper may take to end everything; it needs less than five."""

_LAST_WORDS = 20
"""Lines of its stderr that are kept for who asks why it ended."""

_LINE = 500
"""Characters of such a line."""

_MARK: Final = "AGIWO_MCP_PROCESS"
"""The variable by which all processes of one server are known, wherever they have got to."""


class ServerProcess:
    """A server that runs. Made by `start`; whoever has it must `stop` it."""

    def __init__(self, process: asyncio.subprocess.Process, line: socket.socket, mark: str) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self.pid = process.pid
        self.stdin, self.stdout = process.stdin, process.stdout
        self._process, self._line, self._mark = process, line, mark
        self._is_tidy = False
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._listening = asyncio.create_task(self._listen(process.stderr), name=f"stderr of {self.pid}")
        line.setblocking(False)
        asyncio.get_running_loop().add_reader(line, self._hear)

    @classmethod
    async def start(cls, server: McpServer) -> "ServerProcess":
        """Start a server.

        Raises:
            ConfigError: there is no such program, or no such directory.
            OSError: the system refuses.
        """
        # A cancel must not come between the start of the process and the moment at which somebody has it.
        starting = asyncio.ensure_future(cls._start(server))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            for process in await asyncio.gather(starting, return_exceptions=True):
                if isinstance(process, ServerProcess):
                    await process.stop()
            raise

    @classmethod
    async def _start(cls, server: McpServer) -> "ServerProcess":
        environment = server.environment()
        command = _program(server, environment)
        mark = secrets.token_hex(12)
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_KEEPER), str(theirs.fileno()), command, *server.args),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=server.cwd,
                env=environment | {_MARK: mark},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process, ours, mark)

    @property
    def last_words(self) -> str:
        """What it wrote last on stderr."""
        return "\n".join(self._words)

    async def why(self) -> str:
        """How it ended, once its stdout is closed."""
        await self._end_of_all()
        said = f": {self._words[-1].strip()}" if self._words else ""
        code = self._process.returncode
        return f"it closed its stdout{said}" if code is None else f"it ended with code {code}{said}"

    async def stop(self) -> None:
        """Let it end, and everything that it started; what does not heed that is killed."""
        self.stdin.close()
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)
        try:
            await self._end_of_all()
        finally:
            if self._process.returncode is None:
                self._sweep()
                await self._end_of_all()
            self._hang_up()
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _end_of_all(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await asyncio.gather(self._process.wait(), _drain(self.stdout))

    def _hear(self) -> None:
        """The keeper says that its work is done, or is gone: then it is done here."""
        try:
            said = self._line.recv(16)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        self._is_tidy = self._is_tidy or bool(said)
        if not said:
            self._hang_up()
            if not self._is_tidy:
                self._sweep()

    def _hang_up(self) -> None:
        if self._line.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._line)
            self._line.close()

    def _sweep(self) -> None:
        """Kill whatever belongs to the server."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        sweep(_MARK, self._mark)

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        rest = ""
        while data := await stderr.read(65536):
            *lines, rest = (rest + data.decode(errors="replace")).split("\n")
            self._words.extend(line[:_LINE] for line in lines if line.strip())
            rest = rest[-_LINE:]
        if rest.strip():
            self._words.append(rest)


def _program(server: McpServer, environment: Mapping[str, str]) -> str:
    if server.cwd is not None and not Path(server.cwd).is_dir():
        raise ConfigError(f"its directory is not there: {server.cwd}")
    assert server.command is not None
    path = environment.get("PATH", os.defpath)
    command = str(Path(server.command).expanduser()) if server.command.startswith("~") else server.command
    if os.sep in command and server.cwd is not None:
        command = str(Path(server.cwd) / command)
    found = shutil.which(command, path=path)
    if found is None:
        raise ConfigError(f"there is no program {server.command!r}")
    return os.path.abspath(found) if os.sep in command else found


async def _drain(stream: asyncio.StreamReader) -> None:
    """Read what nobody wants any more: who still writes it must be able to end."""
    with suppress(OSError):
        while await stream.read(65536):
            pass
