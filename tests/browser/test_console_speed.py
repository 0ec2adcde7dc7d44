"""How quick the console is: what stands after how long, which frame took longest, what stays in memory. On request."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bulk_run import AGENT, long_run
from bulk_store import copy_run
from console_hands import PATIENCE, say
from console_stage import Desk, desk, show
from fake_provider import DONE, START, Answer, FakeProvider, Received, delta, usage
from figures import Figures
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(900)]

RUNS = 10_000
SPANS = 10_002
STEPS = 100

FIRST = 2000
"""Milliseconds until there is something to see."""

FRAME = 200
"""Milliseconds that a frame takes at most."""

ROUNDS = 64
PIECES = 500
RATE = 500
"""Pieces of text in an answer, and in a second."""

ARGUMENTS = '{"expression": "6 * 7"}'

_FRAMES = """
() => {
  globalThis.frames = [];
  let last = performance.now();
  const next = () => {
    const now = performance.now();
    frames.push(now - last);
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}
"""

_SCROLL = """
async (steps) => {
  const waterfall = document.querySelector(".waterfall");
  for (let step = 1; step <= steps; step += 1) {
    waterfall.scrollTop = (waterfall.scrollHeight * step) / steps;
    await new Promise(requestAnimationFrame);
  }
}
"""

_HEAR = """
async () => {
  const { Transcript } = await import("/console/static/core/transcript.js");
  const { take } = Transcript.prototype;
  globalThis.heard = { seqs: [], texts: {}, deltas: 0 };
  Transcript.prototype.take = function (event) {
    if (event.seq !== undefined) heard.seqs.push(event.seq);
    else if (event.type === "item/delta") {
      heard.deltas += 1;
      heard.texts[event.itemId] = (heard.texts[event.itemId] ?? "") + event.data.text;
    }
    return take.call(this, event);
  };
}
"""
"""Write down what the page is told of a run."""


async def since_it_began(page: Page) -> float:
    """Milliseconds since the page began to load."""
    return await page.evaluate("() => performance.now()")


async def first_paint(page: Page) -> float:
    return await page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")


async def heap(page: Page) -> float:
    """MiB that the page's objects take when what is garbage is gone."""
    session: Any = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    used: float = (await session.send("Runtime.getHeapUsage"))["usedSize"]
    await session.detach()
    return used / 2**20


async def worst_frame(page: Page) -> float:
    """Milliseconds of the longest frame since the last time, or since the frames have been counted."""
    return await page.evaluate("() => Math.max(...frames.splice(0))")


@asynccontextmanager
async def filled_desk(home: Path) -> AsyncGenerator[tuple[Desk, str]]:
    """A daemon with many runs, and a long one, whose id is given."""
    async with desk(home, AGENT, {}) as at:
        run = await long_run(at.home, (SPANS - 2) // 2)
        assert at.home.run("start").code == 0
        brief = [each["runId"] for each in at.home.json("runs", "list")["runs"] if each["runId"] != run]
        assert at.home.run("stop").code == 0
        await copy_run(home, brief[0], RUNS)
        assert at.home.run("start").code == 0
        yield at, run


async def test_a_view_of_very_much_stands_soon_and_is_scrolled_smoothly(tmp_path: Path, figures: Figures):
    async with filled_desk(tmp_path / "home") as (at, run), at.page() as page:
        for _ in range(3):
            await page.reload()
            await page.locator(".figures").wait_for()
            figures("the overview stands", await since_it_began(page), "ms", at_most=FIRST)
            figures("its first paint", await first_paint(page), "ms", at_most=FIRST)
        await show(page, f"traces/{run}")
        await page.reload()
        await page.locator(".span").first.wait_for()
        figures("the first lines of the trace stand", await since_it_began(page), "ms", at_most=FIRST)
        await page.evaluate(_FRAMES)
        await expect(page.get_by_text(f"{SPANS:,} spans", exact=True)).to_be_visible(timeout=PATIENCE)
        figures("all of them", await since_it_began(page), "ms")
        figures("worst frame until then", await worst_frame(page), "ms", at_most=FRAME)
        for _ in range(3):
            await page.evaluate(_SCROLL, STEPS)
            figures("worst frame of scrolling", await worst_frame(page), "ms", at_most=FRAME)
        for key in ("End", "ArrowUp"):
            began = await since_it_began(page)
            await page.locator(".waterfall").press(key)
            await page.locator(".detail h3", has_text="out").wait_for()
            figures("what was said in a span is told", await since_it_began(page) - began, "ms")


def seconds(begin: str | None, end: str | None) -> float:
    assert begin
    assert end
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def answer(request: Received) -> Answer:
    """As many pieces as are to be told in a second, and a call, until there have been enough."""
    messages: Sequence[dict[str, Any]] = request.body["messages"]
    number = sum(each["role"] == "tool" for each in messages)
    texts = [delta(content=piece) for piece in pieces(number)]
    function = {"name": "calculator", "arguments": ARGUMENTS}
    call = [{"index": 0, "id": f"call_{number}", "type": "function", "function": function}]
    last = [delta("stop")] if number == ROUNDS - 1 else [delta(tool_calls=call), delta("tool_calls")]
    return Answer([START, *texts, *last, usage(7, 1), DONE], burst=5, pause=4.5 / RATE)


def pieces(number: int) -> list[str]:
    return [f"{number}.{piece} " for piece in range(PIECES)]


async def test_five_hundred_pieces_a_second_for_a_minute_are_all_shown_and_hold_nothing_up(
    tmp_path: Path, figures: Figures
):
    async with FakeProvider(choose=answer) as provider:
        config = f"""
[models.fast]
provider = "openai"
id = "any"
base_url = "{provider.base_url}"

[agents.talker]
model = "fast"
tools = ["calculator"]
max_steps = {ROUNDS + 1}
"""
        async with desk(tmp_path / "home", config, {}) as at, at.page("agents/talker") as page, at.client() as client:
            await page.evaluate(_HEAR)
            await say(page, "Say something to talker", "Talk")
            await page.wait_for_url("**/console#/runs/run_*")
            run = page.url.rpartition("/")[2]
            await expect(page.locator(".item.toolCall")).to_have_count(3, timeout=PATIENCE)
            before = await heap(page)
            await page.evaluate(_FRAMES)
            await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=3 * PATIENCE)
            frames = await page.evaluate("() => frames.length")
            figures("frames", frames)
            figures("worst frame", await worst_frame(page), "ms", at_most=FRAME)
            figures("growth of the heap", await heap(page) - before, "MiB", at_most=3)
            told = await client.run.get(run_id=run)
            assert told.termination_reason == "completed"
            took = seconds(told.started_at, told.ended_at)
            figures("it took", took, "s", at_least=50)
            figures("pieces a second", ROUNDS * PIECES / took, at_least=RATE)
            heard = await page.evaluate("() => heard")
            said = ["".join(pieces(number)) for number in range(ROUNDS)]
            assert [each for each in heard["texts"].values() if each != ARGUMENTS] == said
            assert heard["seqs"] == list(range(1, told.head_seq + 1))
            shown = await page.locator(".item.agentMessage .said").all_text_contents()
            assert Counter(shown) == Counter(said)
            figures("deltas that the page was told", heard["deltas"])
