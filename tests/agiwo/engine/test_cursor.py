"""Readers of a run: each is a place in the log; whoever reads from wherever misses nothing and hears nothing twice."""

import asyncio
import random
from typing import Any

import pytest
from agiwo.durable import DurableContext, StepResult, StepScope
from agiwo.engine.cursor import Cursor
from agiwo.errors import CursorExpired, NotFound
from agiwo.schema.event import ITEM_COMPLETED, ITEM_DELTA, ITEM_STARTED, RUN_RETRYING, USAGE_UPDATED, Event, NewEvent
from agiwo.schema.run import RunStatus
from engine_lab import Lab, echo
from engine_stream import check_stream, text_of

pytestmark = pytest.mark.anyio


class Speaker:
    """An effect that says word by word what it is asked to, each word when it is let to."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[str] = asyncio.Queue()
        self.item = ""

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        self.item = f"{scope.run.id}.{scope.key}"
        scope.open(self.item, "agentMessage")
        said: list[str] = []
        while (word := await self.words.get()) != "END":
            if word == "RETRY":
                said.clear()
                await scope.record(NewEvent(RUN_RETRYING, {"attempt": 2, "delay": 0, "reason": "x"}))
                scope.open(self.item, "agentMessage")
                continue
            said.append(word)
            scope.delta(self.item, "text", word)
        text = "".join(said)
        data = {"kind": "agentMessage", "text": text, "finishReason": "stop"}
        return StepResult(text, [NewEvent(ITEM_COMPLETED, data, self.item)])

    def say(self, *words: str) -> None:
        for word in words:
            self.words.put_nowait(word)


async def _speak(ctx: DurableContext) -> Any:
    return await ctx.step("speech", "speak", None)


async def speaking(lab: Lab, *words: str) -> tuple[str, Speaker]:
    """A run that has said these words and is not done."""
    speaker = Speaker()
    lab.is_replayable = False  # the words come from outside
    lab.program(_speak, speak=speaker)
    run = await lab.submit()
    speaker.say(*words)
    await lab.settle()
    return run, speaker


async def all_of(cursor: Cursor) -> list[Event]:
    return [event async for event in cursor]


async def test_deltas_come_in_order_with_offsets_and_add_up_to_the_completed_text(lab: Lab) -> None:
    run, speaker = await speaking(lab, "Die ", "Straße ", "🌍")
    speaker.say(" geht.", "END")
    await lab.result(run)
    events = await lab.events(run)
    deltas = [(event.data["offset"], event.data["text"]) for event in events if event.type == ITEM_DELTA]
    assert deltas == [(0, "Die "), (4, "Straße "), (11, "🌍"), (12, " geht.")]
    completed = [event for event in events if event.item == speaker.item and event.seq]
    assert completed[0].data["text"] == text_of(events, speaker.item) == "Die Straße 🌍 geht."


async def test_what_happens_before_anybody_reads_costs_a_late_reader_only_whole_items(lab: Lab) -> None:
    run, speaker = await speaking(lab, *["word "] * 500)
    speaker.say("END")
    await lab.result(run)
    events = await all_of(await lab.engine.events(run))
    check_stream(events)
    assert len(events) == len(await lab.types(run))
    assert not [event for event in events if event.type in (ITEM_STARTED, ITEM_DELTA)]


async def test_a_reader_that_comes_in_the_middle_gets_the_open_item_from_its_start(lab: Lab) -> None:
    run, speaker = await speaking(lab, *["word "] * 100)
    cursor = await lab.engine.events(run)
    first = await cursor.pull()
    assert [event.type for event in first[-2:]] == [ITEM_STARTED, ITEM_DELTA]
    assert (first[-1].data["offset"], first[-1].data["text"]) == (0, "word " * 100)
    speaker.say("more", "END")
    rest = await all_of(cursor)
    check_stream([*first, *rest])
    assert text_of([*first, *rest], speaker.item) == "word " * 100 + "more"


async def test_a_reader_that_lags_gets_waiting_deltas_as_one_and_is_spared_those_of_completed_items(lab: Lab) -> None:
    run, speaker = await speaking(lab, "a")
    cursor = await lab.engine.events(run)
    first = await cursor.pull(lagging=True)
    speaker.say("b", "c", "d")
    await lab.settle()
    joined = await cursor.pull(lagging=True)
    assert [(event.data["offset"], event.data["text"]) for event in joined] == [(1, "bcd")]
    speaker.say("e", "f", "END")
    await lab.result(run)
    rest = await cursor.pull(lagging=True)
    check_stream([*first, *joined, *rest])
    assert [event.type for event in rest if event.seq is None] == []
    assert rest[0].data["text"] == "abcdef"


async def test_a_reader_that_keeps_up_gets_every_delta_before_the_item_is_completed(lab: Lab) -> None:
    run, speaker = await speaking(lab, "a")
    cursor = await lab.engine.events(run)
    first = await cursor.pull()
    speaker.say("b", "c", "END")
    await lab.result(run)
    rest = await cursor.pull()
    assert text_of([*first, *rest], speaker.item) == "abc"


async def test_a_retry_begins_a_new_attempt_whose_offsets_start_again(lab: Lab) -> None:
    run, speaker = await speaking(lab, "Hel")
    cursor = await lab.engine.events(run)
    first = await cursor.pull()
    speaker.say("RETRY", "Good ", "morning", "END")
    await lab.result(run)
    events = [*first, *await all_of(cursor)]
    check_stream(events)
    attempts = [(event.data["attempt"], event.data["offset"]) for event in events if event.type == ITEM_DELTA]
    assert attempts == [(1, 0), (2, 0), (2, 5)]
    assert text_of(events, speaker.item) == "Good morning"
    assert [event.data["text"] for event in events if event.item == speaker.item and event.seq] == ["Good morning"]


async def test_after_a_restart_the_item_is_the_same_and_its_attempt_a_higher_one(lab: Lab) -> None:
    run, speaker = await speaking(lab, "Half a ")
    first = await lab.events(run)
    await lab.restart()
    speaker.say("whole word", "END")
    await lab.result(run)
    events = await lab.events(run)
    assert events[: len(first)] == first
    deltas = [(event.item, event.data["attempt"], event.data["offset"]) for event in events if event.type == ITEM_DELTA]
    assert deltas == [(speaker.item, 1, 0), (speaker.item, 2, 0)]
    assert text_of(events, speaker.item) == "whole word"


@pytest.mark.parametrize("seed", range(10))
async def test_a_reader_cut_off_at_random_points_goes_on_after_what_it_has(lab: Lab, seed: int) -> None:
    chance = random.Random(seed)
    run, speaker = await speaking(lab)
    for number in range(40):
        speaker.say(*(["RETRY"] if chance.random() < 0.1 else []), f"word{number} ")
    speaker.say("END")
    durable: list[Event] = []
    streamed: list[Event] = []
    while not durable or not durable[-1].is_terminal:
        part: list[Event] = []
        after = len(durable)
        cursor = await lab.engine.events(run, after)
        for _ in range(chance.randint(1, 4)):
            await asyncio.sleep(0)
            part += await cursor.pull(merge=chance.random() < 0.5, lagging=chance.random() < 0.3)
        check_stream(part, after=after, is_over=any(event.is_terminal for event in part))
        durable += [event for event in part if event.seq]
        streamed += part
    assert durable == [event for event in await lab.events(run) if event.seq]
    check_stream(durable)


async def test_two_readers_have_the_same_events_whatever_their_pace(lab: Lab) -> None:
    run, speaker = await speaking(lab)
    quick, slow = await lab.engine.events(run), await lab.engine.events(run)
    reading = asyncio.create_task(all_of(quick))
    seen = await slow.pull()
    for number in range(30):
        speaker.say(f"word{number} ")
        await lab.settle()
        if number % 10 == 0:
            seen += await slow.pull()
    speaker.say("END")
    await lab.result(run)
    both = await reading, [*seen, *await all_of(slow)]
    for events in both:
        check_stream(events)
    assert text_of(both[0], speaker.item) == text_of(both[1], speaker.item)
    assert [event for event in both[0] if event.seq] == [event for event in both[1] if event.seq]


async def test_a_reader_above_the_head_is_refused(lab: Lab) -> None:
    lab.program(_speak, agent="echo", speak=echo)
    run = await lab.submit("echo")
    await lab.result(run)
    head = len(await lab.types(run))
    assert await all_of(await lab.engine.events(run, head - 1)) == [(await lab.events(run))[-1]]
    with pytest.raises(CursorExpired, match=f"has {head} events"):
        await lab.engine.events(run, head + 1)
    with pytest.raises(NotFound):
        await lab.engine.events("run_ghost")


async def test_a_reader_of_a_run_with_more_events_than_are_kept_in_memory_misses_none(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        for number in range(700):
            ctx.emit(f"m{number}", NewEvent("milestone", {"number": number}))
        return await ctx.step("one", "echo", None)

    lab.is_replayable = False  # that many events replay as a few do
    lab.program(loop, echo=echo)
    run = await lab.submit()
    await lab.result(run)
    for after in (0, 1, 300, 600, 703):
        check_stream(await all_of(await lab.engine.events(run, after)), after=after)


async def _deltas(reader: Cursor) -> list[Event]:
    return [event for event in await reader.pull() if event.type == ITEM_DELTA]


async def test_readers_in_the_same_place_share_one_event_and_others_get_their_own(lab: Lab) -> None:
    run, speaker = await speaking(lab, "a", "b")
    one, other, late = [await lab.engine.events(run) for _ in range(3)]
    (mine,), (theirs,) = await _deltas(one), await _deltas(other)
    assert mine is theirs
    assert mine.data["text"] == "ab"
    speaker.say("c")
    await lab.settle()
    ahead, behind = await _deltas(one), await _deltas(late)
    assert [(event.data["offset"], event.data["text"]) for event in ahead] == [(2, "c")]
    assert [(event.data["offset"], event.data["text"]) for event in behind] == [(0, "abc")]
    speaker.say("END")
    await lab.result(run)


async def test_notices_reach_those_who_are_there_and_nobody_later(lab: Lab) -> None:
    gate = asyncio.Event()

    async def notify(scope: StepScope, arg: Any) -> StepResult:
        scope.notice(USAGE_UPDATED, {"inputTokens": 7})
        await gate.wait()
        return StepResult()

    async def loop(ctx: DurableContext) -> Any:
        return await ctx.step("one", "notify", None)

    lab.program(loop, notify=notify)
    run = await lab.submit()
    await lab.settle()
    late = await lab.engine.events(run)
    gate.set()
    await lab.result(run)
    assert [event.data for event in await lab.events(run) if event.type == USAGE_UPDATED] == [{"inputTokens": 7}]
    assert not [event for event in await all_of(late) if event.type == USAGE_UPDATED]


async def test_leaving_a_stream_early_does_not_disturb_the_run(lab: Lab) -> None:
    run, speaker = await speaking(lab, "a")
    async for event in await lab.engine.events(run):
        if event.type == ITEM_DELTA:
            break
    speaker.say("b", "END")
    assert (await lab.result(run)).status == RunStatus.COMPLETED


async def test_the_events_of_an_ended_run_are_read_after_a_restart(lab: Lab) -> None:
    lab.program(_speak, agent="echo", speak=echo)
    run = await lab.submit("echo")
    await lab.result(run)
    before = await lab.events(run)
    await lab.restart()
    assert await all_of(await lab.engine.events(run)) == before
