"""Many agents that sleep: to have them back after a restart, and to cancel a tree of them.

    uv run python -m tests.bench sleepers

What is counted is the CPU of the process. The sleepers that come back are written into the file as copies of one; all
of them are waited for, each with the time at which it wakes. A tree is of three levels, ten agents below each; counted
is from the wish to cancel it to the end of the last one. What a sleeper holds is found by `scheduler`.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
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
from command import command
from measured import Check, Curve, Line, Report

RECOVERED, TREE = (100, 1_000, 10_000), 1_000
BACK, CANCELLED = 5.0, 1.0
"""Seconds of CPU for the most of them, and for the tree."""

NOTES = ["CPU of the process that schedules them, over a SQLite file with `normal`."]

_LOOK = 0.01
"""Seconds between two looks at the index: often enough for the figures, and too rarely to be a part of them."""


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


async def recovery(folder: Path, count: int) -> float:
    """Seconds of CPU until so many sleepers of a file are back."""
    agent = sleeper()
    async with scheduler_over(folder, agent) as scheduler:
        await scheduler.submit(agent, "0", state_id="template")
        await asleep((await scheduler.start()).engine.journal, 1)
    await _multiply(folder, count)
    before = process_time()
    async with scheduler_over(folder, agent) as scheduler:
        seconds = process_time() - before
        state = await scheduler.get_state(f"copy-{count // 2}")
        assert state
        assert state.wake_condition
        assert await scheduler.cancel(state.id)
    return seconds


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


async def cancel(folder: Path) -> float:
    """Seconds of CPU until each agent of a tree has ended that is cancelled as one."""
    agent = sleeper()
    async with scheduler_over(folder, agent) as scheduler:
        engine = (await scheduler.start()).engine
        await scheduler.submit(agent, "3", state_id="root")
        await asleep(engine.journal, TREE)
        before = process_time()
        await scheduler.cancel("root", "enough")
        await cancelled(engine.journal)
        return process_time() - before


async def measured(rounds: int) -> Report:
    """All of it, each time in a folder that is gone afterwards."""
    back: dict[int, list[float]] = {count: [] for count in RECOVERED}
    ended = list[float]()
    for _ in range(rounds):
        for count, taken in back.items():
            with TemporaryDirectory() as folder:
                taken.append(await recovery(Path(folder), count))
        with TemporaryDirectory() as folder:
            ended.append(await cancel(Path(folder)))
    points = [(float(count), 1000 * median(taken)) for count, taken in back.items()]
    most, tree = points[-1][1] / 1000, median(ended)
    lines = [
        Line(f"{RECOVERED[-1]:,} sleepers are back", "s", most, checks=[Check("s", most, BACK)]),
        Line(f"a tree of {TREE:,} is cancelled", "s", tree, checks=[Check("s", tree, CANCELLED)]),
    ]
    curve = Curve("sleepers-back", "Back after a restart", "sleepers", "ms of CPU", {"agiwod": points})
    return Report("Sleepers", lines, [curve], NOTES)


if __name__ == "__main__":
    command(__doc__, lambda rounds: asyncio.run(measured(rounds)), rounds=1)
