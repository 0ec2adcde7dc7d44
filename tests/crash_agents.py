"""Agents whose tools leave a line behind for every time that they are run: a module for a daemon's home."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agiwo import Agent
from agiwo.agent import AgentOptions
from agiwo.schema.tool import ExecutionContext
from agiwo.testing import ScriptedModel
from agiwo.tool import BaseTool, tool

EFFECTS = Path(__file__).with_name("effects.txt")

Turn = Mapping[str, Any]


def leave(kind: str, context: ExecutionContext) -> None:
    with EFFECTS.open("a") as file:
        file.write(f"{kind} {context.idempotency_key}\n")


@tool(effect="once")
async def mark(context: ExecutionContext) -> str:
    """Leaves a line, and may do so once."""
    leave("once", context)
    return "marked"


@tool(effect="idempotent")
async def again(context: ExecutionContext) -> str:
    """Leaves a line, as often as it likes."""
    leave("idempotent", context)
    return "marked again"


@tool(effect="read")
async def lengthy() -> str:
    """Gives more than fits into an item, or into a WAL."""
    return "long " * 3_600_000


def agent(name: str, tools: Sequence[BaseTool], *turns: Turn) -> Agent:
    return Agent(name, "Works.", ScriptedModel(turns=list(turns)), tools, options=AgentOptions(max_steps=100))


def calls(*named: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {"text": "so ", "deltas": 2, "toolCalls": [{"name": name, "arguments": given} for name, given in named]}


def said(text: str, deltas: int = 5, delay: int = 0) -> dict[str, Any]:
    return {"text": text, "deltas": deltas, "delayMs": delay}


BOTH = calls(("mark", {}), ("again", {}))
SPAWN = calls(("spawn_agent", {"task": "go", "agent": "leaf"}), ("sleep_and_wait", {"wake_type": "waitset"}))
NAP = calls(("sleep_and_wait", {"wake_type": "timer", "delay_seconds": 0.3}))

agents = [
    agent("leaf", [mark], calls(("mark", {})), said("the leaf is done")),
    agent("root", [mark, again], BOTH, SPAWN, NAP, BOTH, said("the root is done")),
    agent("worker", [mark, again], BOTH, BOTH | said("half way", 5, 2), said("the worker is done", 5, 2)),
    agent("streamer", [mark, again], *[BOTH | said("and then", 6, 50) for _ in range(8)], said("it is done", 6, 50)),
    agent("reader", [lengthy], calls(("lengthy", {})), said("the reader is done")),
    agent("patient", [], said("wait " * 400, 400, 50)),
]
