"""One client of MCP over a channel, from its first message to its last. Loads mcp, so it is loaded in a thread."""

# Whole before its parts: another thread may be loading it, for a server whose tools agents use.
import mcp as mcp
from agiwo_protocol.channel import Channel

from agiwod.face.mcp.guest import Guest
from agiwod.face.mcp.server import McpServer
from agiwod.face.mcp.streams import Reading, Writing
from agiwod.runtime.daemon import Daemon


async def hold(daemon: Daemon, channel: Channel, cwd: str | None = None) -> None:
    """Hold one conversation to its end, with a client that works in `cwd`.

    Runs of calls that were under way go on, if nobody cancelled them.
    """
    reading = Reading(channel)
    server = McpServer(daemon, lambda: reading.is_over, cwd)
    guest = Guest(daemon, channel.credentials)
    server.server.middleware.append(guest.meet)
    forget = daemon.on_end(server.answered)
    try:
        await server.run(reading, Writing(channel))
    finally:
        forget()
        guest.leave()
        await channel.close()
