"""MCP servers that say anything at all: who calls them is told, others are as they were, and nothing of it is left."""

import asyncio
import logging
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
import pytest
from agiwo.mcp import McpServer, McpServers
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool.executor import ToolExecutor
from figures import Figures
from server_lab import PATIENCE, processes_with, raw_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.chaos,
    # The library leaves streams of its own open when a greeting fails; they are collected, and hold nothing.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WILD = Path(__file__).parents[1] / "mcp_wild_server.py"
MARK = "wild-server-of-a-test"
SEEDS = 3
CALLS = 8


def wild_server(*told: str) -> McpServer:
    arguments = ("-I", "-S", str(WILD), *told)
    return McpServer("wild", command=sys.executable, args=arguments, timeout=1, env={"TEST_MARK": MARK})


async def call_all(server: McpServer, outcomes: Counter[str]) -> None:
    """Call some of its tools, as an agent does, beside a server that is in order."""
    servers = McpServers(server, raw_server("tame"))
    servers.start()
    try:
        executor = ToolExecutor([], toolsets=[servers.tools()])
        await asyncio.wait_for(executor.ready(), PATIENCE)
        orjson.dumps(
            [each.to_openai_schema() for each in executor.definitions.values()]
        )  # as a provider is told of them
        names = [name for name in executor.definitions if "wild" in name] or ["mcp__wild__echo"]
        for number in range(CALLS):
            call = ToolCall(str(number), names[number * len(names) // CALLS], {"x": "a" * 40 + "!"})
            given = await executor.execute(call, ExecutionContext("s", "r"))
            assert given.is_success or given.error
            outcomes["answered" if given.is_success else "told"] += 1
        tame = await executor.execute(ToolCall("t", "mcp__tame__echo", {"text": "hi"}), ExecutionContext("s", "r"))
        assert tame.content == "hi"
    finally:
        await asyncio.wait_for(servers.close(), PATIENCE)


@pytest.mark.parametrize("kind", ["mild", pytest.param("wild", marks=pytest.mark.soak)])  # a greeting has a minute
async def test_whatever_a_server_says_each_call_of_it_has_an_outcome(
    kind: str, caplog: pytest.LogCaptureFixture, figures: Figures
) -> None:
    outcomes, slowest = Counter[str](), 0.0
    for seed in range(SEEDS):
        began = time.monotonic()
        await call_all(wild_server(f"{kind} {seed}", *([kind] if kind == "mild" else [])), outcomes)
        slowest = max(slowest, time.monotonic() - began)
    figures(f"calls of {kind} servers with an outcome", outcomes.total(), at_least=SEEDS * CALLS)
    figures("of them, those with an answer", outcomes["answered"])
    figures("longest life of one with its calls", slowest, "s", at_most=60)
    figures("processes that are left", len(processes_with(MARK)), at_most=0)
    figures("faults in the log", sum(each.levelno >= logging.ERROR for each in caplog.records), at_most=0)
