"""A place to try programs in: an engine over a tape, a clock that stands still, a reader on every run."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from agiwo.durable import CancelScope, DurableContext, Effect, Outcome, Program, StepResult, StepScope
from agiwo.engine.cursor import Cursor
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.journal.base import Journal
from agiwo.schema.event import Event
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunResult, RunSpec, RunStatus
from agiwo.testing import FrozenClock
from engine_replay import replay_every_prefix
from engine_stream import check_stream
from engine_tape import Tape


async def echo(scope: StepScope, arg: Any) -> StepResult:
    """An effect that gives back what it is asked."""
    return StepResult(arg)


async def hang(scope: StepScope, arg: Any) -> StepResult:
    """An effect that never ends by itself."""
    await asyncio.Event().wait()
    return StepResult()


Main = Callable[[DurableContext], Awaitable[Any]]
"""A loop; what it returns that is no `Outcome` becomes the run's output."""


@dataclass
class Tiny:
    """A program of a test: a main and its effects."""

    loop: Main
    effects: Mapping[str, Effect] = field(default_factory=dict[str, Effect])
    version: str = "1"

    async def main(self, ctx: DurableContext) -> Outcome:
        """Run the loop."""
        value = await self.loop(ctx)
        return value if isinstance(value, Outcome) else Outcome(output=value)


class Watched:
    """A program whose effects leave `(run, key)` in `ran` each time they begin."""

    def __init__(self, program: Program, ran: list[tuple[str, str]]) -> None:
        self.version = program.version
        self.main = program.main
        self.effects = {name: _watched(effect, ran) for name, effect in program.effects.items()}


def _watched(effect: Effect, ran: list[tuple[str, str]]) -> Effect:
    async def watched(scope: StepScope, arg: Any) -> StepResult:
        ran.append((scope.run.id, scope.key))
        return await effect(scope, arg)

    return watched


class Registry:
    """The `Programs` of a lab, by the name of the agent."""

    def __init__(self, programs: Mapping[str, Program], ran: list[tuple[str, str]]) -> None:
        self._programs, self._ran = programs, ran

    def find(self, spec: RunSpec) -> Program | None:
        """The program, watched."""
        program = self._programs.get(spec.agent)
        return program and Watched(program, self._ran)


