"""`agiwod tools`: which ones agents may name, what is wrong with others, and the servers that have some."""

import json
import sys
from typing import TYPE_CHECKING

from agiwod.cli.listing import MOST, AsJson, group_that_lists
from agiwod.cli.servers import list_servers, restart_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agiwo_protocol import tool


def list_tools(as_json: AsJson = False) -> None:
    """List the tools: what a second call would do, whether they ask first, and who adds them."""
    from agiwo_protocol import tool
    from agiwo_protocol.contract import Page

    from agiwod.cli.plain import without_controls
    from agiwod.cli.table import show_table
    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(tool.LIST, Page(limit=MOST)))
    if as_json:
        print(json.dumps(found.to_wire()))
        return
    show_table(("tool", "effect", "asks", "from", "description"), list(_rows(found)))
    for fault in found.faults:
        print(without_controls(f"{fault.name} of {fault.source} cannot be used: {fault.message}"), file=sys.stderr)


def _rows(found: "tool.ListResult") -> "Iterator[tuple[str, ...]]":
    for each in found.tools:
        about = each.description.partition(". ")[0].rstrip(".")
        yield each.name, each.effect, "yes" if each.asks else "no", each.source, about


tools = group_that_lists("The tools that agents may name.", list_tools)
tools.command("list")(list_tools)
tools.command("servers")(list_servers)
tools.command("restart")(restart_server)
