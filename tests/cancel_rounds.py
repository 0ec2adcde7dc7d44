"""Runs in every state in which one can be, each cancelled twice, by somebody who sees every frame and counts them.

Beside each cancel come one of a run that nobody knows, and protocol cancels of requests under way, of others that were
answered, and of none. Whatever the daemon is asked, it owes one answer.
"""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from sys import executable
from threading import Event
from typing import Any

from agiwo.agent import Agent, AgentOptions
from agiwo.llm.base import Message, Model
from agiwo.mcp import McpServer, McpServers
from agiwo.schema.chunk import StreamChunk
from agiwo.testing import ScriptedModel
from agiwo.tool import tool
from agiwo.tool.builtin.bash import Bash
from agiwo_protocol.channel import ChannelClosed, MemoryChannel, memory_pair
from agiwod.face.rpc.face import RpcFace
from agiwod.runtime.daemon import Daemon
from daemon_lab import running
from server_lab import processes_with

STATES = (
    *("model", "tool", "thread", "bash", "approval", "client", "mcp", "child", "queued", "asleep", "timed"),
    *("racing", "ended", "racing", "racing"),
)
"""Where a run may be when it is cancelled; `racing` ends by itself about then."""

PATIENCE = 60.0
"""Seconds after which an answer is one that never comes."""

_LOOK_AGAIN = 0.005
_MARK = "CANCEL_ROUNDS"

_SERVER = Path(__file__).with_name("mcp_patient_server.py")
_TERMINAL = ("run/completed", "run/failed", "run/cancelled")
_HOSTED: dict[str, Any] = {
    "name": "open_file",
    "description": "Opens.",
    "inputSchema": {"type": "object", "properties": {}},
}


@dataclass
class Count:
    """What was seen in all rounds."""

    rounds: Counter[str] = field(default_factory=Counter[str])
    endings: Counter[str] = field(default_factory=Counter[str])
    requests: int = 0
    unanswered: int = 0
    answered_again: int = 0
    ended_wrong: int = 0
    slowest: float = 0.0
    late: int = 0
    left: Counter[str] = field(default_factory=Counter[str])
    """What was still at work after its run was over, by kind."""


@dataclass
class Actor(Model):
    """Does what its state wants when a user asks it, then says that it is done."""

    id: str = "actor"
    act: Sequence[Mapping[str, Any]] = ()
    world: "World | None" = None

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        key = str(messages[-1]["content"])
        if messages[-1]["role"] != "user" or self.world is None:
            yield StreamChunk(content="done")
            yield StreamChunk(finish_reason="stop")
        elif self.act:
            yield StreamChunk(tool_calls=[_chunk(index, call, key) for index, call in enumerate(self.act)])
            yield StreamChunk(finish_reason="tool_calls")
        else:
            yield StreamChunk(content="let me ")
            await self.world.stay("model", key)


def _chunk(index: int, call: Mapping[str, Any], key: str) -> dict[str, Any]:
    arguments = json.dumps(call["arguments"]).replace("KEY", key)
    function = {"name": call["name"], "arguments": arguments}
    return {"index": index, "id": f"call-{index}", "type": "function", "function": function}


@dataclass
class World:
    """What goes on behind the daemon, which is where cancels have to arrive."""

    home: Path
    came: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    at_work: Counter[str] = field(default_factory=Counter[str])
    release: Event = field(default_factory=Event)
    """Lets threads end, which nobody can cancel."""

    async def stay(self, kind: str, key: str) -> None:
        """Be at work until cancelled."""
        self.at_work[kind] += 1
        self.came[key].set()
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work[kind] -= 1

    def agents(self, servers: McpServers) -> list[Agent]:
        """One for each state, and those that they need."""
        loop = asyncio.get_running_loop()

        @tool
        async def rest(key: str) -> str:
            """Rests."""
            await self.stay("tool", key)
            return ""

        @tool
        def block(key: str) -> str:
            """Blocks a thread."""
            loop.call_soon_threadsafe(self.came[key].set)
            self.release.wait()
            return ""

        @tool(approval=True)
        async def risk(key: str) -> str:
            """Is never allowed."""
            return key

        def agent(id: str, *calls: Mapping[str, Any], tools: Sequence[Any] = ()) -> Agent:
            options = AgentOptions(max_steps=5)
            return Agent(id, f"is {id}", Actor(act=calls, world=self), list(tools), options=options)

        below = agent("below")
        shell = "setsid sh -c 'echo $$ > KEY.new; mv KEY.new KEY.pid; exec sleep 600' & wait"
        bash = Bash(self.home, approval=False, env={_MARK: str(self.home)})
        boss: list[Mapping[str, Any]] = [
            {"toolCalls": [_call("spawn_agent", task="below.boss", agent="below")]},
            {"toolCalls": [_call("sleep_and_wait", wake_type="waitset")]},
        ]
        timer: list[Mapping[str, Any]] = [
            {"toolCalls": [_call("sleep_and_wait", wake_type="timer", delay_seconds=600)]}
        ]
        return [
            agent("model"),
            agent("queued"),
            agent("tool", _call("rest", key="KEY"), _call("rest", key="KEY"), tools=[rest]),
            agent("thread", _call("block", key="KEY"), tools=[block]),
            agent(
                "bash",
                _call("bash", command=shell),
                tools=[bash],
            ),
            agent("approval", _call("risk", key="KEY"), tools=[risk]),
            agent("client", _call("open_file")),
            agent("mcp", _call("mcp__patient__rest", key="KEY"), tools=[servers.tools("mcp:patient/*")]),
            agent("child", _call("below", task="KEY"), tools=[below.as_tool()]),
            below,
            Agent("asleep", "sleeps", ScriptedModel(turns=boss, repeat=True)),
            Agent("timed", "sleeps", ScriptedModel(turns=timer, repeat=True)),
            Agent("racing", "is quick", ScriptedModel(turns=[{"text": "one two", "deltas": 2}], repeat=True)),
        ]


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


