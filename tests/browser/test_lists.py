"""Lists that are long, that shrink, and that change while somebody types: in the page, and as a client sees them."""

from pathlib import Path

import pytest
from agiwo_client import Client
from bulk_store import AGENT, fill, stored
from console_hands import PATIENCE, press, send, told
from console_hands import fill as fill_in
from console_stage import AGENTS, SCRIPTS, desk, show
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

RUNS = 121
"""The first of them is of today, all others are old."""

DAY = 86_400.0

BRIEF = f'[agents.{AGENT}]\nmodel = "scripted:{AGENT}.json"\n'


async def rows(page: Page) -> list[str]:
    """The addresses of what stands first in each line of the list."""
    return await page.locator("tbody tr").evaluate_all("rows => rows.map(each => each.querySelector('a').hash)")


async def turn(page: Page, name: str) -> list[str]:
    """Go to another page of the list by its link; what is there."""
    before = await rows(page)
    await page.get_by_role("link", name=name, exact=True).press("Enter")
    await page.wait_for_function(
        "before => { const now = document.querySelector('main tbody a'); return now && now.hash !== before; }",
        arg=before[0],
    )
    return await rows(page)


async def test_a_long_list_is_read_page_by_page_and_each_page_has_an_address_to_share(tmp_path: Path):
    (home := tmp_path / "home").mkdir()
    await fill(home, RUNS, ago=40 * DAY)
    async with desk(home, BRIEF, {}) as at, at.page("runs") as page, at.client() as client:
        known = [f"#/runs/{each.run_id}" for each in (await client.run.list(limit=RUNS)).runs]
        first = await rows(page)
        second = await turn(page, "Older ones")
        shared = page.url
        assert "from=" in shared
        third = await turn(page, "Older ones")
        assert (first + second + third, [len(first), len(second), len(third)]) == (known, [50, 50, 21])
        await expect(page.get_by_role("link", name="Older ones")).to_have_count(0)

        # Who is given the address sees the same, also when there is more by now.
        await (await client.start_run(AGENT, "go")).wait()
        async with at.page(shared.partition("#/")[2]) as other:
            assert await rows(other) == second
        await page.go_back()
        await page.wait_for_function("first => document.querySelector('main tbody a')?.hash === first", arg=second[0])
        newest = await turn(page, "To the newest")
        assert (newest[1:], "from=" in page.url) == (first[:-1], False)
        assert at.seen.errors == []


async def test_old_runs_are_forgotten_through_the_page_and_a_client_finds_them_no_more(tmp_path: Path):
    (home := tmp_path / "home").mkdir()
    await fill(home, RUNS, ago=40 * DAY)
    async with desk(home, BRIEF, {}) as at, at.page("settings") as page, at.client() as client:
        assert (await client.storage.get()).runs == {"completed": RUNS}
        assert (await client.run.get(run_id=stored(7))).status == "completed"
        await press(page, "Forget old runs")
        await fill_in(page, keepDays="30", keepRuns="")
        await send(page)
        await expect(page.get_by_role("dialog")).to_contain_text(f"Forget {RUNS - 1} runs in {RUNS - 1} sessions?")
        await page.keyboard.press("Escape")
        assert (await client.storage.get()).runs == {"completed": RUNS}

        await press(page, "Forget old runs")
        await send(page)
        await expect(page.get_by_role("dialog")).to_contain_text("Nobody can have them back.")
        await send(page)
        await told(page, f"{RUNS - 1} runs forgotten.")
        kept = await client.storage.get()
        assert (kept.runs, kept.sessions) == ({"completed": 1}, 1)
        assert stored(7) not in [each.run_id for each in (await client.run.list(limit=RUNS)).runs]
        await expect(page.locator(".figure", has_text="sessions").locator("dd")).to_have_text("1")
        await show(page, "runs")
        await expect(page.locator("tbody tr")).to_have_count(1)
        assert at.seen.errors == []