class Lab:
    """One engine and what a test does with it.

    `ran` names every effect that was begun. `is_replayable` is for a test to switch off when its effects do not do the
    same when they are run again, so that its journal says nothing about replay.
    """

    def __init__(self, journal: Journal, **options: Any) -> None:
        self.tape = Tape(journal)
        self.clock = FrozenClock()
        self.programs: dict[str, Program] = {}
        self.ran: list[tuple[str, str]] = []
        self.options = options
        self.is_replayable = True
        self._well = asyncio.Event()
        self.engine = self._new_engine()
        self._submitted = 0
        self.streams: dict[str, list[Event]] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}

    def _new_engine(self) -> EmbeddedEngine:
        registry = Registry(self.programs, self.ran)
        return EmbeddedEngine(self.tape, registry, clock=self.clock, on_storage=self._on_storage, **self.options)

    def _on_storage(self, trouble: str | None) -> None:
        self._well.clear() if trouble else self._well.set()

    def program(self, loop: Main, *, agent: str = "tiny", version: str = "1", **effects: Effect) -> None:
        """Register a program."""
        self.programs[agent] = Tiny(loop, effects, version)

    async def submit(
        self,
        agent: str = "tiny",
        input: Any = "go",
        *,
        session: str | None = None,
        timeout: float | None = None,
        plan: Mapping[str, Any] | None = None,
        run: str | None = None,
    ) -> str:
        """Queue a run; a reader follows it from its first event on."""
        self._submitted += 1
        number = self._submitted
        spec = RunSpec(agent, session or f"session{number}", input, plan or {}, timeout)
        cursor = await self.engine.start(spec, run=run or f"run{number}")
        if cursor.run not in self._readers:
            reading = _read(cursor, self.streams.setdefault(cursor.run, []))
            self._readers[cursor.run] = asyncio.create_task(reading, name=f"reader of {cursor.run}")
        return cursor.run

    def follow(self, run: str) -> None:
        """Read a run's events from where its reader stopped, or from the start."""
        if run not in self._readers or self._readers[run].done():
            self._readers[run] = asyncio.create_task(self._read_on(run), name=f"reader of {run}")

    async def _read_on(self, run: str) -> None:
        stream = self.streams.setdefault(run, [])
        cursor = await self.engine.events(run, max((event.seq for event in stream if event.seq), default=0))
        await _read(cursor, stream)

    async def settle(self) -> None:
        """Let everything happen that needs neither time nor anybody from outside."""
        await self.tape.settle()

    async def advance(self, seconds: float) -> None:
        """Let everything happen, then that much time pass."""
        await self.settle()
        self.clock.advance(seconds)
        await self.settle()

    async def result(self, run: str) -> RunResult:
        """How the run ended; a run that does not end is a test that fails."""
        return await self.engine.result(run, timeout=60)

    async def run(self, agent: str = "tiny", input: str = "go", **options: Any) -> RunResult:
        """Submit, and wait for the end."""
        return await self.result(await self.submit(agent, input, **options))

    async def send(self, run: str, topic: str, data: Mapping[str, Any], message: str) -> None:
        """Put a message in the run's mailbox."""
        await self.engine.send(run, message, topic, data)

    async def cancel(self, run: str, scope: CancelScope = "tree") -> RunResult:
        """Cancel, and wait for the end."""
        assert await self.engine.cancel(run, "enough", scope)
        return await self.result(run)

    async def status(self, run: str) -> RunStatus:
        """Where the run stands once everything has happened."""
        await self.settle()
        return (await self.engine.head(run)).status

    async def restart(self, after: float = 0.0) -> None:
        """Let the process die and the next one take over so many seconds later: runs go on from what is recorded."""
        await self._stop()
        self.clock.advance(after)
        self.engine = self._new_engine()
        await self.engine.recover()
        for run in self.streams:
            self.follow(run)
        await self.settle()

    async def storage_is_well(self) -> None:
        """Return when the engine has found that the store takes writes again."""
        async with asyncio.timeout(60):
            await self._well.wait()
        await self.settle()

    async def records(self, run: str) -> list[Record]:
        """Everything that is recorded of the run."""
        return await self.tape.journal.load(run)

    async def events(self, run: str) -> list[Event]:
        """What a reader who was there from the start has seen so far."""
        await self.settle()
        return list(self.streams[run])

    async def types(self, run: str) -> list[str]:
        """The types of the run's durable events."""
        return [event.type for event in await self.events(run) if event.seq]

    async def heads(self) -> list[RunHead]:
        """All runs, oldest first."""
        return (await self.tape.journal.runs())[::-1]

    async def _stop(self) -> None:
        await self.engine.close()
        for reader in self._readers.values():
            reader.cancel()
        await asyncio.gather(*self._readers.values(), return_exceptions=True)
        await self.tape.settle()  # an append under way is made or not, but not later

    async def close(self) -> None:
        """Stop, and hold what was recorded and streamed against what must be true of every run."""
        await self.settle()
        await self._stop()
        for run, stream in self.streams.items():
            head = await self.tape.journal.run(run)
            assert head
            check_stream(stream, is_over=head.status.is_terminal)
        if self.is_replayable:
            ran: list[tuple[str, str]] = []
            await replay_every_prefix(self.tape.taken, Registry(self.programs, ran), ran, self.options)


async def _read(cursor: Cursor, stream: list[Event]) -> None:
    while not cursor.finished:
        await cursor.wait()
        stream.extend(await cursor.pull(merge=False))


@asynccontextmanager
async def open_lab(journal: Journal, **options: Any) -> AsyncGenerator[Lab]:
    """A lab that is closed, and checked when the test itself went well."""
    lab = Lab(journal, **options)
    try:
        yield lab
    except BaseException:
        lab.is_replayable = False
        await lab.engine.close()
        raise
    await lab.close()
