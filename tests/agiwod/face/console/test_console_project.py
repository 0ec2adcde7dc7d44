"""A tab of the console that works in a project: it has what every other client has there, and no more."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from agiwo_protocol.paths import locate
from agiwod.runtime.daemon import Daemon
from agiwod.settings import read_project
from agiwod.trust import TrustBook
from console_lab import Browser, browsing
from http_lab import on_the_web
from project_lab import daemon_of, furnish

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project, beside a home called `home`."""
    project = tmp_path / "häuser & co"
    furnish(tmp_path / "home", project)
    return project


def book_of(root: Path) -> TrustBook:
    return TrustBook(locate(root.with_name("home")))


@asynccontextmanager
async def at(root: Path) -> AsyncGenerator[tuple[Daemon, Browser]]:
    async with daemon_of(root.with_name("home")) as daemon, on_the_web(daemon) as web, browsing(daemon, web) as browser:
        yield daemon, browser


async def agents(browser: Browser, tab: str) -> dict[str, str]:
    return {each["agentId"]: each["source"] for each in (await browser.call(tab, "agent/list"))["agents"]}


def named(place: Path | str) -> dict[str, Any]:
    return {"Console-Project": quote(str(place))}


async def test_a_tab_in_a_trusted_project_has_its_agents_beside_everybodys(root: Path) -> None:
    book_of(root).trust(read_project(root))
    async with (
        at(root) as (_, browser),
        browser.stream(**named(root / "src")) as inside,
        browser.stream() as outside,
    ):
        assert inside.hello["server"]["workspace"] == {"root": str(root), "trusted": True}
        assert await agents(browser, inside.tab) == {"usual": "config", "local": "project"}
        assert await agents(browser, outside.tab) == {"usual": "config"}
        run = await browser.call(inside.tab, "run/start", agent="local", input="hi")
        await inside.until("run/completed")
        assert (await browser.call(outside.tab, "run/get", runId=run["runId"]))["status"] == "completed"
        refused = await browser.post(outside.tab, "run/start", {"agent": "local", "input": "hi"})
        assert refused.json()["error"]["data"]["kind"] == "not_found"


async def test_a_tab_that_moves_into_a_project_follows_its_runs_on(root: Path) -> None:
    book_of(root).trust(read_project(root))
    async with at(root) as (daemon, browser), browser.stream() as outside:
        run = (await browser.call(outside.tab, "run/start", agent="usual", input="hi"))["runId"]
        await outside.until("run/queued")
        async with browser.stream(outside.place, **named(root)) as inside:
            if outside.seqs(run)[-1] < (await daemon.engine.head(run)).head:
                await inside.until("run/completed")
            assert inside.hello["isResumed"]
            assert await agents(browser, inside.tab) == {"usual": "config", "local": "project"}


async def test_a_tab_in_what_is_no_trusted_project_has_everybodys_agents_and_is_told_why(root: Path) -> None:
    async with at(root) as (_, browser):
        async with browser.stream(**named(root)) as tab:
            told = tab.hello["server"]["workspace"]
            assert (told["root"], told["trusted"], "agiwod trust" in told["notice"]) == (str(root), False, True)
            assert await agents(browser, tab.tab) == {"usual": "config"}
        for place in (root.with_name("none"), "not/absolute", "\0", "%"):
            async with browser.stream(**named(place)) as tab:
                assert "workspace" not in tab.hello["server"]
                assert await agents(browser, tab.tab) == {"usual": "config"}
        answer = await browser.client.get("/console/events", headers=named("/" + "x" * 4096))
        assert (answer.status_code, answer.json()["error"]["kind"]) == (400, "invalid_request")
