"""The ACP SDK's agent over stdio. It answers `_echo` at once; `_stream` sends so many updates before it answers."""
# pyright: basic, reportMissingImports=false, reportAbstractUsage=false
# What this imports is installed in another interpreter, so no type of it is known here.

import asyncio

from acp import Agent, InitializeResponse, run_agent, update_agent_message_text


class Peer(Agent):
    """What the benches ask for."""

    def on_connect(self, conn):
        """Keep the connection."""
        self.conn = conn

    async def initialize(self, protocol_version, **_):
        """Shake hands."""
        return InitializeResponse(protocol_version=protocol_version)

    async def ext_method(self, method, params):
        """Carry out either method."""
        for _ in range(params.get("count", 0)):
            if params["pause"]:
                await asyncio.sleep(params["pause"])
            await self.conn.session_update("session", update_agent_message_text(params["text"]))
        return {"text": params["text"]}


asyncio.run(run_agent(Peer()))
