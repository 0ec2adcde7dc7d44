"""Our engine without agents: programs as small as the workflows of others, over a file that survives a power cut."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agiwo.durable import DurableContext, Effect, Outcome, Program, StepResult, StepScope
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.event import RUN_SLEEPING, NewEvent
from agiwo.schema.run import RunSpec, RunStatus
from drivers.crowd import Crowd, until

ASLEEP = frozenset({RunStatus.SLEEPING})


class Driver:
    """A program that does what its input says: each answer of a model is a step."""

    version = "1"

    def __init__(self, crowd: Crowd) -> None:
        self.effects: Mapping[str, Effect] = {"work": self._work, "say": self._say}
        self._crowd, self._waked = crowd, set[str]()

    def find(self, spec: RunSpec) -> Program:
        """Itself, for every run."""
        return self

    async def main(self, ctx: DurableContext) -> Outcome:
        """Do the task."""
        kind, number, _ = str(ctx.run.spec.input).removeprefix("@").split()
        match kind:
            case "nap":
                await self._nap(ctx, int(number))
            case "crowd":
                await ctx.step("go", "say", "go")
                children = [await self._child(ctx, each) for each in range(int(number))]
                await ctx.wait("sleep", children)
                await ctx.step("done", "say", "all done")
            case "sleep":
                await self._sleep(ctx, int(number))
            case _:
                return Outcome(output=await ctx.step("work", "work", None))
        return Outcome()

    async def _nap(self, ctx: DurableContext, times: int) -> None:
        for number in range(times):
            child = await self._child(ctx, number)
            ctx.emit(f"{number}/asleep", NewEvent(RUN_SLEEPING, {}))
            await ctx.wait(f"{number}/sleep", [child])
            if child not in self._waked:  # else it is only coming back to where it was
                self._waked.add(child)
                self._crowd.note_wake()

    async def _child(self, ctx: DurableContext, number: int) -> str:
        return await ctx.spawn(f"{number}/spawn", RunSpec("bench", f"{ctx.run.id} {number}", f"@work 0 {number}"))

    async def _sleep(self, ctx: DurableContext, seconds: int) -> None:
        await ctx.step("sleep", "say", "sleep")
        self._crowd.asleep += 1
        ctx.emit("asleep", NewEvent(RUN_SLEEPING, {}))
        await ctx.wait("wait", [], timeout=seconds)
        await ctx.step("awake", "say", "awake")
        self._crowd.awake += 1

    async def _work(self, scope: StepScope, arg: Any) -> StepResult:
        return StepResult(await self._crowd.work())

    async def _say(self, scope: StepScope, arg: Any) -> StepResult:
        return StepResult(arg)

    @asynccontextmanager
    async def opened(self, folder: Path, at_once: int) -> AsyncGenerator[None]:
        """An engine that goes on with what the file has."""
        journal = await SqliteJournal.open(folder / "journal.db", durability="full")
        self._engine = EmbeddedEngine(journal, self, max_concurrent=at_once)
        await self._engine.recover()
        try:
            yield
        finally:
            await self._engine.close()
            await journal.close()

    async def run(self, task: str) -> None:
        """Let a program do it to its end."""
        result = await self._engine.result(await self._engine.submit(RunSpec("bench", task, task)))
        assert result.status is RunStatus.COMPLETED, result

    async def sleep(self, begin: int, end: int, seconds: int) -> None:
        """Put programs to sleep; return when all are."""
        for number in range(begin, end):
            await self._engine.submit(RunSpec("bench", f"s{number}", f"@sleep {seconds} {number}"))
        await until(end, lambda: self._crowd.asleep)
        await until(end, self._asleep)

    async def _asleep(self) -> int:
        return len(await self._engine.journal.runs(statuses=ASLEEP, limit=100_000))
