"""A real daemon with the console on, and a browser that has come in: what the tests of the page begin with."""

import json
import random
import socket
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from agiwo_client import Client, connect
from browser import chromium
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect
from terminal_lab import Home, home_at

Width = Literal[1400, 390]

WIDTHS: Final[tuple[Width, ...]] = (1400, 390)
"""A desk and a phone."""

_PATIENCE: Final = 60_000
"""Milliseconds after which something that should be seen is not."""

_HEIGHTS: Final = {1400: 900, 390: 844}


@dataclass
class Seen:
    """What the browser complained of, and where it asked for something."""

    errors: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])
    dialogs: list[str] = field(default_factory=list[str])


@dataclass
class Desk:
    """A browser at the console of a home."""

    home: Home
    browser: Browser
    seen: Seen = field(default_factory=Seen)

    def way_in(self) -> str:
        """An address that opens the console once."""
        return self.home.json("console")["url"]

    @cached_property
    def address(self) -> str:
        """Where the console is."""
        return self.home.json("console")["address"]

    def client(self) -> Client:
        """Another client of the daemon, which sees what has become of what was done in the page."""
        return connect(home=self.home.path, autostart=False, name="beside")

    @asynccontextmanager
    async def page(self, view: str = "", width: Width = 1400, *, dark: bool = False) -> AsyncGenerator[Page]:
        """A tab that shows this view, in a browser that has come in."""
        size: ViewportSize = {"width": width, "height": _HEIGHTS[width]}
        context = await self.browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", reduced_motion="reduce"
        )
        try:
            page = await self.entered(context)
            await show(page, view)
            yield page
        finally:
            await context.close()

    async def entered(self, context: BrowserContext) -> Page:
        """A new tab at the overview."""
        page = await context.new_page()
        page.set_default_timeout(_PATIENCE)
        page.on("pageerror", lambda error: self.seen.errors.append(str(error)))
        page.on("console", lambda said: self.seen.errors.append(said.text) if said.type == "error" else None)
        page.on("request", lambda request: self.seen.asked.append(request.url))
        page.on("dialog", lambda dialog: self.seen.dialogs.append(dialog.message))
        await page.goto(self.way_in())
        await page.wait_for_selector("#nav a")
        await page.wait_for_selector("h1")
        return page


async def show(page: Page, view: str) -> None:
    """Have the tab show a view, and wait until there is something to see of it."""
    await page.evaluate("view => { location.hash = `#/${view}`; }", view)
    await page.locator(f'main[data-view="#/{view}"] h1').wait_for()


@asynccontextmanager
async def desk(home: Path, config: str, scripts: Mapping[str, Sequence[Mapping[str, Any]]]) -> AsyncGenerator[Desk]:
    """A daemon with these settings, whose agents say what these scripts have, and a browser."""
    expect.set_options(timeout=_PATIENCE)
    with home_at(home, config) as place:
        for name, turns in scripts.items():
            (home / f"{name}.json").write_text(json.dumps({"turns": turns, "repeat": True}))
        _keep_console(home / "data")
        started = place.run("start")
        assert started.code == 0, started.err
        async with chromium() as browser:
            yield Desk(place, browser)


def _keep_console(data: Path) -> None:
    """Have the console where no other daemon looks for a place, so that none is there while this one is away."""
    data.mkdir(mode=0o700, exist_ok=True)
    (data / "console.json").write_text(json.dumps({"address": f"127.0.0.1:{_quiet_port()}"}))


def _quiet_port() -> int:
    """A free port below those that the system gives to whoever asks for any."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def _scripted(*turns: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return turns


AGENTS: Final = """
default_agent = "guide"

[agents.guide]
description = "Answers questions about the city, and calculates when it has to"
model = "scripted:guide.json"
tools = ["calculator", "current_time"]
system_prompt = "You know the city well. Calculate what has to be calculated."

[agents.careful]
description = "Asks somebody before it calculates"
model = "scripted:careful.json"
tools = ["calculator"]
approvals = [{ tool = "calculator", action = "ask" }]

[agents.leader]
description = "Gives parts of its work to others, and sleeps until they are done"
model = "scripted:leader.json"

[agents.scout]
description = "Looks for something, and waits until it is there"
model = "scripted:scout.json"

