"""A client with tools: its functions are called for its runs, each call once, over whichever connection it comes."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.testing import ScriptedModel
from agiwo_client import Client, RpcError, Run, Tool, connect
from agiwo_client.tool import Function
from agiwo_protocol.tool import CallResult, Effect
from client_stage import serving
from daemon_lab import PATIENCE, KeptJournal, running

pytestmark = pytest.mark.anyio


def calling_agent(name: str, **arguments: Any) -> Agent:
    model = ScriptedModel(
        turns=[{"toolCalls": [{"name": name, "arguments": arguments}]}, {"text": "Done."}], repeat=True
    )
    return Agent("calling", "Calls.", model, [])


def client_of(home: Path, *tools: Tool | Function) -> Client:
    return connect(home=home, autostart=False, timeout=60, patience=60, tools=tools)


def add(a: int, b: int = 2) -> int:
    """Adds two numbers."""
    return a + b


async def shout(text: str) -> str:
    """Says it loudly."""
    return f"{text.upper()}!"


def fail(text: str) -> str:
    """Fails."""
    raise LookupError(text)


def strange(text: str) -> object:
    """Gives what is no JSON."""
    return threading.Lock()


def long(text: str) -> CallResult:
    """Gives a result of its own."""
    return CallResult(content=text, content_for_user="for you", value=[1])


async def outputs(client: Client, run_input: str = "go") -> Sequence[Any]:
    """What the tool calls of a run gave."""
    async with asyncio.timeout(PATIENCE):
        run = await client.start_run("calling", run_input)
        items = [event.data async for event in run if event.type == "item/completed"]
    return [item["output"] for item in items if item["kind"] == "toolCall"]


@pytest.mark.parametrize(
    ("tool", "arguments", "output"),
    [
        (add, {"a": 1}, {"content": "3", "value": 3, "isError": False}),
        (shout, {"text": "hi"}, {"content": "HI!", "isError": False}),
        (fail, {"text": "gone"}, {"content": "Error: LookupError: gone", "isError": True}),
        (long, {"text": "x"}, {"content": "x", "contentForUser": "for you", "value": [1], "isError": False}),
    ],
)
async def test_a_function_is_called_and_its_value_is_what_the_call_gave(
    tmp_path: Path, tool: Function, arguments: dict[str, Any], output: Any
) -> None:
    agent = calling_agent(getattr(tool, "__name__", ""), **arguments)
    async with running(agent) as daemon, serving(daemon, tmp_path), client_of(tmp_path, tool) as client:
        assert await outputs(client) == [output]


async def test_a_value_that_has_no_json_form_is_an_error_for_the_model(tmp_path: Path) -> None:
    agent = calling_agent("strange", text="x")
    async with running(agent) as daemon, serving(daemon, tmp_path), client_of(tmp_path, strange) as client:
        (output,) = await outputs(client)
        assert "no JSON form" in output["content"]


@pytest.mark.parametrize("effect", ["idempotent", "once"])
async def test_who_neither_reads_nor_waits_is_called_too(tmp_path: Path, effect: Effect) -> None:
    tool = Tool(add, effect=effect)
    agent = calling_agent("add", a=1)
    async with running(agent) as daemon, serving(daemon, tmp_path), client_of(tmp_path, tool) as client:
        run = await client.start_run("calling", "go")
        async with asyncio.timeout(PATIENCE):
            while (await run.get()).status != "completed":
                pass


async def read(run: Run) -> None:
    """Read to the end."""
    async for _ in run:
        pass


class Slow:
    """A tool that waits for a word, and counts."""

    def __init__(self) -> None:
        self.calls = self.ended = 0
        self.is_called, self.may_go = asyncio.Event(), asyncio.Event()

    async def work(self, text: str) -> str:
        """Works slowly."""
        self.calls += 1
        self.is_called.set()
        try:
            await self.may_go.wait()
        finally:
            self.ended += 1
        return text


async def test_a_call_that_comes_over_two_connections_is_made_once(tmp_path: Path) -> None:
    slow = Slow()
    agent = calling_agent("work", text="x")
    async with running(agent) as daemon, serving(daemon, tmp_path), client_of(tmp_path, slow.work) as client:
        run = await client.start_run("calling", "go")
        reading = asyncio.create_task(read(run))
        waiting = asyncio.create_task(run.wait())
        async with asyncio.timeout(PATIENCE):
            await slow.is_called.wait()
            await run.get()
            slow.may_go.set()
            await asyncio.gather(reading, waiting)
        assert slow.calls == 1


async def test_a_call_outlives_the_daemon_and_its_function_runs_once(tmp_path: Path) -> None:
    journal, slow = KeptJournal(), Slow()
    agent = calling_agent("work", text="done meanwhile")
    async with running(agent, journal=journal) as daemon, serving(daemon, tmp_path):
        client = await client_of(tmp_path, slow.work)
        reading = asyncio.create_task(outputs(client))
        await slow.is_called.wait()
    slow.may_go.set()
    agent = calling_agent("work", text="done meanwhile")
    async with running(agent, journal=journal) as daemon, serving(daemon, tmp_path):
        async with asyncio.timeout(PATIENCE):
            (output,) = await reading
        await client.aclose()
    assert (output["content"], slow.calls) == ("done meanwhile", 1)


async def test_a_run_that_is_cancelled_ends_its_function(tmp_path: Path) -> None:
    slow = Slow()
    agent = calling_agent("work", text="x")
    async with running(agent) as daemon, serving(daemon, tmp_path), client_of(tmp_path, slow.work) as client:
        run = await client.start_run("calling", "go")
        wait = asyncio.create_task(run.wait())
        async with asyncio.timeout(PATIENCE):
            await slow.is_called.wait()
            await run.cancel()
            assert (await wait).status == "cancelled"
            while not slow.ended:
                await run.get()


async def test_a_client_that_ends_ends_its_functions(tmp_path: Path) -> None:
    slow = Slow()
    async with running(calling_agent("work", text="x")) as daemon, serving(daemon, tmp_path):
        async with client_of(tmp_path, slow.work) as client:
            run = await client.start_run("calling", "go")
            waiting = asyncio.create_task(run.wait())
            async with asyncio.timeout(PATIENCE):
                await slow.is_called.wait()
            waiting.cancel()
        assert slow.ended == 1


async def test_a_tool_that_the_daemon_does_not_take_is_told_at_once(tmp_path: Path) -> None:
    large = Tool(add, description="x" * 4096)
    tools = [Tool(add, name=f"add{number}", description="x" * 4096) for number in range(100)]
    async with running() as daemon, serving(daemon, tmp_path):
        async with client_of(tmp_path, large):
            pass
        with pytest.raises(RpcError, match="tools cannot be used"):
            await client_of(tmp_path, *tools)


def test_what_can_be_no_tool_is_refused_before_anything_is_connected() -> None:
    def keyless(a: int, /) -> int:
        return a

    for wrong, why in (
        (keyless, "given by name"),
        (lambda: 1, "String should match"),
        (threading.Lock, "cannot be a tool"),
        (7, "cannot be a tool"),
    ):
        with pytest.raises(ValueError, match=why):
            connect(tools=[wrong])  # pyright: ignore[reportArgumentType] - what somebody may give by mistake
    with pytest.raises(ValueError, match="two tools are named 'add'"):
        connect(tools=[add, Tool(shout, name="add")])


def test_a_tool_says_what_the_model_is_to_know() -> None:
    offered = Tool(add, effect="read", timeout=5).offered
    assert (offered.name, offered.description, offered.effect, offered.timeout_ms) == (
        "add",
        "Adds two numbers.",
        "read",
        5000,
    )
    assert offered.input_schema["required"] == ["a"]
