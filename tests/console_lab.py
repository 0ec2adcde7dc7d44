"""A tab of the console without a browser: it comes in with a code, reads its stream, and calls."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
from agiwo.agent import Agent
from agiwod.runtime.daemon import Daemon
from daemon_lab import running
from http_lab import Web, on_the_web

PATIENCE = 30.0
"""Seconds after which something that should happen does not."""


@dataclass
class Told:
    """One event of a stream: its type, what it says, and where the tab is then."""

    type: str = ""
    data: Any = None
    id: str | None = None


@dataclass
class Stream:
    """What a tab is told; `tab` and `hello` are what it was told first."""

    hello: Mapping[str, Any]
    told: AsyncIterator[Told]
    seen: list[Told] = field(default_factory=list[Told])

    @property
    def tab(self) -> str:
        return self.hello["tab"]

    async def until(self, type: str) -> Told:
        """Read on until an event of a run comes that has this type, and then until the tab is told its place."""
        found: Told | None = None
        async with asyncio.timeout(PATIENCE):
            async for each in self.told:
                self.seen.append(each)
                if each.data and each.data["method"] == "run/event" and each.data["params"]["type"] == type:
                    found = found or each
                if found and each.id is not None:
                    return found
        raise AssertionError(f"the stream ended before {type}")

    def seqs(self, run: str) -> list[int]:
        """The seqs of the durable events of a run, as they came."""
        said = [each.data["params"] for each in self.seen if each.data]
        return [each["seq"] for each in said if each.get("runId") == run and "seq" in each]

    @property
    def place(self) -> str:
        """The last id that came."""
        return next(each.id for each in reversed(self.seen) if each.id is not None)


@dataclass
class Browser:
    """A browser that has come in."""

    client: httpx2.AsyncClient

    @asynccontextmanager
    async def stream(self, place: str | None = None, **headers: str) -> AsyncGenerator[Stream]:
        """A tab."""
        headers |= {"Last-Event-ID": place} if place else {}
        async with self.client.stream("GET", "/console/events", headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            told = _events(answer.aiter_lines())
            async with asyncio.timeout(PATIENCE):
                first = await anext(told)
            assert first.type == "hello"
            yield Stream(first.data, told)

    async def post(self, tab: str, method: str, params: Any, id: Any = 1, **headers: str) -> httpx2.Response:
        """One call, as the page makes it."""
        body = orjson.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        said = {"Content-Type": "application/json", "Console-Tab": tab, "Origin": str(self.client.base_url), **headers}
        return await self.client.post("/console/call", content=body, headers=said)

    async def call(self, tab: str, method: str, **params: Any) -> Any:
        """What a call comes to."""
        answer = (await self.post(tab, method, params)).json()
        assert "error" not in answer, answer
        return answer["result"]


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Told]:
    event = Told()
    async for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event.type = value
        elif name == "data" and value:
            event.data = orjson.loads(value)
        elif name == "id":
            event.id = value
        elif not line:
            yield event
            event = Told()


def turn_on(daemon: Daemon, web: Web) -> None:
    """Have the console served where the daemon is asked."""
    daemon.console.address = web.url.removeprefix("http://")


@asynccontextmanager
async def browsing(daemon: Daemon, web: Web) -> AsyncGenerator[Browser]:
    """A browser that has come in to the console, which is on from now on."""
    turn_on(daemon, web)
    async with web.stranger() as client:
        client.timeout = httpx2.Timeout(PATIENCE)
        entered = await client.get("/console", params={"code": daemon.console.new_code()})
        assert entered.status_code == 200
        yield Browser(client)


@dataclass
class Tab:
    """A daemon with the console on, a browser that has come in, and a tab of it."""

    daemon: Daemon
    web: Web
    browser: Browser
    stream: Stream

    async def call(self, method: str, **params: Any) -> Any:
        """What a call of the tab comes to."""
        return await self.browser.call(self.stream.tab, method, **params)

    async def post(self, method: str, params: Any, **headers: str) -> httpx2.Response:
        """A call of the tab, as it is answered."""
        return await self.browser.post(self.stream.tab, method, params, **headers)

    async def start(self, agent: str = "echo") -> str:
        """The id of a new run, which the tab follows."""
        return (await self.call("run/start", agent=agent, input="hi"))["runId"]

    async def head(self, run: str) -> int:
        """The seq of the last event of a run."""
        return (await self.daemon.engine.head(run)).head


@asynccontextmanager
async def a_tab(*agents: Agent) -> AsyncGenerator[Tab]:
    """A tab of a daemon with these agents."""
    async with (
        running(*agents) as daemon,
        on_the_web(daemon) as web,
        browsing(daemon, web) as browser,
        browser.stream() as stream,
    ):
        yield Tab(daemon, web, browser, stream)
