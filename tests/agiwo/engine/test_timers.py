"""Nothing happens before its time, and nothing is looked at again and again."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agiwo.clock import Timer
from agiwo.durable import DurableContext
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.journal import open_journal
from agiwo.schema.event import RUN_SLEEPING, RUN_WOKEN, NewEvent
from agiwo.schema.run import RunSpec, RunStatus
from agiwo.testing import FrozenClock
from engine_lab import Registry, Tiny
from engine_tape import Tape
from jumping_loop import JumpingLoop

SLEEPERS = 20


class CountedClock(FrozenClock):
    """A frozen clock that counts the calls that come due."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def call_at(self, when: float, call: Callable[[], object]) -> Any:
        def counted() -> None:
            self.calls += 1
            call()

        return super().call_at(when, counted)


async def sleep_for_a_while(ctx: DurableContext) -> Any:
    """Sleep as many seconds as the input says."""
    ctx.emit("asleep", NewEvent(RUN_SLEEPING, {}))
    waited = await ctx.wait("nap", [], timeout=float(str(ctx.run.spec.input)))
    ctx.emit("awake", NewEvent(RUN_WOKEN, {}))
    return waited.late


@asynccontextmanager
async def sleepers(clock: CountedClock, tape: Tape, warm: int) -> AsyncGenerator[EmbeddedEngine]:
    programs = {"tiny": Tiny(sleep_for_a_while)}
    engine = EmbeddedEngine(tape, Registry(programs, []), clock=clock, warm=warm)
    await engine.recover()
    yield engine
    await engine.close()


@pytest.mark.anyio
@pytest.mark.parametrize("is_recovered", [False, True], ids=["same process", "next process"])
@pytest.mark.parametrize("warm", [0, 5, 64])
async def test_nobody_wakes_a_hair_before_a_deadline_and_one_does_at_it(
    tmp_path: Path, warm: int, is_recovered: bool
) -> None:
    clock, tape = CountedClock(), Tape(await open_journal("sqlite", db_path=tmp_path / "journal.db"))
    async with sleepers(clock, tape, warm) as engine:
        for number in range(SLEEPERS):
            spec = RunSpec("tiny", f"s{number}", str(1000 * (number + 1)))
            await engine.submit(spec, run=f"run{number}")
        await tape.settle()
        if not is_recovered:
            await wake_one_by_one(engine, clock, tape)
    if is_recovered:
        async with sleepers(clock, tape, warm) as engine:
            await wake_one_by_one(engine, clock, tape)
    await tape.close()


async def wake_one_by_one(engine: EmbeddedEngine, clock: CountedClock, tape: Tape) -> None:
    hair = 0.001
    for number in range(SLEEPERS):
        clock.calls = 0
        clock.advance(1000 - hair)
        await tape.settle()
        assert clock.calls == 0
        assert (await engine.head(f"run{number}")).status == RunStatus.SLEEPING
        clock.advance(hair)
        await tape.settle()
        assert clock.calls == 1
        assert (await engine.result(f"run{number}", timeout=60)).output == 0.0


class LoopClock:
    """The time of the event loop, which may jump."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def call_at(self, when: float, call: Callable[[], object]) -> Timer:
        """Make the call then."""
        return self._loop.call_at(when, call)

    def call_after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Make the call after so many seconds."""
        return self._loop.call_later(seconds, call)


async def _turns_of_a_sleep(loop: JumpingLoop, seconds: float, warm: int) -> int:
    """How many turns the event loop makes while a run sleeps that long."""
    journal = await open_journal("memory")
    engine = EmbeddedEngine(journal, Registry({"tiny": Tiny(sleep_for_a_while)}, []), clock=LoopClock(), warm=warm)
    run = await engine.submit(RunSpec("tiny", "s", str(seconds)))
    turns = loop.turns
    await engine.result(run)
    turns = loop.turns - turns
    await engine.close()
    await journal.close()
    return turns


@pytest.mark.parametrize("warm", [0, 64])
def test_the_event_loop_makes_as_many_turns_for_a_long_sleep_as_for_a_short_one(warm: int) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, JumpingLoop)
        turns = [runner.run(_turns_of_a_sleep(loop, seconds, warm)) for seconds in (60.0, 3600.0, 80_000.0)]
    assert len(set(turns)) == 1
