"""What is done with a run through its page, by keys alone: the daemon has done it, and the page says so."""

from pathlib import Path

import pytest
from console_hands import PATIENCE, fill, is_over, press, refused, say, send, told
from console_stage import BUSY, SCRIPTS, desk, show
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

ONE_AT_A_TIME = f"{BUSY}\n[limits]\nruns = 1\n"

_FOCUS = "() => document.activeElement.closest('main, dialog') !== null"


async def run_shown(page: Page) -> str:
    """The id of the run that the page comes to."""
    await page.wait_for_url("**/console#/runs/run_*")
    return page.url.rpartition("/")[2]


async def ended(page: Page, how: str = "completed") -> None:
    await expect(page.locator(f".note.run-{how}")).to_have_count(1, timeout=PATIENCE)


async def test_a_run_is_begun_steered_answered_replayed_gone_on_with_and_cancelled_by_keys_alone(tmp_path: Path):
    async with desk(tmp_path / "home", ONE_AT_A_TIME, SCRIPTS) as at, at.page("agents/careful") as page:
        async with at.client() as client:
            await say(page, "Say something to careful", "What is six times seven?")
            run = await run_shown(page)
            await expect(page.locator(".asked")).to_be_visible(timeout=PATIENCE)

            # What the daemon refuses stays where it was typed, with why and what to do.
            await show(page, "agents/guide")
            await say(page, "Say something to guide", "How far is it?")
            await expect(page.locator(".composer [role=alert]")).to_contain_text("Try again in a moment")
            await expect(page.get_by_label("Say something to guide")).to_have_value("How far is it?")

            await show(page, f"runs/{run}")
            await say(page, "Tell the run something more", "In words, please")
            await told(page, "Said.")
            await expect(page.get_by_label("Tell the run something more")).to_have_value("")
            await page.get_by_label("Tell the run something more").fill("half a sent")
            await press(page, "Allow this call", "Space")
            await expect(page.locator(".answer")).to_contain_text("allowed by console", timeout=PATIENCE)
            assert await page.evaluate(_FOCUS), "the focus is lost with the question"
            await ended(page)
            await expect(page.get_by_label("Say something more in this session")).to_have_value("half a sent")
            history = await client.session.history(session_id=(await client.run.get(run_id=run)).session_id)
            assert "In words, please" in str([each.item for each in history.items])
            assert (await client.approval.list()).approvals == []

            # From a step that stands: the call is not made again, and nobody is asked again.
            await press(page, "replay from here")
            await fill(page, model="nobody:knows")
            await send(page)
            await refused(page, "nobody")
            await expect(page.get_by_label("Model")).to_have_value("nobody:knows")
            await fill(page, model="")
            await send(page)
            await page.wait_for_function("run => !location.hash.endsWith(run)", arg=run)
            again = await run_shown(page)
            await ended(page)
            replayed = await client.run.get(run_id=again)
            assert (again != run, replayed.status, replayed.response) == (True, "completed", "It is 42.")

            await say(page, "Say something more in this session", "And once more?")
            await page.wait_for_function("run => !location.hash.endsWith(run)", arg=again)
            third = await run_shown(page)
            assert (await client.run.get(run_id=third)).session_id == replayed.session_id
            await expect(page.locator(".asked")).to_be_visible(timeout=PATIENCE)
            await press(page, "Cancel")
            await page.keyboard.press("Escape")
            await is_over(page)
            await expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
            await page.keyboard.press("Enter")
            await fill(page, reason="that is enough")
            await page.keyboard.press("Enter")
            await ended(page, "cancelled")
            await expect(page.locator(".note.run-cancelled")).to_contain_text("that is enough")
            assert (await client.run.get(run_id=third)).status == "cancelled"
        assert [each for each in at.seen.errors if "503" not in each] == []
