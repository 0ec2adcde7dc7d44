"""A page of another origin in a browser that has come in: it reads nothing of the console, and changes nothing."""

from pathlib import Path

import pytest
from browser import serving_page
from console_stage import BUSY, SCRIPTS, desk

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(240)]

_TRIES = """
async ({ console: url, start }) => {
  const json = { "Content-Type": "application/json", "Console-Tab": "any" };
  const sent = { method: "POST", credentials: "include", body: start };
  const tries = {
    page: () => fetch(url, { credentials: "include" }),
    file: () => fetch(`${url}/static/app.js`, { credentials: "include" }),
    stream: () => fetch(`${url}/events`, { credentials: "include" }),
    call: () => fetch(`${url}/call`, { ...sent, headers: json }),
    "plain call": () => fetch(`${url}/call`, sent),
    module: () => import(`${url}/static/core/link.js`).then(() => ({ text: () => "loaded" })),
    "event source": () => new Promise((done, failed) => {
      const source = new EventSource(`${url}/events`, { withCredentials: true });
      source.onopen = () => done({ text: () => "opened" });
      source.onerror = () => { source.close(); failed("refused"); };
    }),
    frame: () => new Promise((done, failed) => {
      const frame = document.createElement("iframe");
      frame.src = url;
      frame.onload = () => { try { done({ text: () => frame.contentDocument.body.innerText }); } catch { failed(); } };
      document.body.append(frame);
    }),
  };
  const read = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try { read[name] = (await (await attempt()).text()) || null; } catch { read[name] = null; }
  }
  await fetch(`${url}/call`, { ...sent, mode: "no-cors" }).catch(() => null);
  navigator.sendBeacon(`${url}/call`, start);
  return read;
}
"""

START = '{"jsonrpc":"2.0","id":1,"method":"run/start","params":{"agent":"guide","input":"hi"}}'


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_page_of_another_origin_gets_nothing_though_the_browser_is_in(tmp_path: Path, host: str):
    """Also one of the same machine on another port, to which the browser would send the cookie along."""
    async with desk(tmp_path / "home", BUSY, SCRIPTS) as at, serving_page("<!doctype html><body>Nice here.") as port:
        context = await at.browser.new_context()
        await at.entered(context)
        stranger = await context.new_page()
        await stranger.goto(f"http://{host}:{port}/")
        read: dict[str, str | None] = await stranger.evaluate(_TRIES, {"console": at.address, "start": START})
        assert {name: text for name, text in read.items() if text is not None} == {}
        assert len(read) == 8
        assert at.home.json("runs", "list")["runs"] == []
        await context.close()
