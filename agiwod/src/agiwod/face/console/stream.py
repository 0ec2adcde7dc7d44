"""The one stream of a tab: a conversation of the native protocol, told as server-sent events. Answers no request."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final, get_args

import orjson
from agiwo_protocol.connection import INITIALIZE
from agiwo_protocol.event import SUBSCRIBE, Topic
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.version import PROTOCOL_VERSION
from starlette.types import Receive, Send

from agiwod.face.console.places import Places
from agiwod.face.console.tab import Tab
from agiwod.face.rpc.face import RpcFace
from agiwod.runtime.daemon import Daemon

_BEAT: Final = 10.0
"""Seconds of silence after which the page is told that we are there; it gives us up after three of them."""

_HEADERS: Final = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


PROJECT: Final = "console-project"
"""The header that says in which project a tab works: its path, percent-encoded."""


class Streams:
    """The tabs that are open, by their ids."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self._face = daemon, RpcFace(daemon)
        self._tabs: dict[str, Tab] = {}

    def find(self, id: str) -> Tab | None:
        """The tab of that id, if it is open."""
        return self._tabs.get(id)

    async def close(self) -> None:
        """Have all streams end."""
        for tab in list(self._tabs.values()):
            await tab.close()

    async def serve(self, places: Places, project: str, receive: Receive, send: Send) -> None:
        """Tell a tab what follows its places, until it goes or the daemon ends. It works in that project, if any.

        Raises:
            TooMuch: there are too many connections; nothing was sent.
        """
        async with self._conversation(places) as tab, _ended_with(tab, receive):
            hello = await self._greet(tab, project)
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            body = b"event: hello\ndata: %b\n\n" % orjson.dumps(hello)
            while body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
                body = await tab.news(_BEAT)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    @asynccontextmanager
    async def _conversation(self, places: Places) -> AsyncGenerator[Tab]:
        """A tab that is spoken with like every client."""
        tab = Tab(places)
        leave = self._daemon.traffic.enter(lambda: tab.backlog, lambda: 0)
        self._tabs[tab.id] = tab
        conversing = asyncio.create_task(self._face.converse(tab), name="console")
        conversing.add_done_callback(lambda _: tab.end())
        try:
            yield tab
        finally:
            del self._tabs[tab.id]
            leave()
            tab.end()
            await asyncio.gather(conversing, return_exceptions=True)

    async def _greet(self, tab: Tab, project: str) -> dict[str, Any]:
        """Shake hands in the name of the page, and go on where it was.

        `isResumed` tells it that no event of the daemon is missing.
        """
        places = tab.places
        server = await _shake_hands(tab, project)
        for each in server["attached"]:
            if each.get("error"):
                places.runs.pop(each["runId"], None)
        is_same = places.daemon == server["daemon"]["id"]
        places.daemon = server["daemon"]["id"]
        is_resumed = await _subscribe(tab, places.events if is_same else None)
        return {"tab": tab.id, "server": server, "isResumed": is_resumed}


async def _shake_hands(tab: Tab, project: str) -> dict[str, Any]:
    """The answer of `initialize`; when the places make no sense, it is that of a newcomer."""
    client = {"name": "console", "title": "Console"}
    params: dict[str, Any] = {"protocolVersion": PROTOCOL_VERSION, "clientInfo": client}
    if project:
        params["workspace"] = {"cwd": project}
    attach = [{"runId": run, "after": after} for run, after in tab.places.runs.items()]
    try:
        return await _result(tab, INITIALIZE.name, {**params, "attach": attach})
    except LookupError:
        tab.places.runs.clear()
        return await _result(tab, INITIALIZE.name, params)


async def _subscribe(tab: Tab, after: int | None) -> bool:
    """Hear of everything that happens in the daemon: whether all that followed `after` is still known."""
    params: dict[str, Any] = {"topics": list(get_args(Topic))}
    if after is not None:
        try:
            await _result(tab, SUBSCRIBE.name, {**params, "after": after})
        except LookupError:
            pass
        else:
            return True
    tab.places.events = 0
    head: int = (await _result(tab, SUBSCRIBE.name, params))["headSeq"]
    tab.places.events = max(tab.places.events, head)
    return False


async def _result(tab: Tab, method: str, params: dict[str, Any]) -> Any:
    """What a request of ours comes to.

    Raises:
        LookupError: it was refused.
    """
    answer = orjson.loads(await tab.ask(Request(f"tab/{method}", method, params)))
    if "error" in answer:
        raise LookupError(answer["error"]["message"])
    return answer["result"]


@asynccontextmanager
async def _ended_with(tab: Tab, receive: Receive) -> AsyncGenerator[None]:
    """End the tab when its page is gone."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        tab.end()

    watching = asyncio.create_task(watch(), name="console tab")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
