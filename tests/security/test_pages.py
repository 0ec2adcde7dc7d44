"""A page of somebody else, in a real browser: whatever it tries, it reads nothing of the daemon and changes nothing."""

import pytest
from agiwod.face.door import Door
from agiwod.face.lock import Lock
from browser import page_at, serving_page
from daemon_lab import running
from figures import Figures
from http_lab import TOKEN, on_the_web
from transport_lab import serving_tcp

pytestmark = [pytest.mark.anyio, pytest.mark.security]

CALL = (
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"input":"hi"},'
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
)
START = '{"jsonrpc":"2.0","id":1,"method":"run/start","params":{"input":"hi"}}\n'

TRIES = """
async ({ url, tcp, token, call, start }) => {
  const json = { "Content-Type": "application/json", "Accept": "application/json, text/event-stream" };
  const guessed = { ...json, "Authorization": "Bearer guessed", "Mcp-Method": "tools/call", "Mcp-Name": "echo" };
  const known = { ...guessed, "Authorization": `Bearer ${token}` };
  const tries = {
    "read health": () => fetch(`${url}/healthz`),
    "read numbers": () => fetch(`${url}/metrics`, { headers: { "Authorization": `Bearer ${token}` } }),
    "read with cookies": () => fetch(`${url}/metrics`, { credentials: "include" }),
    "post a form": () => fetch(`${url}/mcp`, { method: "POST", body: new URLSearchParams({ call }) }),
    "post plain text": () => fetch(`${url}/mcp`, { method: "POST", body: call }),
    "post json": () => fetch(`${url}/mcp`, { method: "POST", headers: json, body: call }),
    "post with a token that is guessed": () => fetch(`${url}/mcp`, { method: "POST", headers: guessed, body: call }),
    "post with the token": () => fetch(`${url}/mcp`, { method: "POST", headers: known, body: call }),
    "delete": () => fetch(`${url}/mcp`, { method: "DELETE", headers: known }),
    "post to the protocol": () => fetch(`${tcp}/`, { method: "POST", body: start }),
    "read a stream": () => new Promise((done, failed) => {
      const source = new EventSource(`${url}/mcp`);
      source.onopen = () => done({ text: () => "opened" });
      source.onerror = () => { source.close(); failed("refused"); };
    }),
    "open a socket": () => new Promise((done, failed) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/mcp`);
      socket.onopen = () => done({ text: () => "opened" });
      socket.onerror = () => failed("refused");
    }),
    "load a script": () => new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = `${url}/metrics`;
      script.onload = () => done({ text: () => "loaded" });
      script.onerror = () => failed("refused");
      document.head.append(script);
    }),
  };
  const read = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try { read[name] = await (await attempt()).text(); } catch { read[name] = null; }
  }
  // What needs no answer: the browser sends these whatever the other side thinks of it.
  await fetch(`${url}/mcp`, { method: "POST", mode: "no-cors", body: call }).catch(() => null);
  await fetch(`${tcp}/`, { method: "POST", mode: "no-cors", body: start }).catch(() => null);
  navigator.sendBeacon(`${url}/mcp`, call);
  const form = document.createElement("form");
  Object.assign(form, { action: `${url}/mcp`, method: "POST", enctype: "text/plain", target: "frame" });
  const frame = document.createElement("iframe");
  frame.name = "frame";
  document.body.append(frame, form);
  const loaded = new Promise((done) => { frame.onload = done; });
  form.submit();
  await loaded;
  return read;
}
"""


PAGE = "<!doctype html><title>Somebody else's</title><body>Nice here."


async def test_a_page_of_another_place_reads_nothing_and_changes_nothing(figures: Figures):
    async with (
        running() as daemon,
        on_the_web(daemon) as web,
        serving_tcp(Door(daemon, Lock(TOKEN)).converse) as tcp,
        serving_page(PAGE) as port,
        page_at(f"http://127.0.0.1:{port}/") as page,
    ):
        asked = {"url": web.url, "tcp": f"http://{tcp}", "token": TOKEN, "call": CALL, "start": START}
        read: dict[str, str | None] = await page.evaluate(TRIES, asked)
        runs = len(await daemon.runs.list())
    figures("ways that were tried", len(read), at_least=13)
    assert {name: text for name, text in read.items() if text is not None} == {}
    figures("runs that a page of somebody else started", runs, at_most=0)


async def test_a_page_whose_name_was_pointed_at_this_machine_only_reads_that_it_is_refused(figures: Figures):
    """DNS rebinding: for the browser page and daemon are one place, so only the name in `Host` tells them apart."""
    async with running() as daemon, on_the_web(daemon) as web, serving_tcp(Door(daemon, Lock(TOKEN)).converse) as tcp:
        place = web.url.replace("127.0.0.1", "rebound.localhost")
        async with page_at(f"{place}/", PAGE) as page:
            asked = {"url": place, "tcp": f"http://{tcp}", "token": TOKEN, "call": CALL, "start": START}
            read: dict[str, str | None] = await page.evaluate(TRIES, asked)
        runs = len(await daemon.runs.list())
    heard = [text for text in read.values() if text is not None]
    figures("answers that it could read, each a refusal", len(heard), at_least=5)
    assert all('"kind":"wrong_host"' in text for text in heard), read
    figures("runs that a page of somebody else started", runs, at_most=0)


async def test_the_page_could_read_an_answer_that_allows_it():
    """What the other test relies on: the browser lets the page ask, and would tell it what it may hear."""
    async with serving_page("told") as port, page_at(f"http://127.0.0.1:{port}/") as page:
        assert await page.evaluate("async () => await (await fetch('/')).text()") == "told"
