"""How quick the console is: what stands after how long, which frame took longest, what stays in memory. On request."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
"""Milliseconds that a frame takes at most, unless one of an empty page takes a third of that, too."""

RATE = 500
"""Pieces of text in a second."""

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


@dataclass(frozen=True)
class Frames:
    """The frames of a page, and those of an empty one beside it, which tell what the machine holds up."""

    page: Page
    empty: Page

    async def count(self) -> None:
        """Count them from now on."""
        for each in (self.empty, self.page):
            await each.evaluate(_FRAMES)

    async def hold(self, figures: Figures, when: str) -> None:
        """Hold the longest frame since the last time against its bound."""
        worst, idle = [await each.evaluate("() => Math.max(...frames.splice(0))") for each in (self.page, self.empty)]
        figures(f"worst frame of an empty page beside it, {when}", idle, "ms")
        figures(f"worst frame {when}", worst, "ms", at_most=max(FRAME, 3 * idle))


@asynccontextmanager
async def frames_of(page: Page, at: Desk) -> AsyncGenerator[Frames]:
    """The frames of a page."""
    context = await at.browser.new_context()
    yield Frames(page, await context.new_page())
    await context.close()


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
    async with filled_desk(tmp_path / "home") as (at, run), at.page() as page, frames_of(page, at) as frames:
        for _ in range(3):
            await page.reload()
            await page.locator(".figures").wait_for()
            figures("the overview stands", await since_it_began(page), "ms", at_most=FIRST)
            figures("its first paint", await first_paint(page), "ms", at_most=FIRST)
        await show(page, f"traces/{run}")
        await page.reload()
        await page.locator(".span").first.wait_for()
        figures("the first lines of the trace stand", await since_it_began(page), "ms", at_most=FIRST)
        await frames.count()
        await expect(page.get_by_text(f"{SPANS:,} spans", exact=True)).to_be_visible(timeout=PATIENCE)
        figures("all of them", await since_it_began(page), "ms")
        await frames.hold(figures, "until then")
        for _ in range(3):
            await page.evaluate(_SCROLL, STEPS)
            await frames.hold(figures, "of scrolling")
        for key in ("End", "ArrowUp"):
            began = await since_it_began(page)
            await page.locator(".waterfall").press(key)
            await page.locator(".detail h3", has_text="out").wait_for()
            figures("what was said in a span is told", await since_it_began(page) - began, "ms")


def seconds(begin: str | None, end: str | None) -> float:
    assert begin
    assert end
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


@dataclass(frozen=True)
class Talk:
    """So many answers of so many pieces, with a call behind each but the last one."""

    answers: int
    pieces: int

    def said(self, number: int) -> list[str]:
        """The pieces of one of its answers."""
        return [f"{number}.{piece} " for piece in range(self.pieces)]

    def answer(self, request: Received) -> Answer:
        """What is said next, a little quicker than is asked for: the calls take time, too."""
        messages: Sequence[dict[str, Any]] = request.body["messages"]
        number = sum(each["role"] == "tool" for each in messages)
        texts = [delta(content=piece) for piece in self.said(number)]
        function = {"name": "calculator", "arguments": ARGUMENTS}
        call = [{"index": 0, "id": f"call_{number}", "type": "function", "function": function}]
        last = [delta("stop")] if number == self.answers - 1 else [delta(tool_calls=call), delta("tool_calls")]
        return Answer([START, *texts, *last, usage(7, 1), DONE], burst=5, pause=4.5 / RATE)


@pytest.mark.parametrize("talk", [Talk(64, 500), Talk(1, 32_000)], ids=["in many answers", "in one"])
async def test_five_hundred_pieces_a_second_for_a_minute_are_all_shown_and_hold_nothing_up(
    tmp_path: Path, figures: Figures, talk: Talk
):
    async with FakeProvider(choose=talk.answer) as provider:
        config = f"""
[models.fast]
provider = "openai"
id = "any"
base_url = "{provider.base_url}"

[agents.talker]
model = "fast"
tools = ["calculator"]
max_steps = {talk.answers + 1}
"""
        async with (
            desk(tmp_path / "home", config, {}) as at,
            at.page("agents/talker") as page,
            frames_of(page, at) as frames,
        ):
            await page.evaluate(_HEAR)
            await say(page, "Say something to talker", "Talk")
            await page.wait_for_url("**/console#/runs/run_*")
            run = page.url.rpartition("/")[2]
            await expect(page.locator(".item.agentMessage").first).to_contain_text("0.400 ", timeout=PATIENCE)
            before = await heap(page)
            await frames.count()
            await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=3 * PATIENCE)
            figures("frames", await page.evaluate("() => frames.length"))
            await frames.hold(figures, "meanwhile")
            figures("growth of the heap", await heap(page) - before, "MiB", at_most=3)
            async with at.client() as client:
                told = await client.run.get(run_id=run)
            assert told.termination_reason == "completed"
            took = seconds(told.started_at, told.ended_at)
            figures("it took", took, "s", at_least=50)
            figures("pieces a second", talk.answers * talk.pieces / took, at_least=RATE)
            heard = await page.evaluate("() => heard")
            said = ["".join(talk.said(number)) for number in range(talk.answers)]
            assert [each for each in heard["texts"].values() if each != ARGUMENTS] == said
            assert heard["seqs"] == list(range(1, told.head_seq + 1))
            shown = await page.locator(".item.agentMessage .said").all_text_contents()
            assert Counter(shown) == Counter(said)
            figures("deltas that the page was told", heard["deltas"])
