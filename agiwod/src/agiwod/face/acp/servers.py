"""The MCP servers that an editor gives to a session. Starts none."""

import re
from collections.abc import Sequence
from typing import Final

from agiwo.errors import ConfigError
from agiwo.mcp import McpServer
from agiwo_protocol.errors import InvalidParams

from agiwod.face.acp.shapes import ServerEntry

_SECRET: Final = re.compile(r"key|token|secret|password|auth", re.IGNORECASE)
"""What the name of a value says that nobody should be shown."""

_SHORTEST: Final = 8
"""Characters of a secret: a shorter one would be found in everything."""


def servers_of(entries: Sequence[ServerEntry], cwd: str) -> list[McpServer]:
    """The servers as they can be started, in the session's directory.

    Raises:
        InvalidParams: one of them cannot.
    """
    found: dict[str, McpServer] = {}
    for number, entry in enumerate(entries):
        try:
            if entry.name in found:
                raise ConfigError(f"two MCP servers are named {entry.name!r}")
            found[entry.name] = _server(entry, cwd)
        except ConfigError as error:
            fault = {"path": f"mcpServers.{number}", "message": str(error)}
            raise InvalidParams("an MCP server cannot be used", errors=[fault]) from None
    return list(found.values())


def _server(entry: ServerEntry, cwd: str) -> McpServer:
    if entry.type not in ("stdio", "http"):
        raise ConfigError(f"servers are reached over stdio and http, and not over {entry.type[:50]!r}")
    return McpServer(
        _plain(entry.name),
        command=None if entry.command is None else _plain(entry.command),
        args=tuple(map(_plain, entry.args)),
        env={each.name: _plain(each.value) for each in entry.env},
        cwd=cwd if entry.url is None else None,
        url=None if entry.url is None else _plain(entry.url),
        headers={each.name: _plain(each.value) for each in entry.headers},
    )


def _plain(text: str) -> str:
    """The text as the editor meant it, which names no variables of the daemon's."""
    if "${" in text:
        raise ConfigError("it names a variable, which the editor has to fill in")
    return text


def secrets_of(servers: Sequence[McpServer]) -> dict[str, str]:
    """What looks like a key in what servers are given, by the name that stands in its place wherever it is shown."""
    return {
        f"{server.name}.{name}": value.removeprefix("Bearer ")
        for server in servers
        for name, value in (*server.env.items(), *server.headers.items())
        if _SECRET.search(name) and len(value.removeprefix("Bearer ")) >= _SHORTEST
    }