class Witness:
    """A client that sees every frame, answers nothing that it is asked, and counts what it is answered."""

    def __init__(self, channel: MemoryChannel) -> None:
        self.channel = channel
        self.answers: defaultdict[int, list[Any]] = defaultdict(list)
        self.ends: Counter[str] = Counter()
        self.events: defaultdict[str, list[str]] = defaultdict(list)
        self.asked: dict[str, set[Any]] = {"approval/request": set(), "tool/call": set()}
        self.keys: set[str] = set()
        self._last = 0
        self._moved = asyncio.Event()

    async def listen(self) -> None:
        """Take frames until the end."""
        with suppress(ChannelClosed):
            while frames := await self.channel.receive():
                for frame in frames:
                    assert isinstance(frame, bytes)
                    self._take(json.loads(frame))
                self._moved.set()

    def _take(self, said: Any) -> None:
        match said:
            case {"method": "run/event", "params": {"runId": run, "type": kind}}:
                self.events[run].append(kind)
                self.ends[run] += kind in _TERMINAL
            case {"method": "$/cancelRequest", "params": {"id": id}}:
                for asked in self.asked.values():
                    asked.discard(id)
                self.channel.write(_frame(id=id, error={"code": -32800, "message": "cancelled"}))
            case {"method": method, "id": id}:
                self.asked[method].add(id)
                self.keys.add(said["params"].get("runId", ""))
            case {"id": int(id)}:
                self.answers[id].append(said)
            case _:
                return

    def send(self, method: str, **params: Any) -> int:
        self._last += 1
        self.channel.write(_frame(id=self._last, method=method, params=params))
        return self._last

    def forget(self, id: int) -> None:
        """Cancel a request, whether or not there is one."""
        self.channel.write(_frame(method="$/cancelRequest", params={"id": id}))

    async def result(self, id: int) -> Any:
        await self.until(lambda: bool(self.answers[id]))
        assert "result" in self.answers[id][0], self.answers[id]
        return self.answers[id][0]["result"]

    async def call(self, method: str, **params: Any) -> Any:
        return await self.result(self.send(method, **params))

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                self._moved.clear()
                await self._moved.wait()


