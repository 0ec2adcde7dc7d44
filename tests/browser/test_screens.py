"""Every screen at a desk and at a phone: it shows what there is, asks nobody else, and puts nobody off.

With `AGIWOD_PICTURES` in the environment the pictures of the guide are made anew.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from console_stage import BUSY, SCRIPTS, WIDTHS, desk, fill_desk, show, views
from node_tools import INSTALLING, node_tools
from playwright.async_api import Page

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(INSTALLING + 300)]

ROOT = Path(__file__).parents[2]

_FAULTS = """
async () => (await globalThis.axe.run(document, { resultTypes: ["violations"] })).violations
  .filter(each => ["serious", "critical"].includes(each.impact))
  .map(each => `${each.id}: ${each.nodes.slice(0, 3).map(node => node.target + " " + node.failureSummary).join("; ")}`)
"""

PICTURES = ROOT / "docs" / "guides" / "console"
"""Light at a desk and dark at a phone."""

_NAME_PLACES = """
(places) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    text.data = places.reduce((data, [place, name]) => data.replaceAll(place, name), text.data);
  }
}
"""

_TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def test_every_screen_shows_what_there_is_at_a_desk_and_at_a_phone(tmp_path: Path):
    folder = PICTURES if os.environ.get("AGIWOD_PICTURES") else tmp_path
    axe = (node_tools("axe-1", "axe-core@4.14.1").home / "node_modules" / "axe-core" / "axe.min.js").read_text()
    faults: dict[str, Any] = {}
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.client() as client:
        fill_desk(at.home)
        shown = views(at)
        for width in WIDTHS:
            for dark in (False, True):
                await client.start_run("slow", "Tell me all that there is to see along the river")
                async with at.page(width=width, dark=dark) as page:
                    await page.evaluate(axe)
                    for name, view in shown.items():
                        await show(page, view)
                        found: list[str] = await page.evaluate(_FAULTS)
                        faults |= {f"{name} at {width}{' dark' if dark else ''}": found} if found else {}
                        assert not await page.evaluate(_TOO_WIDE), f"{name} is too wide at {width}"
                        if name == "approval":
                            await page.locator(".question").evaluate("each => each.scrollIntoView({ block: 'end' })")
                        if dark == (width == 390):
                            await picture(page, at.home.path, folder / f"{name}-{width}.png")
        assert not faults, json.dumps(faults, indent=1)
        assert at.seen.errors == []
        assert at.seen.dialogs == []
        assert {url.split("/console")[0] for url in at.seen.asked} == {at.address.removesuffix("/console")}


async def picture(page: Page, home: Path, file: Path) -> None:
    """What can be seen, when it stands still; directories of this machine are called what users call theirs."""
    await page.evaluate(_NAME_PLACES, [[str(home), "~/agiwod"], [str(ROOT), "~/src/agiwod"]])
    assert len(await page.screenshot(path=file, animations="disabled")) > 5000


async def test_each_screen_says_honestly_that_there_is_nothing(tmp_path: Path):
    config = '[agents.quick]\nmodel = "scripted:quick.json"\n'
    async with desk(tmp_path / "home", config, {}) as at, at.page() as page:
        for view in ("", "runs", "approvals", "scheduler", "sessions", "traces", "mcp", "usage"):
            await show(page, view)
            assert await page.locator(".empty").count() > 0, view
        assert at.seen.errors == []
        await show(page, "runs/none")
        assert "no run" in (await page.locator("main").inner_text())
        await show(page, "no/such/view")
        assert "no such view" in (await page.locator("main").inner_text())
