"""Text full of markup and scripts, wherever text can come from: the page shows it as text, and does nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from console_stage import desk, show
from playwright.async_api import Page

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

ELSEWHERE = "http://elsewhere.example"

CORPUS: Sequence[str] = (
    "<script>globalThis.pwned = 1; alert(1)</script>",
    f"<img src='{ELSEWHERE}/x' onerror='globalThis.pwned = 1; alert(1)'>",
    "<svg onload=globalThis.pwned=1><animate onbegin=alert(1) attributeName=x dur=1s></svg>",
    f"<iframe srcdoc='<script>parent.pwned = 1</script>' src='{ELSEWHERE}'></iframe>",
    "<a href='javascript:globalThis.pwned=1'>press here</a>",
    f"[press](javascript:alert(1)) ![x]({ELSEWHERE}/y.png) {ELSEWHERE}/z",
    "<style>@import '//elsewhere.example/s.css'; body { display: none }</style>",
    f"<link rel=stylesheet href={ELSEWHERE}/s.css><meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    f"<form action={ELSEWHERE}><button autofocus onfocus=alert(1)>x</button></form><base href={ELSEWHERE}/>",
    "</pre></textarea></title></style></script><script>globalThis.pwned=1</script>",
    "'\"><input autofocus onfocus=globalThis.pwned=1>{{7*7}}${7*7}<%= 7*7 %>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "\u202eevil\u202c \U0001f600 &lt;b&gt; &#60;script&#62;",
)

ALL = "\n".join(CORPUS)

CONFIG = """
[agents.wild]
description = "{all}"
model = "scripted:wild.json"
system_prompt = "{all}"
tools = ["calculator"]
approvals = [{{ tool = "calculator", action = "ask", reason = "{all}" }}]

[agents.broken]
model = "deaf"
[models.deaf]
provider = "openai"
id = "<img src=x onerror=alert(1)>"
base_url = "http://127.0.0.1:9/v1"
retries = 0
"""

SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "wild": [
        {
            "reasoning": ALL,
            "text": ALL,
            "toolCalls": [
                {"name": "calculator", "arguments": {"expression": ALL}},
                {"name": "<img src=x onerror=alert(1)>", "arguments": {ALL: ALL}},
            ],
        },
        {"text": ALL},
    ],
}

_FOUND = """
() => {
  const made = ["script", "iframe", "img", "style", "link", "meta", "base", "math", "object", "embed"];
  const elements = [...document.querySelectorAll("main *, dialog *")];
  const attributes = elements.flatMap((each) => [...each.attributes]).map((each) => each.name);
  const schemes = [...document.querySelectorAll("a[href]")].map((each) => each.protocol);
  return [
    ...(globalThis.pwned ? ["a script of theirs ran"] : []),
    ...elements.filter((each) => made.includes(each.localName)).map((each) => each.outerHTML),
    ...schemes.filter((each) => !["http:", "https:", "mailto:"].includes(each)),
    ...attributes.filter((each) => each.startsWith("on")),
  ];
}
"""


def quoted(text: str) -> str:
    """As a string of TOML has it."""
    return "".join(f"\\u{ord(each):04x}" if ord(each) < 32 or each in '\\"' else each for each in text)


async def test_text_of_strangers_is_shown_as_text_on_every_screen(tmp_path: Path):
    skill = tmp_path / "home" / "skills" / "odd"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(f"---\nname: odd\ndescription: {'<img src=x onerror=alert(1)>'!r}\n---\n{ALL}")
    async with desk(tmp_path / "home", CONFIG.format(all=quoted(ALL)), SCRIPTS) as at:
        odd = "<img src=x onerror=alert(1)>/?#%2f&"
        at.home.run("ask", "--agent", "wild", "--session", odd, ALL)
        at.home.run("ask", "--agent", "broken", "Hello?")
        assert at.home.run("schedule", "submit", "--agent", "wild", "--id", odd, ALL).code == 0
        runs: list[dict[str, Any]] = at.home.json("runs", "list")["runs"]
        wild = next(each for each in runs if each["agentId"] == "wild")
        async with at.page() as page:
            await page.evaluate("() => { globalThis.pwned = undefined; }")
            views = ["", "runs", "approvals", "scheduler", "sessions", "agents", "agents/wild", "traces", "skills"]
            views += [f"runs/{each['runId']}" for each in runs] + [
                f"traces/{wild['runId']}",
                "settings",
                "mcp",
                "usage",
            ]
            views += [await page.evaluate("id => `scheduler/${encodeURIComponent(id)}`", odd)]
            views += [await page.evaluate("id => `sessions/${encodeURIComponent(id)}`", odd)]
            for view in [*views, "skills/odd"]:
                await show(page, view)
                await unfold(page)
                assert (view, await page.evaluate(_FOUND)) == (view, [])
            await show(page, f"runs/{wild['runId']}")
            said = await page.locator(".item.agentMessage .said").first.inner_text()
            for each in CORPUS[:-1]:
                assert each in said
        assert at.seen.dialogs == []
        assert at.seen.errors == []
        assert [url for url in at.seen.asked if not url.startswith(at.address)] == []


async def unfold(page: Page) -> None:
    """Open what is folded, and rest the pointer where it would show something."""
    await page.evaluate("() => { for (const each of document.querySelectorAll('details')) each.open = true; }")
    for span in await page.locator(".span").all():
        await span.click()
