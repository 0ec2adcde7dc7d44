"""The MCP servers whose tools agents use: as the daemon has them, else started here for a moment."""

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agiwod.cli.checks.finding import Finding, Patient, fault, ok, warning

if TYPE_CHECKING:
    from agiwo.mcp import McpServer

_PATIENCE = 20.0
"""Seconds that a server has to list its tools; one that must be fetched first may need longer, and is told so."""

Look = tuple[str, str, int, str | None]
"""A server: its name, how it stands, how many tools it has, and why it does not run."""


def check_servers(patient: Patient) -> Iterator[Finding]:
    """Each server, and what was left out of the files that name some."""
    if patient.settings is None:
        return
    from agiwod.foreign import foreign_servers

    servers, left_out = foreign_servers(patient.settings)
    for each in left_out:
        yield warning("MCP servers", f"left out: {each}", f"put it right in {each.path}, or take it away")
    if servers:
        looks = _of_daemon() if patient.status else asyncio.run(_of_our_own(servers))
        yield from (_told(*look) for look in looks)


def _told(name: str, status: str, tools: int, error: str | None) -> Finding:
    area = f"MCP server {name}"
    if status == "ready":
        return ok(area, f"ready, {tools} tools")
    if status == "starting":
        return warning(area, "it has not listed its tools yet", "wait, or run its command by hand to see what it does")
    again = f"put it right, then `agiwod tools restart {name}`"
    return fault(area, error or f"it is {status}", again)


def _of_daemon() -> list[Look]:
    from agiwo_protocol import mcp
    from agiwo_protocol.contract import Page

    from agiwod.cli.listing import MOST
    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(mcp.LIST, Page(limit=MOST)))
    return [(each.name, each.status, len(each.tools), each.error) for each in found.servers]


async def _of_our_own(servers: "list[McpServer]") -> list[Look]:
    from agiwo.mcp import McpServers

    logging.getLogger("agiwo.mcp").setLevel(logging.CRITICAL)  # what it would say is told below
    running = McpServers(*servers)
    running.start()
    try:
        await running.settled(lambda name: True, _PATIENCE)
        return [(state.server.name, state.status, len(state.tools), state.error) for state in running.states()]
    finally:
        await running.close()
