"""Agents of projects in the page: those that the user trusts are offered, all others are refused in words."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from console_hands import PATIENCE, say, shown
from console_stage import AGENTS, SCRIPTS, desk, show
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

_DOCK = """
[agents.sailor]
description = "Knows the boats of this project"
model = "scripted:sailor.json"
skills = ["*"]
"""

_SKILL = "---\nname: tides\ndescription: Knows the tides\n---\nAsk the harbour.\n"


def build(root: Path, settings: str) -> Path:
    """A project with an agent and a skill."""
    (root / ".agents" / "skills" / "tides").mkdir(parents=True)
    (root / ".agents" / "skills" / "tides" / "SKILL.md").write_text(_SKILL)
    (root / "sailor.json").write_text('{"turns": [{"text": "At noon."}], "repeat": true}')
    (root / ".agiwod.toml").write_text(settings)
    return root


def of(root: Path) -> Mapping[str, str]:
    return {"agents": f"agents?project={quote(str(root), safe='')}"}


async def names(page: Page, table: str = "Agents") -> list[str]:
    rows = page.get_by_role("table", name=table).locator("tbody tr")
    return [(await row.locator("a").first.inner_text()) for row in await rows.all()]


async def test_trusted_projects_are_offered_and_their_agents_talked_to_by_keys_alone(tmp_path: Path):
    dock = build(tmp_path / "dock & quay", _DOCK)
    async with desk(tmp_path / "home", AGENTS, SCRIPTS) as at:
        assert at.home.run("trust", str(dock), "--yes").code == 0
        async with at.page("agents") as page, at.client() as client:
            assert "sailor" not in await names(page)
            await page.get_by_role("link", name="dock & quay").press("Enter")
            await expect(page.get_by_role("link", name="sailor")).to_be_visible(timeout=PATIENCE)
            assert {"sailor", "guide"} <= set(await names(page))
            await page.reload()
            await expect(page.get_by_role("link", name="sailor")).to_be_visible(timeout=PATIENCE)
            await expect(page.get_by_role("link", name="dock & quay")).to_have_attribute("aria-current", "true")

            await page.get_by_role("link", name="sailor").press("Enter")
            await shown(page, "Knows the boats of this project")
            await say(page, "Say something to sailor", "When do the boats leave?")
            await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=PATIENCE)
            await say(page, "Say something more in this session", "And tomorrow?")
            (second, first) = await two_runs(page)
            assert [(await client.run.get(run_id=each)).response for each in (first, second)] == ["At noon."] * 2

            await show(page, of(dock)["agents"].replace("agents", "skills", 1))
            await expect(page.get_by_role("link", name="tides")).to_be_visible(timeout=PATIENCE)
            await page.get_by_role("link", name="everybody's").press("Enter")
            await expect(page.get_by_role("link", name="tides")).to_have_count(0, timeout=PATIENCE)
        assert at.seen.errors == []


async def two_runs(page: Page) -> tuple[str, str]:
    """The run that the page comes to behind the one that it shows, and that one."""
    first = page.url.rpartition("/")[2].partition("?")[0]
    await page.wait_for_function("first => !location.hash.includes(first)", arg=first)
    await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=PATIENCE)
    return page.url.rpartition("/")[2].partition("?")[0], first


async def test_a_project_that_is_not_trusted_or_not_there_is_refused_in_words_until_it_is(tmp_path: Path):
    dock = build(tmp_path / "dock", _DOCK)
    async with desk(tmp_path / "home", AGENTS, SCRIPTS) as at, at.page(of(dock)["agents"]) as page:
        await expect(page.get_by_role("alert")).to_contain_text(f"agiwod trust {shlex.quote(str(dock))}")
        await expect(page.get_by_role("table")).to_have_count(0)
        assert at.home.run("trust", str(dock), "--yes").code == 0
        await page.get_by_role("button", name="Look again").press("Enter")
        await expect(page.get_by_role("link", name="sailor")).to_be_visible(timeout=PATIENCE)

        for place in (str(tmp_path / "none"), "x" * 5000):
            await show(page, f"agents?project={quote(place, safe='')}")
            await expect(page.get_by_role("alert")).to_contain_text("There is no project at")
        await page.get_by_role("link", name="What everybody has").press("Enter")
        await expect(page.get_by_role("link", name="guide")).to_be_visible(timeout=PATIENCE)

        (dock / ".agiwod.toml").write_text(_DOCK.replace("[agents.sailor]", "[agents.other]"))
        await show(page, of(dock)["agents"])
        await expect(page.get_by_role("alert")).to_contain_text("wants something else than when it was trusted")
        assert at.seen.errors == []


_WATCH = """
() => {
  globalThis.told = [];
  new MutationObserver(() => banner.hidden || told.push(banner.textContent)).observe(banner, { attributes: true });
}
"""

_HASTEN = """
async (views) => {
  for (const view of views) {
    location.hash = `#/${view}`;
    await new Promise((done) => setTimeout(done, 20));
  }
}
"""


async def test_who_hastens_from_project_to_project_comes_to_the_last_one_and_is_told_of_no_trouble(tmp_path: Path):
    docks = [build(tmp_path / name, _DOCK.replace("sailor]", f"{name}]")) for name in ("north", "south")]
    async with desk(tmp_path / "home", AGENTS, SCRIPTS) as at, at.page("agents") as page:
        for dock in docks:
            assert at.home.run("trust", str(dock), "--yes").code == 0
        await page.evaluate(_WATCH)
        await page.evaluate(_HASTEN, [*(of(dock)["agents"] for dock in docks * 5), "agents", of(docks[0])["agents"]])
        await expect(page.get_by_role("link", name="north", exact=True)).to_have_count(2)
        assert {"north", "south"} & set(await names(page)) == {"north"}
        assert await page.evaluate("() => told") == []
        assert [each for each in at.seen.errors if "409" not in each] == []
