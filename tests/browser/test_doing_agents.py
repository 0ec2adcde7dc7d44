"""What is done with agents, skills and servers through the page, and with what is kept: the daemon has done it."""

from pathlib import Path

import pytest
from console_hands import fill, is_over, press, refused, say, send, shown, told
from console_stage import BUSY, SCRIPTS, desk, show
from playwright.async_api import expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

MODEL = """
[models.ready]
provider = "scripted"
id = "guide.json"
"""

SKILL = "---\nname: tides\ndescription: Knows the tides\n---\nAsk the harbour.\n"


async def test_an_agent_is_defined_tried_changed_and_removed_by_keys_alone(tmp_path: Path):
    async with desk(tmp_path / "home", BUSY + MODEL, SCRIPTS) as at, at.page("agents") as page, at.client() as client:
        await press(page, "Define an agent")
        await fill(page, agentId="no name", description="Knows boats", systemPrompt="Count boats.", tools="calculator")
        await send(page)
        await refused(page, "agentId")
        await expect(page.get_by_label("Instructions")).to_have_value("Count boats.")
        await fill(page, agentId="sailor", tools="calculater, current_time")
        await send(page)
        await refused(page, "calculater")
        await fill(page, tools="calculator, current_time")
        await send(page)
        await is_over(page)
        await expect(page.get_by_role("heading", name="sailor")).to_be_visible()
        sailor = await client.agent.get(agent_id="sailor")
        assert (sailor.source, sailor.system_prompt) == ("client", "Count boats.")
        assert sailor.tools == ["calculator", "current_time"]

        await press(page, "Edit")
        await expect(page.get_by_label("Tools", exact=True)).to_have_value("calculator, current_time")
        await fill(page, description="Counts boats", tools="calculator", model="ready")
        await send(page)
        await shown(page, "Counts boats")
        sailor = await client.agent.get(agent_id="sailor")
        assert (sailor.tools, sailor.model) == (["calculator"], "ready")

        await say(page, "Say something to sailor", "How long is the walk?")
        await page.wait_for_url("**/console#/runs/run_*")
        await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=60_000)
        await show(page, "agents/sailor")
        await press(page, "Remove")
        await expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
        await send(page)
        await is_over(page)
        await show(page, "agents/sailor")
        await shown(page, "There is no agent of this name.")
        await expect(page.locator("tbody tr")).to_have_count(1)
        assert "sailor" not in [each.agent_id for each in (await client.agent.list()).agents]
        assert at.seen.errors == []


async def test_skills_are_looked_for_again_servers_started_again_and_old_runs_forgotten(tmp_path: Path):
    home = tmp_path / "home"
    async with desk(home, BUSY, SCRIPTS) as at, at.page("skills") as page, at.client() as client:
        for name, text in {"tides": SKILL, "blank": "There is nothing before this.\n"}.items():
            (home / "skills" / name).mkdir(parents=True)
            (home / "skills" / name / "SKILL.md").write_text(text)
        await press(page, "Look again")
        await shown(page, "Knows the tides")
        await expect(page.get_by_role("table", name="Left out")).to_contain_text("blank/SKILL.md")

        await show(page, "mcp")
        await shown(page, "3 tools")
        (before,) = (await client.mcp.list()).servers
        await press(page, "Restart")
        await told(page, "library is ready.")
        (after,) = (await client.mcp.list()).servers
        assert before.pid != after.pid

        run = await (await client.start_run("guide", "How far?")).wait()
        await show(page, "settings")
        await press(page, "Forget old runs")
        await fill(page, keepDays="", keepRuns="")
        await send(page)
        await refused(page, "keepDays")
        await fill(page, keepDays="0")
        await send(page)
        await told(page, "Nothing is that old.")
        assert (await client.run.get(run_id=run.run_id)).status == "completed"
        await page.get_by_label("Name of a setting").fill("default_agent")
        await expect(page.get_by_role("table", name="Settings").locator("tbody tr")).to_have_count(1)
        assert page.url.endswith("settings?find=default_agent")
        assert at.seen.errors == []
