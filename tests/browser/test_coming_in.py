"""How a browser comes in to the console, and what one sees that does not."""

from pathlib import Path

import pytest
from console_stage import desk
from playwright.async_api import expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(240)]

CONFIG = '[agents.quick]\nmodel = "scripted:quick.json"\n'


async def test_the_address_that_the_command_prints_opens_the_console_once_and_the_browser_stays_in(tmp_path: Path):
    async with desk(tmp_path / "home", CONFIG, {}) as at:
        async with at.page() as page:
            await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            assert page.url.endswith("/console#/")
            await page.reload()
            await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            assert at.seen.errors == []
            assert {url.split("/console")[0] for url in at.seen.asked} == {at.address.removesuffix("/console")}
        other = await at.browser.new_page()
        await other.goto(at.address)
        await expect(other.get_by_role("heading")).to_contain_text("has not come in")
        await other.close()
        assert at.home.run("console", "--off").code == 0
