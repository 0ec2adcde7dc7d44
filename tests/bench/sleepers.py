"""What agents cost that sleep: memory, the time until they are back after a restart, the time to end them. Not a test.

    uv run python tests/bench/sleepers.py [memory] [recovery] [cancel] [--json]

`memory`: how the process grows with 2,000 agents that sleep, all of one `Agent`, over SQLite. `recovery`: how long a
scheduler takes to have 10,000 of them back from a file. `cancel`: how long it takes to cancel a tree of 1,000 agents,
from the wish to the end of the last one, sleepers all. Each in a process of its own; 1 as the exit code when one of the
figures is above its limit.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
from agiwo import Agent
from agiwo.journal.base import Journal
from agiwo.journal.sqlite import SqliteJournal
from agiwo.llm.base import Message
from agiwo.scheduler import AgentStateStorageConfig, Scheduler, SchedulerConfig, TaskLimits
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.record import Batch, Entry, Session, StateChange
from agiwo.schema.run import RunStatus
from agiwo.testing import ScriptedModel

SLEEPERS, RECOVERED, TREE = 2_000, 10_000, 1_000

_LOOK = 0.01
"""Seconds between two looks at the index: often enough for the figures, and too rarely to be a part of them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured."""

    name: str
    value: float
    unit: str
    limit: float


class Tasks(ScriptedModel):
    """A model whose answers are in the task: a number spawns so many levels of agents, ten each; then all sleep."""

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Spawn what the task says, and sleep."""
        task = str(messages[0]["content"])
        below = [] if task == "0" else [("spawn_agent", {"task": str(int(task) - 1)})] * (9 if task == "3" else 10)
        calls = [*below, ("sleep_and_wait", {"wake_type": "timer", "delay_seconds": 24, "time_unit": "hours"})]
        said = [
            {"index": i, "id": f"call_{i}", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for i, (name, arguments) in enumerate(calls)
        ]
        yield StreamChunk(tool_calls=said)
        yield StreamChunk(finish_reason="tool_calls")


def sleeper() -> Agent:
    """An agent that keeps nothing of what it is asked."""
    return Agent("sleeper", "Sleeps.", Tasks(requests=deque(maxlen=0)), [])


def scheduler_over(folder: Path, agent: Agent) -> Scheduler:
    """A scheduler over a file in this folder."""
    storage = AgentStateStorageConfig(storage_type="sqlite", config={"db_path": folder / "agents.db"})
    return Scheduler(SchedulerConfig(storage, max_concurrent=50, task_limits=TaskLimits()), agents=[agent])


async def asleep(journal: Journal, number: int) -> None:
    """Return when so many runs sleep."""
    sleeping = frozenset({RunStatus.SLEEPING})
    while True:
        if len(await journal.runs(statuses=sleeping, limit=number)) == number:
            return
        await asyncio.sleep(_LOOK)


async def cancelled(journal: Journal) -> None:
    """Return when no run goes on."""
    others = frozenset(RunStatus) - {RunStatus.CANCELLED}
    while True:
        if not await journal.runs(statuses=others, limit=1):
            return
        await asyncio.sleep(_LOOK)


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def memory(folder: Path) -> Figure:
    """How much the process grows with each agent that sleeps."""
    agent, warm_up = sleeper(), 300
    async with scheduler_over(folder, agent) as scheduler:
        journal = (await scheduler.start()).engine.journal
        await _put_to_sleep(scheduler, journal, agent, 0, warm_up)
        before = resident()
        await _put_to_sleep(scheduler, journal, agent, warm_up, warm_up + SLEEPERS)
        grown = resident() - before
    return Figure(f"a sleeper, of {SLEEPERS:,}", grown / SLEEPERS / 1024, "KiB", 8)


async def _put_to_sleep(scheduler: Scheduler, journal: Journal, agent: Agent, begin: int, end: int) -> None:
    for number in range(begin, end):
        await scheduler.submit(agent, "0", state_id=f"sleeper-{number}")
    await asleep(journal, end)


async def recovery(folder: Path) -> Figure:
    """How long it takes until the sleepers of a file are back, each with the time at which it wakes."""
    agent = sleeper()
    async with scheduler_over(folder, agent) as scheduler:
        await scheduler.submit(agent, "0", state_id="template")
        await asleep((await scheduler.start()).engine.journal, 1)
    await _multiply(folder, RECOVERED)
    began = perf_counter()
    async with scheduler_over(folder, agent) as scheduler:
        seconds = perf_counter() - began
        state = await scheduler.get_state("copy-5000")
        assert state
        assert state.wake_condition
        assert await scheduler.cancel("copy-5000")
    return Figure(f"{RECOVERED:,} sleepers are back", seconds, "s", 5)


async def _multiply(folder: Path, number: int) -> None:
    """Write as many sleepers into the file as there are to be, after the one that is there."""
    journal = await SqliteJournal.open(folder / "agents.db")
    (head,), state = await journal.runs(), await journal.state("template")
    assert state
    told = orjson.dumps(
        [(r.type, r.data, r.at, r.key, r.seq is not None, r.item) for r in await journal.load(head.run)]
    )
    for number_of_hundred in range(number // 100):
        changes: list[Batch | Session | StateChange] = []
        for i in range(100 * number_of_hundred, 100 * (number_of_hundred + 1)):
            names = {head.run: f"run_copy_{i}", head.session: f"ses_copy_{i}", "template": f"copy-{i}"}
            text = told.decode()
            for old, new in names.items():
                text = text.replace(old, new)
            run, session = names[head.run], names[head.session]
            copy = replace(head, run=run, session=session, head=0)
            entries = tuple(Entry(*fields) for fields in orjson.loads(text))
            changes.append(Session(session, head.agent, head.created_at, head.updated_at))
            changes.append(Batch(run, entries, head.status, create=copy, wake=head.wake))
            changes.append(StateChange(replace(state, id=f"copy-{i}", run=run, session=session, version=0)))
        await journal.append(*changes)
    await journal.close()


async def cancel(folder: Path) -> Figure:
    """How long it takes until each agent of a tree has ended that is cancelled as one."""
    agent = sleeper()
    async with scheduler_over(folder, agent) as scheduler:
        engine = (await scheduler.start()).engine
        await scheduler.submit(agent, "3", state_id="root")
        await asleep(engine.journal, TREE)
        began = perf_counter()
        await scheduler.cancel("root", "enough")
        await cancelled(engine.journal)
        seconds = perf_counter() - began
    return Figure(f"a tree of {TREE:,} is cancelled", seconds, "s", 1)


PARTS: Mapping[str, Callable[[Path], Awaitable[Figure]]] = {"memory": memory, "recovery": recovery, "cancel": cancel}


async def part(name: str) -> None:
    """Measure one thing in this process, and print it as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asdict(await PARTS[name](Path(folder)))))


def main(names: Sequence[str], *, as_json: bool) -> int:
    """Measure each in a process of its own, and print a line for it."""
    figures: list[Figure] = []
    for name in names or PARTS:
        ran = subprocess.run([sys.executable, __file__, "--part", name], check=True, stdout=subprocess.PIPE)
        figures.append(Figure(**json.loads(ran.stdout)))
        if not as_json:
            each = figures[-1]
            print(f"{each.name:32} {each.value:8.2f} {each.unit:4} (limit {each.limit:g})", flush=True)
    if as_json:
        print(json.dumps([asdict(each) for each in figures]))
    return int(any(each.value > each.limit for each in figures))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", choices=[[], *PARTS])
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    sys.exit(asyncio.run(part(chosen.part)) if chosen.part else main(chosen.names, as_json=chosen.json))
