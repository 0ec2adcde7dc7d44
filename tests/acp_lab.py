"""An editor at the ACP face, without a socket. Each frame that it gets is held against the models of the protocol."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from acp import schema
from agiwo_protocol.channel import MemoryChannel, memory_pair
from agiwo_protocol.errors import MethodNotFound
from agiwo_protocol.jsonrpc import Notification, Request
from agiwo_protocol.peer import Cancelling, Peer
from agiwo_protocol.preface import Preface
from agiwod.face.acp.face import AcpFace
from agiwod.runtime.daemon import Daemon
from daemon_lab import PATIENCE
from pydantic import BaseModel

ANSWERS: Mapping[str, type[BaseModel]] = {
    "initialize": schema.InitializeResponse,
    "session/new": schema.NewSessionResponse,
    "session/load": schema.LoadSessionResponse,
    "session/resume": schema.ResumeSessionResponse,
    "session/fork": schema.ForkSessionResponse,
    "session/list": schema.ListSessionsResponse,
    "session/prompt": schema.PromptResponse,
    "session/set_config_option": schema.SetSessionConfigOptionResponse,
}
ASKED: Mapping[str, type[BaseModel]] = {
    "session/request_permission": schema.RequestPermissionRequest,
    "fs/read_text_file": schema.ReadTextFileRequest,
    "fs/write_text_file": schema.WriteTextFileRequest,
    "terminal/create": schema.CreateTerminalRequest,
    "terminal/output": schema.TerminalOutputRequest,
    "terminal/wait_for_exit": schema.WaitForTerminalExitRequest,
    "terminal/kill": schema.KillTerminalRequest,
    "terminal/release": schema.ReleaseTerminalRequest,
}
Json = dict[str, Any]
Serve = Callable[[Json], Awaitable[Any]]


def hold(model: type[BaseModel], data: Any) -> None:
    """Hold data against a model. The models pass by what they do not understand, so both are compared."""
    read = model.model_validate(data).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert read == data, f"{model.__name__} understands {read} of {data}"


class Editor:
    """A client that keeps what it is told. `serves` is what it does for agents, by method."""

    def __init__(self, channel: MemoryChannel, serves: Mapping[str, Serve]) -> None:
        self.channel, self.serves = channel, serves
        cancelling = Cancelling("$/cancel_request", "requestId")
        self.peer = Peer(channel, self._serve, self._hear, cancelling=cancelling)
        self.updates: list[Json] = []
        self.asked: list[tuple[str, Json]] = []
        self.faults: list[Exception] = []
        self._came = asyncio.Event()

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a request."""
        result = await self.peer.request(method, params, timeout=PATIENCE)
        if method in ANSWERS:
            hold(ANSWERS[method], result)
        return result

    async def open(self, cwd: Path, **params: Any) -> str:
        """The id of a new session."""
        return (await self.call("session/new", cwd=str(cwd), mcpServers=[], **params))["sessionId"]

    async def prompt(self, session: str, *said: str | Json) -> Json:
        """The answer to a prompt."""
        blocks = [{"type": "text", "text": each} if isinstance(each, str) else each for each in said]
        return await self.call("session/prompt", sessionId=session, prompt=blocks)

    def cancel(self, session: str) -> None:
        """Say that the user wants no more."""
        self.peer.notify("session/cancel", {"sessionId": session})

    def told(self, kind: str, session: str | None = None) -> list[Json]:
        """The updates of that kind so far."""
        found = [each for each in self.updates if session in (None, each["sessionId"])]
        return [each["update"] for each in found if each["update"]["sessionUpdate"] == kind]

    def text(self, kind: str = "agent_message_chunk", session: str | None = None) -> str:
        """What was said in chunks of that kind."""
        return "".join(each["content"]["text"] for each in self.told(kind, session))

    def call_of(self, tool: str) -> Json:
        """All that is told of the first call whose title begins so, later updates over earlier ones."""
        calls: dict[str, Json] = {}
        for each in [each["update"] for each in self.updates]:
            if "toolCallId" in each:
                calls[each["toolCallId"]] = {**calls.get(each["toolCallId"], {}), **each}
        return next(call for call in calls.values() if call["title"].startswith(tool))

    def updates_with_meta(self) -> list[Json]:
        """The updates that say more than the protocol has words for."""
        return [each["update"] for each in self.updates if "_meta" in each["update"]]

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Return once something holds that messages bring about."""
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                self._came.clear()
                await self._came.wait()

    def _hear(self, peer: Peer, notification: Notification) -> None:
        assert isinstance(notification.params, dict)
        self.updates.append(notification.params)
        self._check(schema.SessionNotification, notification.params)
        self._came.set()

    async def _serve(self, peer: Peer, request: Request) -> Any:
        assert isinstance(request.params, dict)
        self.asked.append((request.method, request.params))
        self._check(ASKED[request.method], request.params)
        self._came.set()
        if request.method not in self.serves:
            raise MethodNotFound("this editor does not do that")
        return await self.serves[request.method](request.params)

    def _check(self, model: type[BaseModel], data: Json) -> None:
        try:
            hold(model, data)
        except Exception as fault:  # a peer keeps what a handler raises to itself
            self.faults.append(fault)


class User:
    """Somebody in front of an editor, who answers each question with what is put into `says`."""

    def __init__(self, *says: str) -> None:
        self._says: asyncio.Queue[str] = asyncio.Queue()
        self.cancelled = asyncio.Event()
        self.say(*says)

    def say(self, *options: str) -> None:
        for each in options:
            self._says.put_nowait(each)

    async def __call__(self, params: Json) -> Json:
        try:
            option = await self._says.get()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if option == "cancelled":
            return {"outcome": {"outcome": "cancelled"}}
        return {"outcome": {"outcome": "selected", "optionId": option}}


@asynccontextmanager
async def editing(
    daemon: Daemon,
    *,
    agent: str | None = None,
    greet: bool = True,
    capabilities: Json | None = None,
    name: str = "editor",
    high_water: int = 256 * 1024,
    **serves: Serve,
) -> AsyncGenerator[Editor]:
    """An editor at the daemon. `permission=…`, `read=…` and the like are what it does for agents."""
    ours, theirs = memory_pair(high_water=high_water)
    editor = Editor(ours, {NAMES.get(name, name): serve for name, serve in serves.items()})
    preface = Preface("acp", {"agent": agent} if agent else {})
    tasks = [asyncio.create_task(AcpFace(daemon).converse(theirs, preface)), asyncio.create_task(editor.peer.run())]
    try:
        if greet:
            info = {"name": name, "version": "1"}
            await editor.call("initialize", protocolVersion=1, clientInfo=info, clientCapabilities=capabilities or {})
        yield editor
    finally:
        await ours.close()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
    assert not editor.faults, editor.faults


NAMES: Mapping[str, str] = {
    "permission": "session/request_permission",
    "read": "fs/read_text_file",
    "write": "fs/write_text_file",
    "create": "terminal/create",
    "output": "terminal/output",
    "wait": "terminal/wait_for_exit",
    "kill": "terminal/kill",
    "release": "terminal/release",
}
