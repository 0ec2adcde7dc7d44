"""Runs cancelled at every turn of the event loop: each ends once, leaves nothing, and its session goes on."""

import asyncio
import statistics
from collections.abc import Sequence

import pytest
from agiwo.schema.event import (
    APPROVAL_REQUESTED,
    APPROVAL_RESOLVED,
    CHILD_SPAWNED,
    ITEM_COMPLETED,
    RUN_COMPLETED,
    RUN_RETRYING,
    RUN_SLEEPING,
    RUN_WOKEN,
)
from cancel_stage import WIRES, Cancelled, Way, check, stage
from jumping_loop import JumpingLoop

WAYS: tuple[Way, ...] = ("handle", "caller")

SAMPLE = 7
"""Turns of a run in which the short version cancels it."""

LIMIT = 0.1
"""Seconds of work and of waits from the wish to the terminal event, in the median; a slow machine needs a tenth."""

on_every_wire = pytest.mark.parametrize("wire", WIRES)


def seconds_of(wire: str, ways: Sequence[Way], sample: int | None = None) -> list[float]:
    """How long each run took to end, cancelled in so many of its turns or in every one, in these ways one by one."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return [each.seconds for each in runner.run(cancelled_in(wire, ways, sample))]


async def cancelled_in(wire: str, ways: Sequence[Way], sample: int | None) -> list[Cancelled]:
    async with stage(wire) as it:
        turns, _ = await it.undisturbed()
        found: list[Cancelled] = []
        for number, turn in enumerate(range(0, turns, turns // sample if sample else 1)):
            cancelled = await it.cancel(turn, ways[number % len(ways)])
            found += [cancelled] if cancelled else []
        return found


@on_every_wire
def test_a_run_ends_wherever_it_is_cancelled_and_its_session_goes_on(wire: str) -> None:
    seconds = seconds_of(wire, WAYS, SAMPLE)
    assert len(seconds) >= SAMPLE - 1  # near its end it may be over before
    assert statistics.median(seconds) < LIMIT


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
@on_every_wire
def test_a_run_ends_at_whichever_await_it_is_cancelled_and_its_session_goes_on(wire: str, way: Way) -> None:
    seconds = sorted(seconds_of(wire, [way]))
    print(f"\n{wire}, {way}: {len(seconds)} cancels, p99 {1000 * seconds[len(seconds) * 99 // 100]:.1f} ms")
    assert len(seconds) > 100
    assert statistics.median(seconds) < LIMIT


@on_every_wire
def test_the_run_that_is_cancelled_has_everything_to_wait_for(wire: str) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        names, kinds = runner.run(told_in(wire))
    wanted = {RUN_RETRYING, RUN_SLEEPING, RUN_WOKEN, CHILD_SPAWNED, APPROVAL_REQUESTED, APPROVAL_RESOLVED}
    assert wanted <= set(names)
    assert {"reasoning", "agentMessage", "toolCall", "userMessage"} <= kinds
    assert names[-1] == RUN_COMPLETED


async def told_in(wire: str) -> tuple[list[str], set[str]]:
    async with stage(wire) as it:
        _, events = await it.undisturbed()
    return [event.name for event in events], {event.data["kind"] for event in events if event.name == ITEM_COMPLETED}


def test_what_a_run_would_leave_is_found() -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(with_something_left())


async def with_something_left() -> None:
    async with stage("scripted") as it:
        _, events = await it.undisturbed()
        for faulty in (events[:-1], [*events, events[-1]], [each for each in events if each.name != ITEM_COMPLETED]):
            with pytest.raises(AssertionError):
                check(faulty)
        left = asyncio.create_task(asyncio.Event().wait(), name="what is left")
        with pytest.raises(AssertionError, match="what is left"):
            await it.cancel(3)
        left.cancel()
