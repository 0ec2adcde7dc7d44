"""One server that is kept running: started again when it fails, asked again when it changes. Speaks no protocol."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agiwo.errors import ConfigError
from agiwo.mcp.errors import CallLost, McpError, ServerUnavailable, innermost
from agiwo.mcp.offer import OfferedTool
from agiwo.mcp.pace import Pace, Setbacks
from agiwo.mcp.server import McpServer
from agiwo.mcp.signs import Signs
from agiwo.mcp.state import OnChange, ServerState, Status
from agiwo.tool.thread import in_thread

if TYPE_CHECKING:
    from agiwo.mcp.connection import Connection

_GREETING: Final = 60.0
"""Seconds from its start to its list of tools: a runner of packages may have to fetch it first."""

_PROBE: Final = 5.0
"""Seconds that a server has, which has lost a call, to show that it can still answer."""

_BETWEEN: Final = 0.1
"""Seconds between two looks at its tools; a server that tells of a change without end is not to keep us busy."""

_SHORT: Final = 5.0
"""Seconds of a pause that a call waits for; longer ones are told to the model."""

log = logging.getLogger(__name__)


Connect = Callable[[McpServer, Signs], AbstractAsyncContextManager["Connection"]]


class Supervision:
    """Keeps one server running from `start` to `close`. All its work is one task, which it owns."""

    def __init__(self, server: McpServer, on_change: OnChange | None = None, pace: Pace | None = None) -> None:
        self.state = ServerState(server)
        self._on_change = on_change
        # Where nothing is started nothing is given up: whoever runs that server may have it back at any time.
        self._setbacks = Setbacks(pace or (Pace() if server.command is not None else Pace(failures=None)))
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._awake = asyncio.Event()
        self._connection: Connection | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._is_over = False
        self._listed = 0

    @property
    def server(self) -> McpServer:
        """What is kept running."""
        return self.state.server

    def start(self) -> None:
        """Begin; returns at once."""
        if self._task is None:
            self._is_over = False
            self._move(status="starting", error=None, again_at=None)
            self._task = asyncio.create_task(self._keep(), name=f"MCP server {self.server.name}")

    async def settled(self, seconds: float | None = None) -> ServerState:
        """How it stands once an attempt is over and its tools are listed as they are, or that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.is_settling:
                    await self.moved()
        return self.state

    @property
    def is_settling(self) -> bool:
        """Whether it is about to stand otherwise: it begins, or has told of a change that is not known yet."""
        connection = self._connection
        return self.state.status == "starting" or (connection is not None and connection.signs.changes != self._listed)

    async def restart(self) -> None:
        """End it if it runs, and start it now; returns when that was begun."""
        await self.close()
        self._setbacks.forget()
        self.start()

    async def close(self) -> None:
        """End it for good; nothing of it is left."""
        task, self._task, self._is_over = self._task, None, True
        if task is not None:
            if self._attempt is not None and not self._attempt.done():
                self._attempt.cancel()
            self._awake.set()
            await asyncio.gather(task, return_exceptions=True)
        self._move(status="stopped", pid=None, again_at=None)

    async def call(self, tool: str, arguments: Mapping[str, Any], trace: str, tell: Callable[[str], None]) -> Any:
        """What one of its tools gives, as the JSON of a `CallToolResult`, within the server's timeout.

        Raises:
            McpError: nothing can be had of it; the message is for the model.
        """
        began, name = time.monotonic(), self.server.name
        connection = await self._connected()
        try:
            left = max(0.1, self.server.timeout - (time.monotonic() - began))
            return await connection.call(tool, arguments, left, trace, tell)
        except CallLost as error:
            connection.signs.doubt()
            why = f"{error}; {connection.signs.ended}" if connection.signs.ended else str(error)
            raise CallLost(f"the MCP server {name!r} was asked, and what it did is not known: {why}") from error
        except McpError as error:
            raise McpError(f"the MCP server {name!r}: {error}") from error

    async def _connected(self) -> "Connection":
        """The conversation with it; waits for one that is about to begin.

        Raises:
            ServerUnavailable: there is none.
        """
        patience = self.server.timeout
        try:
            async with asyncio.timeout(patience):
                while self._connection is None:
                    self._require_hope()
                    await self.moved()
                return self._connection
        except TimeoutError:
            raise self._unavailable(f"it was not ready within {patience:g} seconds") from None

    def _require_hope(self) -> None:
        state = self.state
        if state.status == "parked":
            raise self._unavailable("it failed too often and is not started any more")
        if state.status == "stopped":
            raise self._unavailable("it was stopped")
        if state.again_at is not None and state.again_at - time.time() > min(_SHORT, self.server.timeout):
            raise self._unavailable(f"it is started again in {state.again_at - time.time():.0f} seconds")

    def _unavailable(self, text: str) -> ServerUnavailable:
        reason = f" ({self.state.error})" if self.state.error else ""
        return ServerUnavailable(f"the MCP server {self.server.name!r} does not run: {text}{reason}")

    async def _keep(self) -> None:
        """Start it, look after it, and do so again when it fails."""
        self._awake.clear()
        while not self._is_over:
            began = time.monotonic()
            self._attempt = asyncio.create_task(self._live(), name=f"MCP server {self.server.name}, an attempt")
            await asyncio.wait({self._attempt})
            lived = time.monotonic() - began
            error = None if self._attempt.cancelled() else self._attempt.exception()
            if not self._is_over:
                await self._rest(lived if self.state.status == "ready" else None, _why(error))

    async def _rest(self, lived: float | None, why: str) -> None:
        """Wait until it is to be started again."""
        pause = self._setbacks.add(time.monotonic(), lived)
        status: Status = "parked" if pause is None else "failed"
        log.warning("MCP server %s: %s; %s", self.server.name, why, _prospect(pause))
        self._move(status=status, error=why, pid=None, again_at=None if pause is None else time.time() + pause)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._awake.wait()
        if not self._is_over:
            self._move(status="starting", again_at=None, restarts=self.state.restarts + 1)

    async def _live(self) -> None:
        """One life of it. Ends with the reason, as an error."""
        resolved = self.server.resolved()
        # It takes a second, in which everybody else is to be served.
        library = await in_thread(lambda: import_module("agiwo.mcp.connection"))
        signs = Signs()
        try:
            await self._converse(library.connected, resolved, signs)
        except Exception as error:
            # Whatever a broken conversation raises: why the server ended says more.
            if signs.ended is None:
                raise
            raise McpError(signs.ended) from error

    async def _converse(self, connected: Connect, resolved: McpServer, signs: Signs) -> None:
        async with asyncio.timeout(_GREETING) as greeting:
            async with connected(resolved, signs) as connection:
                changes, tools = signs.changes, await connection.tools()
                greeting.reschedule(None)
                self._connection, self._listed = connection, changes
                about = {"protocol": connection.protocol, "title": connection.title, "pid": signs.pid}
                self._move(status="ready", error=None, tools=self._merged(tools), **about)
                log.info("MCP server %s is ready, with %d tools", self.server.name, len(tools))
                try:
                    await self._attend(connection)
                finally:
                    self._connection = None

    async def _attend(self, connection: "Connection") -> None:
        """Look after it until it ends."""
        signs = connection.signs
        while True:
            await signs.news.wait()
            signs.news.clear()
            if signs.ended is not None:
                raise McpError(signs.ended)
            if signs.is_doubtful:
                signs.is_doubtful = False
                await self._probe(connection)
            if signs.changes != self._listed:
                changes, tools = signs.changes, await connection.tools()
                self._listed = changes
                self._move(tools=self._merged(tools))
                self._wake()
                await asyncio.sleep(_BETWEEN)

    async def _probe(self, connection: "Connection") -> None:
        try:
            await connection.tools(_PROBE)
        except McpError as error:
            why = connection.signs.ended or f"it has lost a call and does not answer any more: {error}"
            raise McpError(why) from error

    def _merged(self, tools: tuple[OfferedTool, ...]) -> tuple[OfferedTool, ...]:
        """The tools as listed; one that has not changed stays the same object."""
        known = {tool.name: tool for tool in self.state.tools}
        return tuple(known[tool.name] if known.get(tool.name) == tool else tool for tool in tools)

    def _move(self, **changes: Any) -> None:
        before, moved = self.state, replace(self.state, **changes)
        if moved == before:
            return
        self.state = replace(moved, since=time.time()) if moved.status != before.status else moved
        self._wake()
        if self._on_change:
            self._on_change(before, self.state)

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Return when it stands otherwise than now."""
        await self._moved.wait()


def _why(error: BaseException | None) -> str:
    if error is None:
        return "it was ended"
    error = innermost(error)
    if isinstance(error, TimeoutError):
        return f"it was not ready within {_GREETING:g} seconds"
    if isinstance(error, ConfigError | McpError):
        return str(error)
    text = str(error).strip().partition("\n")[0][:500]
    return text if " " in text else f"{type(error).__name__}: {text}"


def _prospect(pause: float | None) -> str:
    return "it is not started any more" if pause is None else f"it is started again in {pause:.1f} seconds"
