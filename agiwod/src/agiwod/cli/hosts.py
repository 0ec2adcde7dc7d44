"""What hosts of MCP are told to find the daemon's agents, each in the form of its own file. Writes none of them."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agiwo_protocol.paths import locate

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.spawn import spawn_of

_NAME: Final = "agiwod"
"""What hosts call us."""

_TOKEN: Final = "AGIWOD_TOKEN"
"""The variable from which hosts take the token, so that no file of theirs has it."""

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Host:
    """One program: where its file is, under which key servers stand in it, and what an entry has in it.

    `remote` makes the entry of a server at a URL; None when the host's file takes none. `more` is what else is needed
    for that.
    """

    place: Callable[[], str]
    key: str
    local: Mapping[str, Any]
    remote: Callable[[str], Entry] | None = None
    more: Mapping[str, Any] | None = None


def _of_claude() -> str:
    folder = {"darwin": "~/Library/Application Support", "win32": "%APPDATA%"}.get(sys.platform, "~/.config")
    return f"{folder}/Claude/claude_desktop_config.json"


def _headers(token: str) -> Entry:
    return {"headers": {"Authorization": f"Bearer {token}"}}


HOSTS: Final[dict[str, Host]] = {
    "claude-desktop": Host(_of_claude, "mcpServers", {}),
    "claude-code": Host(
        lambda: ".mcp.json of your project",
        "mcpServers",
        {"type": "stdio"},
        lambda url: {"type": "http", "url": url, **_headers(f"${{{_TOKEN}}}")},
    ),
    "cursor": Host(
        lambda: "~/.cursor/mcp.json, or .cursor/mcp.json of your project",
        "mcpServers",
        {},
        lambda url: {"url": url, **_headers(f"${{env:{_TOKEN}}}")},
    ),
    "vscode": Host(
        lambda: ".vscode/mcp.json of your project",
        "servers",
        {"type": "stdio"},
        lambda url: {"type": "http", "url": url, **_headers("${input:agiwod-token}")},
        {
            "inputs": [
                {"type": "promptString", "id": "agiwod-token", "description": "The daemon's token", "password": True}
            ]
        },
    ),
    "windsurf": Host(
        lambda: "~/.codeium/windsurf/mcp_config.json",
        "mcpServers",
        {},
        lambda url: {"serverUrl": url, **_headers(f"${{env:{_TOKEN}}}")},
    ),
    "zed": Host(lambda: "~/.config/zed/settings.json", "context_servers", {"source": "custom", "enabled": True}),
}
"""The hosts by name."""


def over_stdio(host: Host) -> Entry:
    """The file with which a host starts `agiwod mcp`: with absolute paths, since hosts have a PATH of their own."""
    spawn = spawn_of("mcp")
    env = {"env": dict(spawn.env)} if spawn.env else {}
    return {host.key: {_NAME: {**host.local, "command": spawn.command, "args": list(spawn.arguments), **env}}}


def over_http(host: Host) -> Entry:
    """The file with which a host asks the daemon that runs.

    Raises:
        CommandFailed: the host takes no URLs, or no daemon serves HTTP.
    """
    from agiwod.cli.probe import found_daemon

    if host.remote is None:
        raise CommandFailed("this host starts its servers itself; leave --http out", code=ExitCode.USAGE)
    status = found_daemon(locate())
    if status is None or not status.get("http"):
        hint = 'add http = "127.0.0.1:8423" to [serve] in config.toml, then `agiwod restart`'
        raise CommandFailed("no daemon serves HTTP", hint=hint, code=ExitCode.NO_DAEMON)
    return {host.key: {_NAME: host.remote(f"http://{status['http']}/mcp")}, **(host.more or {})}
