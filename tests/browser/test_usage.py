"""Usage over time: what the plots and the sums tell is what the daemon's runs have used, by whom it is asked for."""

from pathlib import Path

import pytest
from bulk_store import copy_run
from console_hands import PATIENCE
from console_stage import SCRIPTS as STAGE
from console_stage import desk, show
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

OLD = 610
"""Runs of forty days ago: more than one answer of the daemon holds."""

DAY = 86_400.0

CONFIG = """
[agents.brief]
model = "scripted:brief.json"

[agents.guide]
model = "city"

[models.city]
provider = "scripted"
id = "guide.json"
price = { input = 3, output = 15 }
"""


SCRIPTS = {"guide": STAGE["guide"], "brief": [{"text": "Far.", "usage": {"inputTokens": 20, "outputTokens": 1}}]}


async def sums(page: Page) -> dict[str, list[str]]:
    """The lines of the table of sums, by their first cell."""
    lines = await page.get_by_role("table", name="In sum").locator("tbody tr").all()
    cells = [await line.locator("td").all_inner_texts() for line in lines]
    return {name: told for name, *told in cells}


async def points(page: Page, plot: str, shape: str) -> list[str]:
    """What is under the pointer, in one of the plots, without when it was."""
    told = await page.locator("figure", has_text=plot).locator(f"{shape} title").all_text_contents()
    return [each.partition(" · ")[2] for each in told]


async def test_tokens_cost_and_latency_are_told_over_time_by_agent_and_by_model(tmp_path: Path):
    async with desk(tmp_path / "home", CONFIG, SCRIPTS) as at:
        async with at.client() as client:
            first = await (await client.start_run("guide", "How far?")).wait()
        assert at.home.run("stop").code == 0
        await copy_run(at.home.path, first.run_id, OLD + 1, ago=40 * DAY)
        assert at.home.run("start").code == 0
        async with at.client() as client:
            await (await client.start_run("brief", "How far?")).wait()
            brief, guide, *_ = (await client.run.list(limit=2)).runs
        mine, each = (run.usage.input_tokens + run.usage.output_tokens for run in (brief, guide))

        async with at.page("usage?hours=1200&by=agent") as page:
            await expect(page.get_by_text("Counted so far")).to_have_count(0, timeout=PATIENCE)
            told = await sums(page)
            assert told["brief"][:3] == ["1 run", "0", f"{mine:,}"]
            assert told["guide"][:3] == [f"{OLD + 1} runs", "0", f"{each * (OLD + 1) / 1000:.1f} k"]
            bars = await points(page, "tokens", "rect")
            assert sorted(bars) == sorted([f"brief: {mine:,}", f"guide: {each:,}", f"guide: {each * OLD / 1000:.1f} k"])
            assert [point.partition(":")[0] for point in await points(page, "latency", "circle")].count("guide") == 2

            cost = guide.usage.cost_usd
            assert cost
            assert told["guide"][3] == f"${cost * (OLD + 1):.2f}"
            assert sorted(await points(page, "cost", "rect")) == [f"guide: ${cost:.4f}", f"guide: ${cost * OLD:.2f}"]

            await show(page, "usage?hours=1&by=both")
            await expect(page.get_by_role("table", name="In sum").locator("tbody tr")).to_have_count(2)
            assert set(await sums(page)) == {"guide · city", "brief · brief.json"}
            await page.get_by_role("link", name="by model", exact=True).press("Enter")
            await expect(page.get_by_role("columnheader", name="model", exact=True)).to_be_visible(timeout=PATIENCE)
            assert set(await sums(page)) == {"city", "brief.json"}
        assert at.seen.errors == []
