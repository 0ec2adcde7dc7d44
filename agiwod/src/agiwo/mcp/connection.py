"""A conversation with a server: what it offers, and calls of that. Restarts nothing; the only place that knows `mcp`.

Loading this module takes a second, so it is done in a thread, and by who has a server.
"""

import logging
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, cast

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client import Transport
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp_types import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    Implementation,
    LoggingMessageNotificationParams,
    RequestParamsMeta,
    ServerNotification,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from agiwo.mcp.errors import CallLost, McpError, innermost
from agiwo.mcp.offer import OfferedTool
from agiwo.mcp.server import McpServer
from agiwo.mcp.signs import Signs
from agiwo.mcp.telling import Tell, bounded, is_ours, progress

log = logging.getLogger(__name__)

_PAGES: Final = 100
_TOOLS: Final = 1000
"""How many pages of tools are read, and how many tools are taken: no agent could use more."""

_LISTING: Final = 30.0
"""Seconds for one page of them."""

_OURS: Final = Implementation(name="agiwo", version="0.1.0")


class Connection:
    """A server that has been greeted. Calls may be made from any task."""

    def __init__(self, server: McpServer, client: Client, signs: Signs) -> None:
        self._server, self._client, self.signs = server, client, signs
        self._told: dict[int, Tell] = {}
        self._last_call = 0

    @property
    def protocol(self) -> str:
        """The version of the protocol that both speak."""
        return self._client.protocol_version

    @property
    def title(self) -> str:
        """What the server calls itself, with its version; empty when it does not say."""
        info = self._client.server_info
        return "" if info is None else f"{info.name} {info.version}".strip()

    async def tools(self, seconds: float = _LISTING) -> tuple[OfferedTool, ...]:
        """All tools that it offers and agents may use, each name once.

        Raises:
            McpError: it does not answer as it should.
        """
        found: dict[str, OfferedTool] = {}
        cursor: str | None = None
        try:
            for _ in range(_PAGES):
                with anyio.fail_after(seconds):
                    page = await self._client.list_tools(cursor=cursor, cache_mode="refresh")
                for tool in page.tools:
                    offered = OfferedTool.from_json(
                        self._server.name, tool.model_dump(by_alias=True, exclude_none=True, mode="json")
                    )
                    if self._server.offers(offered.name) and len(found) < _TOOLS:
                        found.setdefault(offered.name, offered)
                cursor = page.next_cursor
                if cursor is None:
                    break
        except Exception as error:
            # The border to a library and a stranger: all of it means that there is no list.
            raise McpError(f"its tools cannot be listed: {_told(error)}") from error
        return tuple(found.values())

    async def call(self, tool: str, arguments: Mapping[str, Any], seconds: float, trace: str, tell: Tell) -> Any:
        """What the tool gives, as the JSON of a `CallToolResult`; `tell` gets what is said meanwhile.

        Raises:
            CallLost: it did not answer in time, or ended.
            McpError: it refuses, or its answer breaks the rules.
        """
        self._last_call += 1
        number, tell = self._last_call, bounded(tell)
        self._told[number] = tell
        try:
            result = await self._client.call_tool(
                tool,
                dict(arguments),
                read_timeout_seconds=seconds,
                progress_callback=progress(tell, streams=is_ours(self.title)),
                meta=cast(RequestParamsMeta, {"traceparent": trace}) if trace else None,
            )
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise CallLost(f"it gave no answer within {seconds:.3g} seconds, and the call was cancelled") from error
            if error.code == CONNECTION_CLOSED:
                raise CallLost(f"it was gone before it had answered ({_told(error)})") from error
            raise McpError(_told(error)) from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            raise CallLost("it was gone before it had answered") from error
        except Exception as error:
            # The border to a library and a stranger.
            raise McpError(f"its answer breaks the rules: {_told(error)}") from error
        finally:
            del self._told[number]
        return result.model_dump(by_alias=True, exclude_none=True, mode="json")

    def hear_log(self, level: str, said: str) -> None:
        """Tell what the server logs to the call that goes on; which one it is about is known when there is one."""
        log.debug("MCP server %s: %s: %s", self._server.name, level, said)
        if len(self._told) == 1:
            next(iter(self._told.values()))(f"[{level}] {said}\n")


@asynccontextmanager
async def connected(server: McpServer, signs: Signs) -> AsyncGenerator[Connection]:
    """A conversation with the server, until the end of the block; nothing is left of what was started for it.

    Raises:
        ConfigError, OSError: it cannot be started.
        MCPError, Exception: it does not greet as it should.
    """
    holder: list[Connection] = []

    async def on_log(params: LoggingMessageNotificationParams) -> None:
        for connection in holder:
            connection.hear_log(params.level, str(params.data))

    async def on_message(message: ServerNotification | Exception) -> None:
        if isinstance(message, ToolListChangedNotification):
            signs.change()

    async with AsyncExitStack() as stack:
        client = Client(
            await _transport(server, signs, stack),
            client_info=_OURS,
            log_level="info",
            logging_callback=on_log,
            message_handler=on_message,
            cache=None,
        )
        await stack.enter_async_context(client)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        connection = Connection(server, client, signs)
        holder.append(connection)
        if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
            tasks.start_soon(_hear_changes, client, signs)
        try:
            yield connection
        finally:
            tasks.cancel_scope.cancel()


async def _transport(server: McpServer, signs: Signs, stack: AsyncExitStack) -> Transport:
    """The way to the server; what it needs is closed with the stack."""
    if server.url is None and sys.platform == "win32":
        # There the library ends all that a server starts; keepers need what Windows has not.
        parameters = StdioServerParameters(
            command=server.command or "", args=list(server.args), env=server.environment(), cwd=server.cwd
        )
        return stdio_client(parameters)
    if server.url is None:
        from agiwo.mcp.stdio import stdio_streams

        return stdio_streams(server, signs.start, signs.end)
    from agiwo.mcp.http import http_client

    client = await stack.enter_async_context(http_client(server))
    return streamable_http_client(server.url, http_client=client, max_sse_event_size=server.most)


async def _hear_changes(client: Client, signs: Signs) -> None:
    """Be told when the tools change, in the era in which that must be asked for; again when the telling breaks off."""
    tools = client.server_capabilities.tools
    if tools is None or not tools.list_changed:
        return
    pause = 1.0
    while True:
        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    signs.change()
            return
        except SubscriptionLost:
            await anyio.sleep(pause)
            pause = min(60.0, 2 * pause)
            signs.change()  # what came meanwhile is not told again
        except MCPError as error:
            log.debug("MCP server %s does not tell of changes: %s", client.server_info, _told(error))
            return


def _told(error: BaseException) -> str:
    """What went wrong, in one line, from wherever in a group of errors it is."""
    error = innermost(error)
    text = error.message if isinstance(error, MCPError) else str(error)
    return text.strip().partition("\n")[0][:500] or type(error).__name__
