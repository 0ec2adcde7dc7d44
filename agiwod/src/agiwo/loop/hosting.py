"""A tool call that a client carries out: put where the client finds it, and waited for. Asks no client itself.

Keys beside the call's own: `{turn}.{i}/ask` for what the client is asked, `/answer` for what it said.
"""

from collections.abc import Mapping
from typing import Any

from agiwo.durable import DurableContext
from agiwo.loop.plan import Hosted
from agiwo.schema.hosted import TOPIC


async def ask_host(
    ctx: DurableContext, key: str, call: Mapping[str, Any], tool: Hosted
) -> tuple[Mapping[str, Any], int]:
    """Wait for the result of the call, without holding a slot and with the run's time standing still; and its ms.

    Raises:
        EffectFailed: the arguments do not fit the tool.
        Interrupted: the run is to end.
    """
    asked = await ctx.step(f"{key}/ask", "host", {"item": key, **call})
    if "output" in asked:
        return asked["output"], 0
    message = await ctx.receive(f"{key}/answer", TOPIC, {"item": asked["item"]}, tool.timeout)
    if message is not None:
        return message.data["output"], message.data["durationMs"]
    name, seconds = call["name"], tool.timeout
    content = f"Error: the client that has {name} gave no answer within {seconds:g} seconds. "
    return {"content": f"{content}Whether the call took effect is not known.", "isError": True}, 0
