"""A daemon that goes while its page is open: a banner tells so, and then all is there again, once, without reload."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from console_stage import BUSY, SCRIPTS, Desk, desk, show
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

PATIENCE = 60_000
"""Milliseconds after which something that should be seen is not."""

_ITEMS = "() => [...document.querySelectorAll('.item')].map(each => each.innerText.split('\\n').slice(-1)[0])"


async def talk(page: Page, agent: str, words: str) -> str:
    """Begin a run from the page of an agent; returns its id once it is shown."""
    await show(page, f"agents/{agent}")
    await page.get_by_label(f"Say something to {agent}").fill(words)
    await page.get_by_role("button", name="Send").click()
    await page.wait_for_url("**/console#/runs/**")
    return page.url.rpartition("/")[2]


async def test_a_run_that_streams_while_the_daemon_is_killed_is_whole_afterwards_and_every_item_is_there_once(
    tmp_path: Path,
):
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.page() as page:
        await talk(page, "slow", "Think")
        banner = page.locator("#banner")
        await expect(page.locator(".item.agentMessage.open")).to_contain_text("word20 ", timeout=PATIENCE)
        at.home.kill()
        await expect(banner).to_contain_text("The daemon is not there", timeout=PATIENCE)
        assert at.home.run("start").code == 0
        await expect(banner).to_be_hidden(timeout=PATIENCE)
        await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=PATIENCE)
        await expect(page.locator(".item.open")).to_have_count(0)
        items: list[str] = await page.evaluate(_ITEMS)
        assert Counter(items) == {"Think": 1, " ".join(f"word{number}" for number in range(400)): 1}
        await show(page, "")
        await expect(page.locator(".figures")).to_be_visible()
        assert [each for each in at.seen.errors if "Failed to load" not in each and "ERR_" not in each] == []


async def test_a_page_goes_on_after_a_restart_in_good_order_too_and_hears_what_happens_then(tmp_path: Path):
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.page("runs") as page:
        assert await page.locator("tbody tr").count() == 0
        assert at.home.run("restart").code == 0
        assert at.home.run("ask", "--agent", "guide", "How long is the walk?").code == 0
        await expect(page.locator("tbody tr")).to_have_count(1, timeout=PATIENCE)
        await expect(page.locator("tbody tr")).to_contain_text("completed")


async def test_views_that_are_asked_for_while_the_daemon_is_away_are_shown_once_it_is_back(tmp_path: Path):
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.page() as one, at.page() as other:
        at.home.kill()
        await go(one, "agents/guide")  # which the link has not noticed yet, or just has
        await expect(other.locator("#banner")).to_contain_text("The daemon is not there", timeout=PATIENCE)
        await go(other, "sessions")
        assert at.home.run("start").code == 0
        await expect(one.get_by_label("Say something to guide")).to_be_visible(timeout=PATIENCE)
        await expect(other.get_by_role("heading", name="Sessions")).to_be_visible(timeout=PATIENCE)
        for page in (one, other):
            await expect(page.locator("#banner")).to_be_hidden(timeout=PATIENCE)


@pytest.mark.soak  # the page has half a minute of patience
async def test_a_daemon_that_stands_still_is_told_to_be_away_and_goes_on_where_it_was(tmp_path: Path):
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.page() as page:
        await talk(page, "slow", "Think")
        await expect(page.locator(".item.agentMessage.open")).to_contain_text("word20 ", timeout=PATIENCE)
        pid = at.home.pid()
        assert pid
        os.kill(pid, signal.SIGSTOP)
        try:
            await expect(page.locator("#banner")).to_contain_text("The daemon is not there", timeout=2 * PATIENCE)
        finally:
            os.kill(pid, signal.SIGCONT)
        await expect(page.locator("#banner")).to_be_hidden(timeout=PATIENCE)
        await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=PATIENCE)
        items: list[str] = await page.evaluate(_ITEMS)
        assert Counter(items) == {"Think": 1, " ".join(f"word{number}" for number in range(400)): 1}


async def go(page: Page, view: str) -> None:
    """Ask for a view, and wait for nothing."""
    await page.evaluate("view => { location.hash = `#/${view}`; }", view)


async def test_of_two_tabs_that_answer_one_question_the_first_counts_and_the_other_is_told(tmp_path: Path):
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.page() as one, at.page() as other:
        run = await talk(one, "careful", "What is six times seven?")
        await show(other, f"runs/{run}")
        await asked(one)
        await asked(other)
        for page in (one, other):
            await page.evaluate("() => document.querySelector('.asked button').click()")
        await expect(one.locator(".answer")).to_contain_text("allowed", timeout=PATIENCE)
        await expect(other.locator(".answer")).to_contain_text("allowed", timeout=PATIENCE)
        for page in (one, other):
            await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=PATIENCE)
            await expect(page.locator("#told .bad")).to_have_count(0)
        await inbox_is_empty(at, one)


async def asked(page: Page) -> None:
    await expect(page.locator(".asked button").first).to_be_visible(timeout=PATIENCE)


async def inbox_is_empty(at: Desk, page: Page) -> None:
    await show(page, "approvals")
    await expect(page.locator(".empty")).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("#nav .count")).to_have_count(0, timeout=PATIENCE)
    assert at.seen.errors == []
