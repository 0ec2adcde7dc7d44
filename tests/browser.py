"""Pages in a real browser: the machine's own Chromium, or else Debian's, unpacked without root. Never Playwright's."""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from debian import libraries, unpacked
from playwright.async_api import Browser, Page, async_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")

_PATIENCE = 180.0
"""Seconds that a browser may take for anything; it begins slowly on a busy machine."""


@asynccontextmanager
async def page_at(url: str, html: str | None = None) -> AsyncGenerator[Page]:
    """A page that has been loaded from there; with `html` it is that one, whoever serves all else there.

    Where there is no browser, the test is skipped.
    """
    async with chromium() as browser:
        page = await browser.new_page()
        page.set_default_timeout(_PATIENCE * 1000)
        if html is not None:
            await page.route(url, lambda route: route.fulfill(body=html, content_type="text/html"))
        await page.goto(url)
        yield page


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """The browser. Where there is none to be had, the test is skipped."""
    program, variables = _installed() or _unpacked()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox"],
            env={**os.environ, **variables},
            timeout=_PATIENCE * 1000,
        )
        try:
            yield browser
        finally:
            await browser.close()


def _installed() -> tuple[str, Mapping[str, str]] | None:
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    return (program, {}) if program else None


def _unpacked() -> tuple[str, Mapping[str, str]]:
    """Debian's, and what it needs to find its libraries and fonts where they were unpacked."""
    home = unpacked("chromium")
    fonts = home / "fonts.conf"
    fonts.write_text(f"<fontconfig><dir>{home}/usr/share/fonts</dir><dir>/usr/share/fonts</dir></fontconfig>")
    return str(home / "usr/lib/chromium/chromium"), {"LD_LIBRARY_PATH": libraries(home), "FONTCONFIG_FILE": str(fonts)}


@asynccontextmanager
async def serving_page(html: str, port: int = 0) -> AsyncGenerator[str]:
    """The port of a web server of somebody else's, which has one page, on every path; any port, or that one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = html.encode()
        fields = f"Content-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close"
        writer.write(f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    try:
        yield str(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()
