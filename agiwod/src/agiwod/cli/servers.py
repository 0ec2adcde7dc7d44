"""`agiwod tools servers` and `restart`: the MCP servers that agents' tools are of, and starting one again."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agiwod.cli.failure import CommandFailed
from agiwod.cli.listing import MOST, AsJson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agiwo_protocol import mcp


def list_servers(as_json: AsJson = False) -> None:
    """List the MCP servers: how each stands, and why one does not run; on stderr, what was left out."""
    from agiwo_protocol import mcp
    from agiwo_protocol.contract import Page

    from agiwod.cli.plain import without_controls
    from agiwod.cli.table import show_table
    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(mcp.LIST, Page(limit=MOST)))
    if as_json:
        print(json.dumps(found.to_wire()))
        return
    show_table(("server", "status", "tools", "restarts", "is", "error"), list(_rows(found)))
    for left in found.skipped:
        about = f"the server {left.name!r}: " if left.name else ""
        print(without_controls(f"{left.path}: left out: {about}{left.reason}"), file=sys.stderr)


def _rows(found: "mcp.ListResult") -> "Iterator[tuple[str, ...]]":
    for each in found.servers:
        kind = f"{each.title} ({each.transport})" if each.title else each.transport
        yield each.name, each.status, str(len(each.tools)), str(each.restarts), kind, each.error or ""


def restart_server(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which server.")], as_json: AsJson = False
) -> None:
    """End an MCP server and start it again. Code 1 when it does not come to run."""
    from agiwo_protocol import mcp

    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(mcp.RESTART, mcp.RestartParams(name=name)))
    if as_json:
        print(json.dumps(found.to_wire()))
    if found.status not in ("ready", "starting"):
        raise CommandFailed(f"the MCP server {name!r} does not run: {found.error}")
    if not as_json:
        tools = f", with {len(found.tools)} tools" if found.status == "ready" else ""
        print(f"{name} is {found.status}{tools}")