def _frame(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


class Rounds:
    """The rounds with one daemon."""

    def __init__(self, daemon: Daemon, world: World, witness: Witness, random: Random) -> None:
        self.daemon, self.world, self.witness, self.random = daemon, world, witness, random
        self.count = Count()
        self._before = ""

    async def go(self, number: int, state: str) -> None:
        """Bring a run there, cancel it, and see how that ends."""
        first = self.witness.send("ping")
        run, cancel = await self._begin(state, f"{state}-{number}")
        begun = time.monotonic()
        self._cancel(run, cancel)
        if state == "queued":
            self.witness.send("run/cancel", runId=self._before)
        last = self.witness.send("run/wait", runId=run)
        owed = range(first, last + 1)
        await self._settle(owed, run)
        self._note(state, run, owed, time.monotonic() - begun)

    async def _begin(self, state: str, key: str) -> tuple[str, Callable[[], int]]:
        """The id of a run in that state, and how it is cancelled."""
        if state in ("asleep", "timed"):
            return await self._begin_scheduled(state)
        session = {"sessionId": f"session-{key}"} if state == "queued" else {}
        if state == "queued":
            before = (await self.witness.call("run/start", agent="model", input=f"{key}-before", **session))["runId"]
            await asyncio.wait_for(self.world.came[f"{key}-before"].wait(), PATIENCE)
            self._before = before
        agent = "racing" if state == "ended" else state
        run = (await self.witness.call("run/start", agent=agent, input=key, **session))["runId"]
        await self._arrive(state, key, run)
        return run, lambda: self.witness.send("run/cancel", runId=run, reason="enough")

    async def _begin_scheduled(self, agent: str) -> tuple[str, Callable[[], int]]:
        submitted = await self.witness.call("scheduler/submit", agent=agent, input="go")
        run, state = submitted["runId"], submitted["stateId"]
        await self.witness.call("run/attach", runId=run, after=0)
        await self.witness.until(lambda: "run/sleeping" in self.witness.events[run])
        return run, lambda: self.witness.send("scheduler/cancel", stateId=state)

    async def _arrive(self, state: str, key: str, run: str) -> None:
        match state:
            case "approval" | "client":
                await self.witness.until(lambda: run in self.witness.keys)
            case "bash":
                await _until((self.world.home / f"{key}.pid").exists)
            case "mcp":
                await _until(lambda: key in (self.world.home / "told").read_text())
            case "queued":
                return
            case "ended":
                await self.witness.until(lambda: self.witness.ends[run] > 0)
            case "racing":
                for _ in range(self.random.randrange(60)):
                    await asyncio.sleep(0)
            case _:
                await asyncio.wait_for(self.world.came[key].wait(), PATIENCE)

    def _cancel(self, run: str, cancel: Callable[[], int]) -> None:
        """Everything that may come at the same time, in any order."""
        waiting = self.witness.send("run/wait", runId=run)
        words: list[Callable[[], object]] = [
            cancel,
            cancel,
            lambda: self.witness.send("run/cancel", runId="run_of_nobody"),
            lambda: self.witness.forget(waiting),
            lambda: self.witness.forget(waiting),
            lambda: self.witness.forget(waiting - 1),
            lambda: self.witness.forget(10**9),
            lambda: self.witness.forget(self.witness.send("run/wait", runId=run)),
        ]
        self.random.shuffle(words)
        for word in words:
            word()

    async def _settle(self, owed: range, run: str) -> None:
        with suppress(TimeoutError):
            await self.witness.until(lambda: all(self.witness.answers[id] for id in owed))
            await self.witness.until(lambda: self.witness.ends[run] > 0)

    def _note(self, state: str, run: str, owed: range, seconds: float) -> None:
        count = self.count
        count.rounds[state] += 1
        count.requests += len(owed)
        count.unanswered += sum(not self.witness.answers[id] for id in owed)
        count.slowest, count.late = max(count.slowest, seconds), count.late + (seconds > 2)
        ended = [kind for kind in self.witness.events[run] if kind in _TERMINAL]
        count.endings[ended[0] if ended else "none"] += 1
        allowed = ("run/completed", "run/cancelled") if state in ("racing", "ended") else ("run/cancelled",)
        count.ended_wrong += len(ended) != 1 or ended[0] not in allowed

    async def finish(self) -> Count:
        """What is left when all rounds are over."""
        for run in [each["runId"] for each in (await self.witness.call("run/list", limit=1000))["runs"]]:
            self.witness.send("run/cancel", runId=run)
        await self.witness.call("ping")
        await _until(lambda: not any(self.world.at_work.values()), seconds=PATIENCE)
        count = self.count
        count.answered_again = sum(len(each) > 1 for each in self.witness.answers.values())
        count.ended_wrong += sum(each > 1 for each in self.witness.ends.values())
        count.left = +self.world.at_work
        count.left["runs"] = len(
            (await self.witness.call("run/list", statuses=["running", "waiting", "sleeping"]))["runs"]
        )
        count.left["questions"] = sum(map(len, self.witness.asked.values()))
        mark = f"{_MARK}={self.world.home}"
        await _until(lambda: not processes_with(mark), seconds=PATIENCE)
        count.left["processes"] = len(processes_with(mark))
        await _until(lambda: self._deaf() == 0, seconds=PATIENCE)
        count.left["MCP calls"] = self._deaf()
        return count

    def _deaf(self) -> int:
        """Calls of the MCP server that were not told to end."""
        said = [line.split() for line in (self.world.home / "told").read_text().splitlines()]
        called, cancelled = ({line[1] for line in said if line[0] == word} for word in ("called", "cancelled"))
        return len(called - cancelled)


async def cancel_everything(
    home: Path, rounds: int, seed: int, tell: Callable[[int], object] = lambda _: None
) -> Count:
    """Go through the states again and again."""
    world = World(home)
    (home / "told").touch()
    async with _stage(home, world, seed) as stage:
        for number in range(rounds):
            await stage.go(number, STATES[number % len(STATES)])
            tell(number + 1)
        return await stage.finish()


@asynccontextmanager
async def _stage(home: Path, world: World, seed: int) -> AsyncGenerator[Rounds]:
    server = McpServer("patient", command=executable, args=("-I", "-S", str(_SERVER), str(home / "told")), timeout=600)
    async with McpServers(server) as servers:
        await servers.settled(lambda name: True)
        async with running(*world.agents(servers)) as daemon:
            ours, theirs = memory_pair()
            witness = Witness(ours)
            tasks: list[Awaitable[Any]] = [
                asyncio.create_task(RpcFace(daemon).converse(theirs)),
                asyncio.create_task(witness.listen()),
            ]
            await witness.call(
                "initialize",
                protocolVersion=1,
                clientInfo={"name": "witness"},
                capabilities={"approvals": {}, "tools": {}},
                tools=[_HOSTED],
            )
            try:
                yield Rounds(daemon, world, witness, Random(seed))
            finally:
                world.release.set()
                await ours.close()
                await asyncio.gather(*tasks)


async def _until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return once it is, or after that time: only the system knows, and it tells nobody."""
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(_LOOK_AGAIN)