async def test_what_a_schedule_began_is_looked_for_page_by_page_among_many_tasks_of_its_agent(tmp_path: Path):
    async with desk(tmp_path / "home", AGENTS, SCRIPTS) as at, at.client() as client:
        await client.scheduler.add_cron(agent="guide", input="Happy new year", cron="0 0 1 1 *", cron_id="newyear")
        async with at.page("schedules/newyear") as page:
            await expect(page.get_by_text("It has begun nothing yet.")).to_be_visible()
            for number in range(101):
                await client.scheduler.submit(agent="guide", input=f"Task {number}")
            await expect(page.get_by_text("Nothing on this page is of it.")).to_be_visible(timeout=PATIENCE)
            await page.get_by_role("link", name="Older ones").press("Enter")
            await expect(page.get_by_role("link", name="To the newest")).to_be_visible(timeout=PATIENCE)
            await expect(page.get_by_role("link", name="Older ones")).to_have_count(0)
            await page.reload()
            await expect(page.get_by_text("Nothing on this page is of it.")).to_be_visible(timeout=PATIENCE)
        assert at.seen.errors == []


TYPED = {
    "": None,
    "runs": None,
    "traces": None,
    "sessions": "Words that were said",
    "agents/guide": "Say something to guide",
    "approvals": "Reason, told to the model when you deny",
}
"""Views whose lists grow, with the field in which somebody types meanwhile; without one it is a link that is held."""


async def test_what_is_typed_and_where_one_is_stay_while_lists_change(tmp_path: Path):
    async with desk(tmp_path / "home", AGENTS, SCRIPTS) as at, at.page() as page, at.client() as client:
        await (await client.start_run("guide", "How far?")).wait()
        await begin(client, "careful")
        for view, label in TYPED.items():
            await show(page, view)
            field = page.get_by_label(label, exact=True).first if label else page.locator("tbody a").first
            held = await field.element_handle()
            await field.focus()
            if label:
                await page.keyboard.type("half a sentence")
                await page.keyboard.press("Home")
            before = await page.locator(SOME).count()
            for agent in ("careful", "guide", "careful"):
                await begin(client, agent)
            await page.wait_for_function(_MORE, arg=[SOME, before])
            assert await page.evaluate("held => held === document.activeElement", held), view
            if label:
                await page.keyboard.type("one ")
                assert await field.input_value() == "one half a sentence", view
        assert at.seen.errors == []


SOME = "main tbody tr, main .asked"

_MORE = "([some, before]) => document.querySelectorAll(some).length > before"


async def begin(client: Client, agent: str) -> None:
    """Have a run that is over, or that waits for an answer."""
    run = await client.start_run(agent, "What is six times seven?")
    if agent == "guide":
        await run.wait()


async def test_a_form_and_the_tree_behind_it_live_side_by_side(tmp_path: Path):
    async with desk(tmp_path / "home", AGENTS, SCRIPTS) as at, at.page("scheduler") as page, at.client() as client:
        await press(page, "Submit a task")
        await page.locator("dialog [name=agent]").select_option("scout")
        await page.get_by_label("Task", exact=True).fill("Watch the har")
        await grow(client, page)
        await expect(page.get_by_label("Task", exact=True)).to_be_focused()
        await page.keyboard.type("bour")
        await expect(page.locator("dialog [name=agent]")).to_have_value("scout")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Submit a task")).to_be_focused()

        held = await page.get_by_role("button", name="Those below it").first.element_handle()
        assert held
        await held.focus()
        await grow(client, page)
        assert await page.evaluate("held => held === document.activeElement", held)
        assert at.seen.errors == []


async def grow(client: Client, page: Page) -> None:
    """Have one more tree of three agents, and wait until the page shows it."""
    tree = page.get_by_role("table", name="Scheduled agents").locator("tbody tr")
    before = await tree.count()
    await client.scheduler.submit(agent="leader", input="Plan a day")
    await expect(tree).to_have_count(before + 3, timeout=PATIENCE)