[agents.slow]
description = "Thinks out loud, word by word"
model = "scripted:slow.json"

[agents.broken]
description = "Its model is not there"
model = "deaf"

[models.deaf]
provider = "openai"
id = "any"
base_url = "http://127.0.0.1:9/v1"
retries = 0
"""
"""Agents of many kinds, whose models are scripted."""

_SAID: Final = {"inputTokens": 88, "outputTokens": 800}

SCRIPTS: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "guide": _scripted(
        {
            "reasoning": "The user wants to know how long the walk takes. Four kilometres at five an hour.",
            "text": "Let me work that out.",
            "toolCalls": [
                {"name": "calculator", "arguments": {"expression": "4 / 5 * 60"}},
                {"name": "calculator", "arguments": {"expression": "1 / 0"}},
            ],
            "usage": {"inputTokens": 412, "outputTokens": 61},
        },
        {
            "text": "The walk takes about 48 minutes. Along the river it is longer, and nicer.",
            "deltas": 6,
            "usage": {"inputTokens": 530, "outputTokens": 24},
        },
    ),
    "careful": _scripted(
        {
            "text": "I would calculate that.",
            "toolCalls": [{"name": "calculator", "arguments": {"expression": "6 * 7"}}],
        },
        {"text": "It is 42."},
    ),
    "leader": _scripted(
        {
            "toolCalls": [
                {"name": "spawn_agent", "arguments": {"agent": "scout", "task": "Find out when the boats leave"}},
                {"name": "spawn_agent", "arguments": {"agent": "scout", "task": "Find out what the tickets cost"}},
                {"name": "sleep_and_wait", "arguments": {"wake_type": "waitset"}},
            ]
        },
        {"text": "The boats leave every hour."},
    ),
    "scout": _scripted(
        {"toolCalls": [{"name": "sleep_and_wait", "arguments": {"wake_type": "timer", "delay_seconds": 86_400}}]},
        {"text": "Every hour."},
    ),
    "slow": _scripted(
        {"text": " ".join(f"word{number}" for number in range(400)), "deltas": 400, "delayMs": 40, "usage": _SAID}
    ),
}

_MCP: Final = f"""
[mcp.servers.library]
command = "{sys.executable}"
args = ["{Path(__file__).with_name("mcp_library_server.py")}"]
"""

BUSY: Final = AGENTS + _MCP
"""The same with a server of MCP."""


def fill_desk(home: Home) -> None:
    """Have a little of everything: answers, a failure, questions, a tree that sleeps, a schedule."""
    for question in ("How long is the walk to the harbour?", "And to the castle?"):
        assert home.run("ask", "--agent", "guide", question).code == 0
    assert home.run("ask", "--agent", "broken", "Are you there?").code != 0
    for _ in range(2):
        home.run("ask", "--agent", "careful", "What is six times seven?")
    assert home.run("schedule", "submit", "Plan a day on the river", "--agent", "leader").code == 0
    cron = ("schedule", "cron", "add", "0 8 * * 1-5", "Tell me what is on today", "--agent", "guide")
    added = home.run(*cron)
    assert added.code == 0, added.err


def views(at: Desk) -> Mapping[str, str]:
    """Each screen with something in it, by its name, where `fill_desk` has been."""
    runs: list[dict[str, Any]] = at.home.json("runs", "list")["runs"]
    of = {each["agentId"]: each for each in reversed(runs)}
    tree: list[dict[str, Any]] = at.home.json("schedule", "tree")["states"]
    (cron,) = at.home.json("schedule", "cron", "list")["crons"]
    guide, careful = of["guide"], of["careful"]
    return {
        "overview": "",
        "runs": "runs",
        "run": f"runs/{guide['runId']}",
        "approval": f"runs/{careful['runId']}",
        "approvals": "approvals",
        "scheduler": "scheduler",
        "state": f"scheduler/{tree[0]['stateId']}",
        "schedule": f"schedules/{cron['cronId']}",
        "sessions": "sessions",
        "session": f"sessions/{guide['sessionId']}",
        "agents": "agents",
        "agent": "agents/guide",
        "traces": "traces",
        "trace": f"traces/{guide['runId']}",
        "skills": "skills",
        "skill": "skills/review-diff",
        "mcp": "mcp",
        "usage": "usage?hours=1",
        "settings": "settings",
    }
