"""As much as a console may come to: it shows what can be seen, all else can be reached, and nothing is there twice."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bulk_run import AGENT, long_run
from bulk_store import copy_run
from console_hands import PATIENCE
from console_stage import Desk, desk, show
from playwright.async_api import Page, Request, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

EVENTS = 100_005
BLOCKS = 1000
"""Events that a page holds at most: eight hundred, and those that somebody has asked for behind them."""

SPANS = 10_002
LINES = 120
"""Spans that a page draws at most: those that can be seen, and some above and below."""

RUNS = 1000

_SEQS = "() => [...document.querySelectorAll('.transcript [data-seq]')].map((each) => Number(each.dataset.seq))"

_LINES = """
() => {
  const { top, bottom } = document.querySelector(".waterfall").getBoundingClientRect();
  const isSeen = (at) => at.bottom > top + 1 && at.top < Math.min(bottom, innerHeight) - 1;
  const lines = [...document.querySelectorAll(".span")];
  const seen = lines.filter((each) => isSeen(each.getBoundingClientRect())).map((each) => Number(each.dataset.place));
  return [lines.length, seen.sort((one, other) => one - other)];
}
"""

_SCROLL = """
async (place) => {
  document.querySelector(".waterfall").scrollTop = 26 * place;
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}
"""
"""Have the line of a span come to the top; lines are 26 pixels high."""

_ROWS = "() => [...document.querySelectorAll('tbody tr .id')].map((each) => each.title)"


async def seqs(page: Page) -> list[int]:
    """The events that are shown, each once and without a hole."""
    found: list[int] = await page.evaluate(_SEQS)
    assert 0 < len(found) <= BLOCKS
    assert found == list(range(found[0], found[-1] + 1))
    return found


async def turn(page: Page, words: str) -> list[int]:
    """Press the button that begins with these words; what is shown then."""
    before = await seqs(page)
    await page.get_by_role("button", name=words).first.click()
    is_turned = f"before => {{ const now = ({_SEQS})(); return now.length > 0 && String(now) !== String(before); }}"
    await page.wait_for_function(is_turned, arg=before)
    return await seqs(page)


async def begin_anew(at: Desk) -> None:
    assert at.home.run("start").code == 0


async def test_any_part_of_a_run_of_a_hundred_thousand_events_is_shown_and_the_page_stays_small(tmp_path: Path):
    async with desk(tmp_path / "home", AGENT, {}) as at:
        run = await long_run(at.home, (EVENTS - 5) // 2)
        await begin_anew(at)
        async with at.page(f"runs/{run}") as page:
            await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=PATIENCE)
            end = await seqs(page)
            assert end[-1] == EVENTS
            for _ in range(6):
                end = [*(await turn(page, "Show earlier")), *end]
            assert set(end) == set(range(min(end), EVENTS + 1))
            assert (await turn(page, "To the end"))[-1] == EVENTS
            begin = await turn(page, "From the beginning")
            for _ in range(6):
                begin += await turn(page, "Show later")
            assert set(begin) == set(range(1, max(begin) + 1))
            assert len(set(begin)) > BLOCKS
            for seq in range(9_999, EVENTS, 30_000):
                await page.evaluate("view => { location.hash = view; }", f"#/runs/{run}?seq={seq}")
                await page.locator(f'.transcript [data-seq="{seq}"]').wait_for()
                assert (await seqs(page))[0] == seq
                assert min(await turn(page, "Show earlier")) < seq
        assert at.seen.errors == []


async def lines(page: Page) -> list[int]:
    """The places of the spans that can be seen, which are few, and without a hole."""
    drawn, seen = await page.evaluate(_LINES)
    assert drawn <= LINES
    assert len(seen) > 5
    assert seen == list(range(seen[0], seen[-1] + 1))
    return seen


@contextmanager
def one_at_a_time(page: Page, words: str) -> Generator[None]:
    """Of the requests that have these words no two may be under way at once meanwhile, and there must be some."""
    going, most = set[Request](), list[int]()

    def begun(request: Request) -> None:
        if words in (request.post_data or ""):
            going.add(request)
            most.append(len(going))

    def ended(request: Request) -> None:
        going.discard(request)

    page.on("request", begun)
    page.on("requestfinished", ended)
    yield
    page.remove_listener("request", begun)
    page.remove_listener("requestfinished", ended)
    assert set(most) == {1}


async def test_of_ten_thousand_spans_the_page_draws_those_that_can_be_seen_wherever_one_looks(tmp_path: Path):
    async with desk(tmp_path / "home", AGENT, {}) as at:
        run = await long_run(at.home, (SPANS - 2) // 2)
        await begin_anew(at)
        async with at.page(f"traces/{run}") as page:
            await page.locator(".span").first.wait_for()
            await page.evaluate(_SCROLL, 100)
            await expect(page.get_by_text(f"{SPANS:,} spans", exact=True)).to_be_visible(timeout=PATIENCE)
            assert (await lines(page))[0] == 100, "who looks at the beginning is thrown back by what comes later"
            for place in (0, 2000, 5000, 8300):
                await page.evaluate(_SCROLL, place)
                assert (await lines(page))[0] == place
            await page.evaluate(_SCROLL, SPANS)
            assert (await lines(page))[-1] == SPANS - 1
            with one_at_a_time(page, '"content":true'):
                await page.locator(".waterfall").press("Home")
                for _ in range(20):
                    await page.locator(".waterfall").press("ArrowDown")
                await expect(page.locator(".detail h3").first).to_have_text("in", timeout=PATIENCE)
                await expect(page.locator(".detail")).to_contain_text("6 * 7")
        assert at.seen.errors == []


async def test_a_thousand_runs_are_a_page_each_time_and_all_of_them_are_in_some_page(tmp_path: Path):
    async with desk(tmp_path / "home", AGENT, {}) as at:
        (tmp_path / "home" / "long.json").write_text('{"turns": [{"text": "Done."}], "repeat": true}')
        assert at.home.run("ask", "--agent", "long", "Go").code == 0
        (first,) = at.home.json("runs", "list")["runs"]
        assert at.home.run("stop").code == 0
        await copy_run(at.home.path, first["runId"], RUNS)
        await begin_anew(at)
        async with at.page() as page:
            await expect(page.locator(".figures")).to_be_visible(timeout=PATIENCE)
            assert await page.locator("main *").count() < 1000
            await show(page, "runs")
            found: list[str] = await rows(page)
            while await page.get_by_role("link", name="Older ones").count():
                await page.get_by_role("link", name="Older ones").click()
                await (
                    page.locator("tbody tr")
                    .filter(has=page.locator(f'[title="{found[-1]}"]'))
                    .wait_for(state="detached")
                )
                found += await rows(page)
            assert len(found) == len(set(found)) == RUNS
        assert at.seen.errors == []


async def rows(page: Page) -> list[str]:
    """The runs of a page of the list."""
    await page.locator("tbody tr").first.wait_for()
    found: list[str] = await page.evaluate(_ROWS)
    assert 0 < len(found) <= 50
    return found
