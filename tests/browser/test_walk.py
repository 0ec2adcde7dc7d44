"""A walk through all screens by keys alone: what is shown can be read, reached, pressed, followed and copied."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from console_stage import BUSY, SCRIPTS, WIDTHS, Desk, Width, desk, fill_desk, show, views
from playwright.async_api import Page

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(600)]

_FAULTS: Final = """
([ids, counted]) => {
  const faults = [];
  const main = document.querySelector("main");
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) faults.push(`wider than ${wide}`);
  const isHeld = ({ overflowX }) => ["auto", "scroll", "hidden"].includes(overflowX);
  const scrolls = (element) => element && (isHeld(getComputedStyle(element)) || scrolls(element.parentElement));
  for (const each of main.querySelectorAll("*")) {
    const { right, width } = each.getBoundingClientRect();
    if (width > 0 && right > wide + 1 && !scrolls(each)) faults.push(`cut off: ${each.outerHTML.slice(0, 120)}`);
  }
  for (const each of document.querySelectorAll("time")) {
    const isExact = Number.isFinite(Date.parse(each.dateTime)) && /\\d:\\d\\d:\\d\\d/.test(each.title);
    if (!isExact) faults.push(`no exact time: ${each.outerHTML}`);
  }
  const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    const isTime = /\\b\\d+ (s|min|h|d) ago\\b|\\bin \\d+ (s|min|h|d)\\b/.test(data);
    if (isTime && !parentElement.closest("time, .said")) faults.push(`a time without the exact one: ${data}`);
    const isNothing = /\\b(undefined|NaN|null)\\b|\\[object/.test(data);
    if (isNothing && !parentElement.closest("pre, code")) faults.push(`no words: ${data}`);
    const isId = ids.some((each) => data.includes(each));
    if (isId && !parentElement.closest("a, h1, pre, code, .said")) faults.push(`an id without a link: ${data}`);
  }
  for (const name of ["agent", "run", "session", "skill", "trace"]) {
    for (const each of main.querySelectorAll(`td[data-name=${name}]`)) {
      if (each.textContent && !each.querySelector("a[href]")) faults.push(`no link: ${each.outerHTML}`);
    }
  }
  for (const each of main.querySelectorAll("td, dd")) {
    const name = each.dataset.name ?? each.previousElementSibling?.textContent;
    const isBare = /^\\d[\\d,]*([.]\\d+)?$/.test(each.textContent);
    if (isBare && !counted.includes(name)) faults.push(`without a unit: ${name} ${each.textContent}`);
  }
  return faults;
}
"""

COUNTED: Final = [
    *("tokens", "tokens a second, made", "failed", "tasks that wait", "most steps"),
    *("runs", "records", "sessions", "scheduled agents", "blobs"),
    *("pid", "line", "protocol", "value"),
]
"""What is told as a bare number, since its name says what it counts; and settings, as they are written."""

_MISSED: Final = """
() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled && !each.wasReached)
  .map((each) => each.outerHTML.slice(0, 160))
"""

MOST: Final = 500
"""Things in a view that a key comes to: more are none that anybody would walk through."""

_POINTED: Final = """
() => [...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility() && (each.onclick || getComputedStyle(each).cursor === "pointer"))
  .filter((each) => !each.closest("a[href], button, input, select, textarea, summary, label, [tabindex='0']"))
  .map((each) => `no key comes to ${each.outerHTML.slice(0, 160)}`)
"""

_FOCUSED: Final = """
() => {
  const each = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(each);
  const { top, bottom, left, right } = each.getBoundingClientRect();
  const isInView = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
  const isTold = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
  each.wasReached = each !== document.body;
  return { isBody: each === document.body, isSeen: isTold && isInView, html: each.outerHTML.slice(0, 160) };
}
"""


def ids(at: Desk) -> Sequence[str]:
    """All ids that are worth a link."""
    runs: list[dict[str, Any]] = at.home.json("runs", "list")["runs"]
    states: list[dict[str, Any]] = at.home.json("schedule", "tree")["states"]
    return sorted({each[key] for each in (*runs, *states) for key in ("runId", "sessionId", "stateId") if key in each})


@pytest.mark.parametrize("width", WIDTHS)
async def test_all_that_is_shown_can_be_read_reached_and_copied(tmp_path: Path, width: Width):
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, at.page(width=width) as page:
        fill_desk(at.home)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        known, faults = ids(at), dict[str, Any]()
        for name, view in views(at).items():
            await show(page, view)
            found = [
                *await page.evaluate(_FAULTS, [known, COUNTED]),
                *await page.evaluate(_POINTED),
                *await faults_of_keys(page),
                *await faults_of_copy(page, view),
            ]
            faults |= {name: found} if found else {}
        assert not faults, json.dumps(faults, indent=1)
        assert at.seen.errors == []


async def faults_of_keys(page: Page) -> Sequence[str]:
    """What Tab does not come to, or comes to without a sign."""
    faults: list[str] = []
    for _ in range(3):  # what comes while one walks is walked to once more
        unseen = await walked(page)
        missed: list[str] = await page.evaluate(_MISSED)
        faults = [*(f"not reached: {html}" for html in missed), *(f"the focus is not seen: {html}" for html in unseen)]
        if not faults:
            break
    return faults


async def walked(page: Page) -> Sequence[str]:
    """Go with Tab from the beginning of the view to its end; where the focus is that nobody sees."""
    await page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    unseen: list[str] = []
    for _ in range(MOST):
        await page.keyboard.press("Tab")
        focused: Mapping[str, Any] = await page.evaluate(_FOCUSED)
        if focused["isBody"]:
            break
        unseen += [] if focused["isSeen"] else [focused["html"]]
    return unseen


async def faults_of_copy(page: Page, view: str) -> Sequence[str]:
    """Whether what is copied is what is shown: of one thing, that thing."""
    await page.get_by_role("button", name="Copy as JSON").press("Enter")
    await page.wait_for_function("() => document.getElementById('told').textContent === 'Copied.'")
    await page.evaluate("() => document.getElementById('told').replaceChildren()")
    copied = await page.evaluate("() => navigator.clipboard.readText()")
    thing = view.partition("?")[0].partition("/")[2]
    return [] if json.loads(copied) and thing in copied else [f"not what is shown: {copied[:200]}"]


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_daemon_that_has_nothing_yet_says_so_on_every_screen(tmp_path: Path, width: Width):
    config = '[agents.quick]\nmodel = "scripted:quick.json"\n'
    async with desk(tmp_path / "home", config, {}) as at, at.page(width=width) as page:
        faults: dict[str, Any] = {}
        for view in (*EMPTY, *GONE, *FULL):
            await show(page, view)
            found: list[str] = await page.evaluate(_FAULTS, [[], COUNTED])
            if view not in FULL and not await page.locator("main :is(.empty, .failure)").count():
                found.append("it does not say that there is nothing")
            faults |= {view: found} if found else {}
        assert not faults, json.dumps(faults, indent=1)


EMPTY: Final = ("", "runs", "approvals", "scheduler", "sessions", "traces", "mcp", "usage")
"""Screens of which a daemon has nothing at first."""

GONE: Final = (
    *(f"{screen}/none" for screen in ("runs", "agents", "sessions", "traces", "skills", "scheduler", "schedules")),
    "settings?find=nothing-is-called-so",
)
"""Views of what is not there."""

FULL: Final = ("agents", "agents/quick", "skills", "settings")
"""Where there is something from the first moment on."""
