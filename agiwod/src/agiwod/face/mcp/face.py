"""MCP as a face for connections. Light: mcp takes a second to load, which it does when the first client comes."""

import asyncio

from agiwo.tool.thread import in_thread
from agiwo_protocol.channel import Channel
from agiwo_protocol.preface import PLAIN, Preface

from agiwod.runtime.daemon import Daemon


class McpFace:
    """The Model Context Protocol over what the daemon can do."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._loading = asyncio.Lock()

    async def converse(self, channel: Channel, preface: Preface = PLAIN) -> None:
        """Hold one conversation to its end, with what there is where the client works."""
        async with self._loading:
            conversation = await in_thread(_load)
        await conversation.hold(self._daemon, channel, preface.values.get("cwd"))


def _load():
    from agiwod.face.mcp import conversation

    return conversation
