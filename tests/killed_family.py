"""A family of thirty agents in three levels, killed with SIGKILL at random moments, and finished by the next process.

    python killed_family.py 100 [SEED]

kills it a hundred times, each time in a new place, and prints how often what was done again, reported unknown or lost.
It ends with 1 when anything but the effects that may be repeated is not as it is when nobody is killed.
"""

import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agiwo import Agent, Scheduler, SchedulerConfig
from agiwo.durable import STEP, STEP_FAILED
from agiwo.journal.sqlite import SqliteJournal
from agiwo.llm.base import Message
from agiwo.scheduler import AgentStateStorageConfig
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.record import Record
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.testing import ScriptedModel
from agiwo.tool import BaseTool, tool

RUN: Final = "run_of_the_family"
EFFECTS: Final[tuple[Effect, ...]] = ("read", "idempotent", "once")
MIDDLE: Final = 5
LEAVES: Final = (5, 5, 5, 5, 4)

MOMENT = 0.003
"""Seconds that a tool takes, so that there is a middle to be killed in."""


def effects_in(file: Path) -> list[BaseTool]:
    """Tools that add a line to a file, their effect and the key of the call: one before it may be repeated, or not."""

    def made(effect: Effect) -> BaseTool:
        @tool(name=f"do_{effect}", effect=effect)
        async def do(text: str, context: ExecutionContext) -> str:
            """Do it."""
            await asyncio.sleep(MOMENT)
            with file.open("a") as lines:
                lines.write(f"{effect} {context.idempotency_key}\n")
            await asyncio.sleep(MOMENT)
            return f"{effect} {text}"

        return do

    return [made(effect) for effect in EFFECTS]


@dataclass
class Family(ScriptedModel):
    """The model of all thirty: who they are is their task."""

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """The turn of this one."""
        task = next(message["content"] for message in messages if message["role"] == "user")
        async for chunk in ScriptedModel(turns=_turns(task)).arun_stream(messages, tools):
            yield chunk


def _turns(task: str) -> list[Mapping[str, Any]]:
    work = [_calls(("do_" + effect, {"text": task})) for effect in EFFECTS]
    both = _calls(("do_read", {"text": task}), ("do_once", {"text": task}), ("do_idempotent", {"text": task}))
    below = _below(task)
    if not below:
        return [*work, both, {"text": f"{task} is done"}]
    spawns = [("spawn_agent", {"task": child, "child_id": child}) for child in below]
    return [both, _calls(*spawns, ("sleep_and_wait", {"wake_type": "waitset"})), both, {"text": f"{task} is done"}]


def _below(task: str) -> list[str]:
    if task == "root":
        return [f"middle{number}" for number in range(MIDDLE)]
    if task.startswith("middle"):
        number = int(task.removeprefix("middle"))
        return [f"leaf{number}.{leaf}" for leaf in range(LEAVES[number])]
    return []


def _calls(*named: tuple[str, Any]) -> Mapping[str, Any]:
    return {"toolCalls": [{"name": name, "arguments": arguments} for name, arguments in named]}


async def work(folder: Path, ready: int) -> None:
    """Begin, or go on, and end when the root has ended; a byte in `ready` says that it goes."""
    agent = Agent("root", "Does as told.", Family(), effects_in(folder / "effects"))
    storage = AgentStateStorageConfig("sqlite", {"db_path": folder / "scheduler.db"})
    async with Scheduler(SchedulerConfig(storage, max_concurrent=6), [agent]) as scheduler:
        os.write(ready, b"!")
        if await scheduler.get_state("root") is None:
            await scheduler.submit(agent, "root", run_id=RUN)
        await scheduler.wait_for("root")


@dataclass
class Life:
    """What is left of one family: what its runs say that each call gave, and what was really done."""

    response: str | None
    told: Mapping[str, str]
    unknown: set[str]
    done: Counter[str]
    states: int

    @property
    def sure(self) -> Mapping[str, str]:
        """What the calls gave whose outcome hangs on nothing that may have been lost."""
        return {key: text for key, text in self.told.items() if key not in self.unknown}


