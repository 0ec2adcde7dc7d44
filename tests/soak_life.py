"""The mixed life of a daemon: clients that come, go, cancel and fail, agents that sleep, skills that are edited.

Measures nothing. `Life` does all of it at once until it is told to stop, and counts what it did.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from live_daemon import Line
from skill_lab import write_skill
from wire_stream import WireStream

_CALL: Final = {"toolCalls": [{"name": "calculator", "arguments": {"expression": "1/0"}}]}
_BUSY: Final = {"error": {"kind": "overloaded", "message": "busy", "retryAfter": 0.05}}
_SLEEP: Final = {"name": "sleep_and_wait", "arguments": {"wake_type": "timer", "delay_seconds": 1}}
_SPAWN: Final = {"name": "spawn_agent", "arguments": {"task": "a part", "agent": "talker"}}

SCRIPTS: Final[Mapping[str, list[dict[str, Any]]]] = {
    "talker": [{"text": "word " * 50, "deltas": 50, "delayMs": 5}],
    "slow": [{"text": "word " * 1000, "deltas": 1000, "delayMs": 50}],
    "clumsy": [_CALL, {"text": "It cannot be done."}],
    "broken": [{"error": "the model is down"}],
    "unlucky": [{"text": "hel", **_BUSY}],
    "sleeper": [{"toolCalls": [_SPAWN]}, {"toolCalls": [_SLEEP]}, {"text": "It is done."}],
}
"""What each agent says: it streams, takes long, has a tool fail, has its provider fail, has it be busy, sleeps."""

_ENDS: Final = {
    "talker": {"completed"},
    "clumsy": {"completed"},
    "broken": {"failed"},
    "unlucky": {"failed"},
}
"""How a run of each ends; `slow` is cancelled, `sleeper` is looked after by the scheduler."""

_PACE: Final = {"look": 0.5, "edit": 0.7, "flood": 1.0}
"""Seconds until the next of these: a life of hours is to be a mixed one, and not mostly that."""


def furnish(home: Path) -> None:
    """Put the agents' scripts, the settings and a skill into a daemon's home."""
    tables: list[str] = []
    for agent, turns in SCRIPTS.items():
        (home / f"{agent}.json").write_text(json.dumps({"turns": turns, "repeat": len(turns) == 1}))
        tables.append(f'[models.{agent}]\nprovider = "scripted"\nid = "{agent}.json"\nretries = 1\n')
        tables.append(f'[agents.{agent}]\nmodel = "{agent}"\n')
    (home / "config.toml").write_text("\n".join(tables))
    write_skill(home / "skills", "mine", "Edition 0.")


class Life:
    """All of it, at a home whose daemon runs. `done` counts what was done, `wrong` says what should not have been."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._random = random.Random(7)
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Do everything until `stop`."""
        works: tuple[Callable[[], Awaitable[None]], ...] = (
            *(self._visit for _ in range(4)),
            *(self._cancel for _ in range(2)),
            *(self._end for _ in range(2)),
            self._schedule,
            self._look,
            self._edit,
            self._flood,
        )
        async with asyncio.TaskGroup() as tasks:
            for work in works:
                tasks.create_task(self._again(work))

    def stop(self) -> None:
        """End what is under way in good order, and begin with nothing more."""
        self._over.set()

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        while not self._over.is_set():
            await work()
            self.done[work.__name__.strip("_")] += 1

    async def _rest(self, seconds: float) -> None:
        """Do nothing for a while, or until the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    async def _begin(self, line: Line, agent: str) -> str:
        answer = await line.ask("run/start", agent=agent, input="go", attach=False)
        self.done["run"] += 1
        return answer["result"]["runId"]

    def _expect(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            self.wrong.append(f"{what}: {found!r} instead of {expected!r}")

    async def _visit(self) -> None:
        """Come, follow a run for a while, be cut off in the middle, come again with the last seq, read to the end."""
        line = await Line.open(self.home)
        run = await self._begin(line, "talker")
        line.send("run/attach", runId=run)
        pieces = self._random.randint(1, 30)
        stream = await line.read(WireStream(run), lambda stream: stream.is_over or len(stream.frames) >= pieces)
        line.cut()
        line = await Line.open(self.home)
        line.send("run/attach", runId=run, after=stream.seq)
        if not stream.is_over:
            rest = await line.read(WireStream(run, stream.seq), lambda rest: rest.is_over)
            self._expect("an answer that was followed over a cut", rest.response, SCRIPTS["talker"][0]["text"])
        await line.close()

    async def _cancel(self) -> None:
        """Start a run that takes long, and end it at some moment."""
        line = await Line.open(self.home)
        run = await self._begin(line, "slow")
        for _ in range(self._random.randint(0, 20)):
            await line.ask("ping")
        await line.ask("run/cancel", runId=run)
        self._expect("a cancelled run", (await line.ask("run/wait", runId=run))["result"]["status"], "cancelled")
        await line.close()

    async def _end(self) -> None:
        """Wait for runs that end by themselves, well or badly."""
        line = await Line.open(self.home)
        for agent, ends in _ENDS.items():
            run = await self._begin(line, agent)
            ended = (await line.ask("run/wait", runId=run))["result"]["status"]
            self._expect(f"a run of {agent}", {ended}, ends)
        await line.close()

    async def _schedule(self) -> None:
        """Have an agent start another, sleep and wake."""
        line = await Line.open(self.home)
        submitted = await line.ask("scheduler/submit", agent="sleeper", input="go")
        state = submitted["result"]["stateId"]
        waited = await line.ask("scheduler/wait", stateId=state)
        self._expect("a scheduled agent", waited.get("result", {}).get("response"), "It is done.")
        await line.close()

    async def _look(self) -> None:
        """Look at everything that there is to look at."""
        line = await Line.open(self.home)
        for method in ("run/list", "session/list", "agent/list", "skill/list", "trace/list", "scheduler/list"):
            answer = await line.ask(method, limit=20)
            self._expect(method, "error" in answer, False)
        await line.close()
        await self._rest(_PACE["look"])

    async def _edit(self) -> None:
        """Edit a skill, and break it now and then."""
        edition = self.done["edit"]
        if edition % 5 == 4:
            (self.home / "skills" / "mine" / "SKILL.md").write_text("nothing")
        else:
            write_skill(self.home / "skills", "mine", f"Edition {edition}.")
        await self._rest(_PACE["edit"])

    async def _flood(self) -> None:
        """Ask too much at once, and be answered all the same."""
        line = await Line.open(self.home)
        ids = {line.send("run/list", limit=1) for _ in range(200)}
        while ids:
            ids.remove((await line.frame())["id"])
        await line.close()
        await self._rest(_PACE["flood"])
