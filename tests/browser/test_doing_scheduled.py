"""What is done with scheduled agents, schedules and sessions through the page: the daemon has done it."""

from pathlib import Path

import pytest
from agiwo_client import Client
from console_hands import PATIENCE, fill, is_over, press, refused, say, send, shown, told
from console_stage import BUSY, SCRIPTS, desk, show
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]


async def test_tasks_are_submitted_given_and_ended_and_schedules_made_and_removed_by_keys_alone(tmp_path: Path):
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.page("scheduler") as page, at.client() as client:
        await press(page, "Submit a task")
        await fill(page, agent="scout", input="Watch the harbour")
        await page.get_by_label("Stays, and takes other tasks later").press("Space")
        await send(page)
        await page.wait_for_url("**/console#/scheduler/*")
        scout = page.url.rpartition("/")[2]
        await expect(page.locator(".badge").first).to_have_text("sleeping", timeout=PATIENCE)
        await say(page, "Its next task", "Watch the castle")
        await told(page, "Given.")
        await shown(page, "tasks that wait")
        assert (await client.scheduler.get(state_id=scout)).queued == 1

        await show(page, "scheduler")
        await press(page, "Submit a task")
        await fill(page, agent="leader", input="Plan a day")
        await send(page)
        await page.wait_for_function(
            "scout => /scheduler.[^/]+$/.test(location.hash) && !location.hash.endsWith(scout)", arg=scout
        )
        leader = page.url.rpartition("/")[2]
        await show(page, "scheduler")
        await expect(page.get_by_role("table", name="Scheduled agents").locator("tbody tr")).to_have_count(
            4, timeout=PATIENCE
        )
        await page.get_by_role("button", name="Those below it").press("Enter")
        await expect(page.get_by_role("table", name="Scheduled agents").locator("tbody tr")).to_have_count(2)
        await expect(page.get_by_role("button", name="Those below it")).to_be_focused()

        row = page.locator("tr", has_text=leader)
        await row.get_by_role("button", name="Cancel").press("Enter")
        await fill(page, reason="it rains")
        await send(page)
        await is_over(page)
        await expect(page.get_by_role("table", name="Ended lately")).to_contain_text(leader, timeout=PATIENCE)
        assert (await client.scheduler.get(state_id=leader)).status == "cancelled"
        await page.locator("tr", has_text=scout).get_by_role("button", name="Shut down").press("Enter")
        await told(page, "It sums up, and ends.")
        assert (await client.scheduler.get(state_id=scout)).closing

        await schedules(page, client)
        assert at.seen.errors == []


async def schedules(page: Page, client: Client) -> None:
    """Make a schedule, look at it, and remove it."""
    await press(page, "Add a schedule")
    await fill(page, agent="guide", input="Tell me what is on", cron="every day", cronId="morning")
    await send(page)
    await refused(page, "cron")
    await expect(page.get_by_label("Task")).to_have_value("Tell me what is on")
    await fill(page, cron="0 8 * * 1-5", timezone="Europe/Berlin")
    await send(page)
    await is_over(page)
    await page.get_by_role("link", name="morning", exact=True).press("Enter")
    await shown(page, "Tell me what is on")
    (cron,) = (await client.scheduler.list_crons()).crons
    assert (cron.cron_id, cron.cron, cron.timezone) == ("morning", "0 8 * * 1-5", "Europe/Berlin")
    await press(page, "Remove")
    await send(page)
    await is_over(page)
    await shown(page, "Nothing begins by itself.")
    assert (await client.scheduler.list_crons()).crons == []


async def test_a_session_is_searched_forked_compared_gone_back_in_and_forgotten_by_keys_alone(tmp_path: Path):
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.page() as page, at.client() as client:
        first = await client.start_run("guide", "How long is the walk to the harbour?")
        await first.wait()
        await (await client.start_run("guide", "And to the castle?", session_id=first.session_id)).wait()
        await (await client.start_run("guide", "Which museum is open?")).wait()

        await show(page, "sessions")
        await expect(page.locator("tbody tr")).to_have_count(2)
        await page.keyboard.press("/")
        await page.keyboard.type("castle")
        await page.keyboard.press("Enter")
        await expect(page.locator("tbody tr")).to_have_count(1, timeout=PATIENCE)
        await shown(page, "And to the castle?")
        await page.reload()
        await expect(page.locator("tbody tr")).to_have_count(1, timeout=PATIENCE)
        await page.locator("tbody a").first.press("Enter")

        await expect(page.locator(".item")).to_have_count(12, timeout=PATIENCE)
        await page.locator(".item.agentMessage").nth(1).get_by_role("button", name="fork here").press("Enter")
        await page.wait_for_function(
            "first => location.hash.includes('sessions/') && !location.hash.endsWith(first)", arg=first.session_id
        )
        fork = page.url.rpartition("/")[2]
        assert (await client.session.get(session_id=fork)).forked_from == first.id
        await expect(page.locator(".item")).to_have_count(6, timeout=PATIENCE)
        await say(page, "Say something more", "Is there a boat?")
        await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=PATIENCE)

        await show(page, f"sessions/{fork}")
        await press(page, "Compare with another branch")
        await send(page)
        await expect(page.locator(".branches > div")).to_have_count(2, timeout=PATIENCE)
        sides = [await each.inner_text() for each in await page.locator(".branches > div").all()]
        assert [("boat" in side, "castle" in side) for side in sides] == [(True, False), (False, True)]

        await show(page, f"sessions/{first.session_id}")
        await page.locator(".item.agentMessage").nth(1).get_by_role("button", name="go back to here").press("Enter")
        await send(page)
        await expect(page.locator(".item")).to_have_count(6, timeout=PATIENCE)
        await press(page, "Delete")
        await send(page)
        await refused(page, "fork")
        await page.keyboard.press("Escape")
        await show(page, f"sessions/{fork}")
        await press(page, "Delete")
        await send(page)
        await is_over(page)
        assert fork not in [each.session_id for each in (await client.session.list()).sessions]
        assert at.seen.errors == []
