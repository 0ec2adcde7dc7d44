"""A real daemon with the console on, and a browser that has come in: what the tests of the page begin with."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from browser import chromium
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize
from terminal_lab import Home, home_at

Width = Literal[1400, 390]

WIDTHS: Final[tuple[Width, ...]] = (1400, 390)
"""A desk and a phone."""

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

    @property
    def address(self) -> str:
        """Where the console is."""
        return self.home.json("console")["address"]

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
        page.set_default_timeout(60_000)
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
    with home_at(home, config) as place:
        for name, turns in scripts.items():
            (home / f"{name}.json").write_text(json.dumps({"turns": turns, "repeat": True}))
        started = place.run("start")
        assert started.code == 0, started.err
        async with chromium() as browser:
            yield Desk(place, browser)
