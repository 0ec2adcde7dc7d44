"""The MCP servers whose tools agents may use: those of the settings, and those of imported files. Starts none."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agiwo.child_environment import plain_environment
from agiwo.config import variable
from agiwo.errors import ConfigError
from agiwo.mcp import McpServer

from agiwod.mcp_json import read_mcp_json
from agiwod.runtime.foreign import LeftOut
from agiwod.settings import McpServerSettings, Settings

_SECRET: Final = re.compile(r"key|token|secret|passw|auth|credential|cookie", re.IGNORECASE)
"""What the name of a variable or a header looks like whose value is not to be shown."""

_SHORTEST: Final = 8
"""Characters of a value that can be told from any other text."""


def foreign_servers(settings: Settings) -> tuple[list[McpServer], list[LeftOut]]:
    """The servers in the order in which they are found, and what was left out. Of two of one name the first counts."""
    servers = {name: _server(name, table) for name, table in settings.mcp.servers.items()}
    left_out: list[LeftOut] = []
    for path in _files(settings):
        found, faults = read_mcp_json(path)
        left_out += faults
        for server in found:
            if server.name in servers:
                left_out.append(LeftOut(str(path), "there is one of that name already", server.name))
            else:
                servers[server.name] = server
    return list(servers.values()), left_out


def project_servers(settings: Settings) -> list[McpServer]:
    """Those of them that a project adds, or has in the place of the user's."""
    tables = settings.mcp.servers.items()
    return [_server(*each) for each in tables if settings.origin("mcp", "servers", each[0]).source == "project"]


def server_secrets(settings: Settings) -> dict[str, str]:
    """What servers are given that looks like a key, by the name that stands in its place wherever it would be shown.

    What a project writes out is no secret of the user, and neither is what every program may know: else a stranger
    could choose a word that is taken out of all that is recorded.
    """
    found: dict[str, str] = {}
    known = frozenset(plain_environment().values())
    for server in foreign_servers(settings)[0]:
        try:
            resolved = server.resolved()
        except ConfigError:
            continue  # it cannot be started, so nobody is given what it names
        theirs = _variables_of_project(server.name, settings)
        for name, value in (*resolved.env.items(), *resolved.headers.items()):
            secret = value.removeprefix("Bearer ")
            if secret in known or (theirs is not None and not any(each in value for each in theirs)):
                continue
            if _SECRET.search(name) and len(secret) >= _SHORTEST:
                found[f"{server.name}.{name}"] = secret
    return found


def _variables_of_project(name: str, settings: Settings) -> list[str] | None:
    """What a project's server has from the environment; None when it is not a project's."""
    if settings.origin("mcp", "servers", name).source != "project":
        return None
    return [value for each in settings.mcp.servers[name].variables if (value := variable(each))]


def _files(settings: Settings) -> Iterator[Path]:
    """The user's own file where it is there, then those that the settings name."""
    if settings.user_servers.exists():
        yield settings.user_servers
    yield from (path for path in settings.mcp.imports if path != settings.user_servers)


def _server(name: str, table: McpServerSettings) -> McpServer:
    return McpServer(
        name,
        command=table.command,
        args=table.args,
        env={key: value.get_secret_value() for key, value in table.env.items()},
        cwd=table.cwd,
        url=table.url,
        headers={key: value.get_secret_value() for key, value in table.headers.items()},
        timeout=table.timeout,
        tools=table.tools,
    )