async def _look(folder: Path) -> Life:
    journal = await SqliteJournal.open(folder / "scheduler.db")
    heads = await journal.runs(limit=100)
    records = [record for head in heads for record in await journal.load(head.run)]
    last = (await journal.load(RUN))[-1]
    states = len(await journal.states(limit=100))
    await journal.close()
    told = {f"{each.run}/{each.key}": _said(each) for each in records if (each.key or "").endswith("/run")}
    unknown = {f"{each.run}/{each.key}" for each in records if _is_unknown(each)}
    done = Counter((folder / "effects").read_text().splitlines())
    return Life(last.data.get("response"), told, unknown, done, states)


def _said(record: Record) -> str:
    return record.data["value"]["content"] if record.type == STEP else str(record.data.get("error"))


def _is_unknown(record: Record) -> bool:
    return record.type == STEP_FAILED and record.data["error"]["kind"] == "outcome_unknown"


@dataclass
class Count:
    """How it went, added up."""

    calls: Counter[str] = field(default_factory=Counter[str])
    faults: list[str] = field(default_factory=list[str])

    def add(self, life: Life, whole: Life) -> None:
        """Take in a family that was killed, and hold it against the one that nobody killed."""
        self.calls["killed"] += 1
        if (life.response, life.states) != (whole.response, whole.states) or set(life.told) != set(whole.told):
            self.faults.append(f"the family ended otherwise: {life.response!r}, {life.states} agents")
        if wrong := [key for key, text in life.sure.items() if whole.told[key] != text]:
            self.faults.append(f"calls gave something else: {wrong}")
        for line in whole.done:
            effect, _, key = line.partition(" ")
            self._add_call(effect, life.done[line], is_unknown=key in life.unknown)
        self.faults += [f"{line!r} was done, and nobody asked for it" for line in life.done.keys() - whole.done.keys()]

    def _add_call(self, effect: str, times: int, *, is_unknown: bool) -> None:
        self.calls[effect] += 1
        self.calls[f"{effect}, done again"] += times > 1
        self.calls[f"{effect}, reported unknown"] += is_unknown
        self.calls[f"{effect}, reported unknown and not done"] += is_unknown and not times
        if not is_unknown and not times:
            self.faults.append(f"a call ({effect}) has a result and was never done")
        if effect == "once" and times > 1:
            self.faults.append("a call that may be made once was made twice")
        if effect != "once" and is_unknown:
            self.faults.append(f"a call ({effect}) that can be repeated was reported unknown")

    def __str__(self) -> str:
        return "\n".join([*(f"{count:7} {what}" for what, count in self.calls.items()), *self.faults])


def _process(folder: Path) -> tuple[int, int]:
    """A process that works on, as its pid, and where it says that it goes."""
    ready, says = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ready)
        with suppress(KeyboardInterrupt):
            asyncio.run(work(folder, says))
        os._exit(0)
    os.close(says)
    return pid, ready


def _live(folder: Path, seconds: float | None) -> bool:
    """Let a process work until it is done, or dead after so many seconds; whether it was killed."""
    pid, ready = _process(folder)
    os.read(ready, 1)
    os.close(ready)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def main(points: int, seed: int) -> int:
    """Kill that often; 0 when nothing was lost, and nothing done twice that may be done once."""
    chance, count = random.Random(seed), Count()
    with tempfile.TemporaryDirectory() as place:
        whole, begin = Path(place) / "whole", time.monotonic()
        whole.mkdir()
        _live(whole, None)
        lasts, undisturbed = time.monotonic() - begin, asyncio.run(_look(whole))
        while count.calls["killed"] < points:
            folder = Path(place) / "killed"
            folder.mkdir()
            if _live(folder, chance.uniform(0, lasts)) and (folder / "scheduler.db").exists():
                _live(folder, None)
                count.add(asyncio.run(_look(folder)), undisturbed)
            shutil.rmtree(folder)
    sys.stdout.write(f"{count}\n")
    return 1 if count.faults else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
