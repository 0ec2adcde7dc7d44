"""What an editor does for an agent: its files as they stand in it, saved or not, and its terminals. Judges no call."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import anyio
from agiwo.errors import ToolError
from agiwo_protocol.contract import Wire, read_params
from agiwo_protocol.errors import RpcError
from agiwo_protocol.peer import Peer

_FILE: Final = 60.0
"""Seconds that an editor has for one file; it may show its user something first."""

_TERMINAL: Final = 20.0
"""Seconds that it has to begin a command, and to tell what it wrote."""

_FAREWELL: Final = 2.0
"""Seconds to end a command and let go of its terminal."""

R = TypeVar("R", bound=Wire)


class _Content(Wire):
    content: str


class _Terminal(Wire):
    terminal_id: str


class Exit(Wire):
    """How a command ended."""

    exit_code: int | None = None
    signal: str | None = None


class Output(Wire):
    """What a command wrote, perhaps only the end of it."""

    output: str
    truncated: bool = False
    exit_status: Exit | None = None


class Editor:
    """The editor at the other end, as far as one session is concerned. What it refuses is an error for the model."""

    def __init__(self, peer: Peer, session: str) -> None:
        self._peer, self._session = peer, session

    async def read(self, path: str, line: int | None = None, limit: int | None = None) -> str:
        """The text of a file as the editor has it, from that line on.

        Raises:
            ToolError: the editor does not give it.
        """
        lines = {name: value for name, value in (("line", line), ("limit", limit)) if value is not None}
        return (await self._ask("fs/read_text_file", _Content, _FILE, path=path, **lines)).content

    async def write(self, path: str, content: str) -> None:
        """Have the editor put that text into a file.

        Raises:
            ToolError: it does not.
        """
        await self._ask("fs/write_text_file", Wire, _FILE, path=path, content=content)

    @asynccontextmanager
    async def terminal(self, command: Mapping[str, Any]) -> AsyncGenerator["Terminal"]:
        """A terminal in which the command runs; whatever happens, nothing of it is left behind.

        Raises:
            ToolError: the editor does not begin it.
        """
        made = await self._ask("terminal/create", _Terminal, _TERMINAL, **command)
        try:
            yield Terminal(self, made.terminal_id)
        finally:
            with anyio.move_on_after(_FAREWELL, shield=True):
                await self.tell("terminal/release", made.terminal_id)

    async def tell(self, method: str, terminal: str) -> None:
        """Have something done with a terminal; one that is there no more needs nothing."""
        try:
            await self._ask(method, Wire, _FAREWELL, terminalId=terminal)
        except ToolError:
            return

    async def of_terminal(self, method: str, answer: type[R], terminal: str, seconds: float | None) -> R:
        """What the editor says of a terminal.

        Raises:
            ToolError: it says nothing.
        """
        return await self._ask(method, answer, seconds, terminalId=terminal)

    async def _ask(self, method: str, answer: type[R], seconds: float | None, **params: Any) -> R:
        try:
            given = await self._peer.request(method, {"sessionId": self._session, **params}, timeout=seconds)
            return read_params(answer, given)
        except RpcError as error:
            raise ToolError(f"the editor could not do it: {error.message[:2000]}") from None


class Terminal:
    """One command in one terminal of the editor's."""

    def __init__(self, editor: Editor, id: str) -> None:
        self.id, self._editor = id, editor

    async def ended(self, seconds: float) -> Exit | None:
        """How the command ended; None when it took longer, and was killed."""
        with anyio.move_on_after(seconds):
            return await self._editor.of_terminal("terminal/wait_for_exit", Exit, self.id, None)
        await self._editor.tell("terminal/kill", self.id)
        return None

    async def output(self) -> Output:
        """What it wrote."""
        return await self._editor.of_terminal("terminal/output", Output, self.id, _TERMINAL)
