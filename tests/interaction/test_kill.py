"""kill -9 of a real daemon at random points of a run with twenty tool calls: the run goes on by itself."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from agiwo_client import connect
from agiwo_protocol.run import RunEvent
from wire_stream import WireStream

pytestmark = pytest.mark.anyio

TOOLS = 20
PATIENCE = 180.0

AGENTS = '''\
"""An agent whose tool leaves a line behind for every time that it is run."""

import os
from pathlib import Path

from agiwo import Agent, BaseTool, ToolResult
from agiwo.agent import AgentOptions
from agiwo.testing import ScriptedModel

EFFECTS = Path(__file__).with_name("effects.txt")


class Mark(BaseTool):
    effect = os.environ["TOOL_EFFECT"]

    def get_name(self):
        return "mark"

    def get_description(self):
        return "Leaves a line."

    def get_parameters(self):
        return {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}

    def is_concurrency_safe(self):
        return True

    async def execute(self, parameters, context, abort_signal=None):
        with EFFECTS.open("a") as file:
            file.write(context.idempotency_key.partition("/")[2] + "\\n")
        return ToolResult(content=f"marked {parameters['number']}")


TURNS = [
    {"text": f"step {n} ", "deltas": 3, "toolCalls": [{"name": "mark", "arguments": {"number": n}}]} for n in range(20)
]
MODEL = ScriptedModel(turns=[*TURNS, {"text": "all twenty are marked", "deltas": 4}])
agents = [Agent("marker", "Marks.", MODEL, [Mark()], options=AgentOptions(max_steps=100))]
'''


@dataclass(frozen=True, slots=True)
class Left:
    """What a killed daemon left of a run: whether it was going on, and the keys of the calls recorded and made."""

    is_going: bool = False
    recorded: set[str] = field(default_factory=set[str])
    done: Counter[str] = field(default_factory=Counter[str])


class House:
    """A home directory, and the daemon that lives there."""

    def __init__(self, home: Path, effect: str) -> None:
        self.home = home
        self.environment = {**os.environ, "AGIWOD_HOME": str(home), "TOOL_EFFECT": effect}
        self.daemon: asyncio.subprocess.Process | None = None
        (home / "marking.py").write_text(AGENTS)
        (home / "config.toml").write_text('[python]\npath = ["."]\nagents = ["marking:agents"]\n')

    async def start(self) -> None:
        command = (sys.executable, "-m", "agiwod.cli", "serve")
        pipe = asyncio.subprocess.PIPE
        self.daemon = await asyncio.create_subprocess_exec(*command, env=self.environment, stderr=pipe)
        assert self.daemon.stderr
        async with asyncio.timeout(PATIENCE):
            said = await self.daemon.stderr.readline()
        assert b"serves at" in said, said

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        assert self.daemon
        self.daemon.send_signal(number)
        await self.daemon.communicate()

    def effects(self) -> Counter[str]:
        """How often the tool ran, by the key of the call."""
        path = self.home / "effects.txt"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def left(self, run: str) -> Left:
        """What is there of a run when the daemon is gone."""
        with closing(sqlite3.connect(self.home / "data" / "agiwod.db")) as database:
            keys = {key for (key,) in database.execute("select key from record where run = ?", (run,))}
            ((status,),) = database.execute("select status from run where id = ?", (run,))
        calls = {key for key in keys if key and key.endswith("/run")}
        return Left("base" in keys and status == "running", calls, self.effects())


@asynccontextmanager
async def house(home: Path, effect: str) -> AsyncGenerator[House]:
    there = House(home, effect)
    await there.start()
    try:
        yield there
    finally:
        await there.kill(signal.SIGTERM)


async def run_through(there: House, kill_after: int | None) -> tuple[list[RunEvent], Left]:
    """The events of a run whose daemon is killed after so many of them, and what was left of it then."""
    stream, events, left = WireStream(""), list[RunEvent](), Left()
    async with connect(home=there.home, autostart=False, timeout=PATIENCE, patience=PATIENCE) as client:
        run = await client.start_run("marker", "mark them all")
        stream.run = run.id
        async with run:
            async for event in run:
                stream.take(event.to_wire())
                events.append(event)
                if len(events) == kill_after:
                    await there.kill()
                    left = there.left(run.id)
                    await there.start()
    assert stream.is_over
    return events, left


def completed_calls(events: list[RunEvent]) -> list[RunEvent]:
    return [event for event in events if event.type == "item/completed" and event.data["kind"] == "toolCall"]


async def undisturbed(tmp_path: Path, effect: str) -> tuple[str, int]:
    """What the run says when nobody disturbs it, and how many events it has."""
    (tmp_path / "calm").mkdir()
    async with house(tmp_path / "calm", effect) as there:
        events, _ = await run_through(there, None)
        assert there.effects().total() == TOOLS
        return events[-1].data["response"], len(events)


MANY = [pytest.mark.kill, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(
    ("effect", "kills"),
    [
        ("idempotent", 4),
        ("once", 4),
        pytest.param("idempotent", 50, marks=MANY),
        pytest.param("once", 20, marks=MANY),
    ],
)
async def test_a_run_survives_kills_at_random_points(tmp_path: Path, effect: str, kills: int) -> None:
    response, length = await undisturbed(tmp_path, effect)
    chance = random.Random(2026)
    for number in range(kills):
        home = tmp_path / str(number)
        home.mkdir()
        point = chance.randrange(1, length)
        async with house(home, effect) as there:
            events, left = await run_through(there, point)
            story = json.dumps([event.to_wire() for event in events])
            assert events[-1].data.get("response") == response, story
            assert len(completed_calls(events)) == TOOLS, story
            assert any(event.type == "run/resumed" for event in events) == left.is_going, story
            after = there.effects()
            assert all(after[key] == left.done[key] for key in left.recorded), "a call ran again"
            if effect == "once":
                assert max(after.values()) == 1, story
                unknown = [c for c in completed_calls(events) if "Outcome unknown" in c.data["output"]["content"]]
                assert len(unknown) <= 1
                assert len(unknown) + len(left.recorded | set(after)) >= TOOLS
