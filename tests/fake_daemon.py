"""A daemon for tests of the client: a real socket, a real `Peer`, and runs that are told in advance. Cuts on demand.

As a program, `python -m fake_daemon SOCKET` serves until its first client has gone.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agiwo_protocol.channel import ChannelClosed, StreamChannel
from agiwo_protocol.errors import NotFound, Unavailable
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.peer import Peer, Reply
from agiwo_protocol.run import TERMINAL_EVENTS

Event = dict[str, Any]

INITIALIZED: dict[str, Any] = {
    "protocolVersion": 1,
    "supportedVersions": [1],
    "schemaHash": "sha256:0",
    "serverInfo": {"name": "fake", "version": "0"},
    "daemon": {"id": "d", "pid": 1, "startedAt": "now"},
    "connectionId": "c",
    "capabilities": {},
    "limits": {"maxMessageBytes": 1, "maxInFlight": 1, "highWaterBytes": 1},
    "futureField": True,
}


class FakeRun:
    """A run that goes through its steps: durable events, started items and deltas."""

    def __init__(self, run_id: str = "r") -> None:
        self.id = run_id
        self.durable: list[Event] = []
        self.live: list[Event] = []
        self.open: dict[str, tuple[int, str]] = {}
        self.steered: list[object] = []
        self.cancelled = False
        self._more: set[asyncio.Event] = set()

    @property
    def has_ended(self) -> bool:
        return bool(self.durable) and self.durable[-1]["type"] in TERMINAL_EVENTS

    def record(self, type: str, item: str | None = None, **data: Any) -> None:
        """Append a durable event."""
        event = self._event(type, item, data, seq=len(self.durable) + 1)
        self.durable.append(event)
        if item is not None:
            self.open.pop(item, None)
        self._publish(event)

    def start_item(self, item: str) -> None:
        self.open[item] = (1, "")
        self._publish(self._event("item/started", item, {"kind": "agentMessage"}))

    def say(self, item: str, text: str, attempt: int = 1) -> None:
        known, before = self.open[item]
        before = before if attempt == known else ""
        self.open[item] = (attempt, before + text)
        self._publish(self._delta(item, attempt, len(before), text))

    def replay(self, after: int) -> list[Event]:
        """What a reader gets that has come to `after`."""
        events = self.durable[after:]
        for item, (attempt, text) in self.open.items():
            events.append(self._event("item/started", item, {"kind": "agentMessage"}))
            if text:
                events.append(self._delta(item, attempt, 0, text))
        return events

    async def grown(self, seen: int) -> None:
        """Return when there are more than `seen` live events."""
        more = asyncio.Event()
        self._more.add(more)
        try:
            while len(self.live) <= seen:
                more.clear()
                await more.wait()
        finally:
            self._more.discard(more)

    def to_wire(self) -> dict[str, Any]:
        return {
            "runId": self.id,
            "sessionId": "s",
            "agentId": "a",
            "status": "completed" if self.has_ended else "running",
            "headSeq": len(self.durable),
            "usage": {"inputTokens": 0, "outputTokens": 0, "cachedTokens": 0, "reasoningTokens": 0},
            "createdAt": "now",
        }

    def _delta(self, item: str, attempt: int, offset: int, text: str) -> Event:
        data = {"kind": "text", "attempt": attempt, "offset": offset, "text": text}
        return self._event("item/delta", item, data)

    def _event(self, type: str, item: str | None, data: dict[str, Any], seq: int | None = None) -> Event:
        place = {"after": len(self.durable)} if seq is None else {"seq": seq}
        named = {} if item is None else {"itemId": item}
        return {"runId": self.id, **place, "at": "now", "type": type, **named, "data": data}

    def _publish(self, event: Event) -> None:
        self.live.append(event)
        for more in self._more:
            more.set()


@dataclass
class FakeDaemon:
    """Serves runs. `cuts` are numbers of events after which a following connection is cut, one each."""

    runs: dict[str, FakeRun] = field(default_factory=dict[str, FakeRun])
    cuts: list[int] = field(default_factory=list[int])
    cuts_made: int = 0
    refusals: int = 0
    connections: int = 0
    started: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    channels: set[StreamChannel] = field(default_factory=set[StreamChannel])
    sent: int = 0
    news: int = 0
    told_to: list[Peer] = field(default_factory=list[Peer])
    deserted: asyncio.Event = field(default_factory=asyncio.Event)
    change: Callable[[Event], Event | None] = lambda event: event
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @asynccontextmanager
    async def serve(self, path: Path) -> AsyncGenerator[None]:
        """Listen on `path`."""
        loop = asyncio.get_running_loop()
        path.parent.mkdir(parents=True, exist_ok=True)
        server = await loop.create_unix_server(lambda: StreamChannel(connected=self._welcome), path)
        try:
            yield
        finally:
            server.close()
            _remove(path)
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def tell(self, type: str, **data: Any) -> None:
        """Tell all who subscribed of an event of the daemon."""
        self.news += 1
        for peer in self.told_to:
            told = {"seq": self.news, "at": "now", "topic": "scheduler", "type": type, "data": data}
            peer.notify("daemon/event", told)

    def cut(self) -> None:
        """Cut every connection as a crash would."""
        for channel in list(self.channels):
            _abort(channel)

    def _welcome(self, channel: StreamChannel) -> None:
        self.connections += 1
        self.channels.add(channel)
        peer = Peer(channel, self._serve)
        self._own(self._converse(peer, channel))

    async def _converse(self, peer: Peer, channel: StreamChannel) -> None:
        try:
            await peer.run()
        finally:
            self.channels.discard(channel)
            if not self.channels:
                self.deserted.set()

    def _own(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, peer: Peer, request: Request) -> Any:
        params = request.params if isinstance(request.params, dict) else {}
        if request.method == "initialize":
            return INITIALIZED
        if request.method == "ping":
            return {"at": "now"}
        if request.method == "event/subscribe":
            self.told_to.append(peer)
            return {"headSeq": self.news}
        if request.method == "daemon/drain":
            _abort(peer.channel)
        if request.method == "run/start":
            return self._start(peer, params)
        run = self.runs.get(params.get("runId", ""))
        if run is None:
            raise NotFound("no such run", type="run")
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("the daemon is about to end")
        return await self._serve_run(peer, run, request.method, params)

    def _start(self, peer: Peer, params: dict[str, Any]) -> Any:
        again = [each for each in self.started if each["idempotencyKey"] == params["idempotencyKey"]]
        self.started.append(params)
        if not again:
            self.runs["r"] = FakeRun()
            if self.cuts:
                self.cuts.pop(0)
                _abort(peer.channel)
        run = self.runs["r"]
        begun = {"runId": "r", "sessionId": "s", "status": "queued", "headSeq": 0, "deduplicated": bool(again)}
        if not params["attach"]:
            return begun
        replay, seen = run.replay(0), len(run.live)
        return Reply(begun, lambda: self._own(self._follow(peer, run, replay, seen)))

    async def _serve_run(self, peer: Peer, run: FakeRun, method: str, params: dict[str, Any]) -> Any:
        match method:
            case "run/get":
                return run.to_wire()
            case "run/wait":
                while not run.has_ended:
                    await run.grown(len(run.live))
                return run.to_wire()
            case "run/steer":
                run.steered.append(params["input"])
                return {}
            case "run/cancel":
                was_going, run.cancelled = not run.has_ended, True
                return {"accepted": was_going, "status": "running"}
            case "run/attach":
                head = {"runId": run.id, "headSeq": len(run.durable), "status": run.to_wire()["status"]}
                replay, seen = run.replay(params["after"]), len(run.live)
                return Reply(head, lambda: self._own(self._follow(peer, run, replay, seen)))
            case _:
                raise NotFound(method)

    async def _follow(self, peer: Peer, run: FakeRun, replay: list[Event], seen: int) -> None:
        budget = self.cuts.pop(0) if self.cuts else None
        try:
            if not await self._send(peer, replay, budget):
                return
            budget = None if budget is None else budget - len(replay)
            while not run.has_ended or len(run.live) > seen:
                await run.grown(seen)
                events, seen = run.live[seen:], len(run.live)
                if not await self._send(peer, events, budget):
                    return
                budget = None if budget is None else budget - len(events)
        except ChannelClosed:
            return

    async def _send(self, peer: Peer, events: Iterable[Event], budget: int | None) -> bool:
        for number, event in enumerate(events):
            if number == budget:
                self.cuts_made += 1
                _abort(peer.channel)
                return False
            await peer.channel.drained()
            changed = self.change(event)
            if changed is not None:
                peer.notify("run/event", changed)
                self.sent += 1
        return True


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _abort(channel: object) -> None:
    """End a connection at once, with whatever part of a message has gone out."""
    assert isinstance(channel, StreamChannel)
    channel.abort()


async def _serve_one_client(path: Path) -> None:
    daemon = FakeDaemon(runs={"r": FakeRun()})
    daemon.runs["r"].record("run/completed", response="", terminationReason="completed")
    async with asyncio.timeout(60), daemon.serve(path):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await daemon.deserted.wait()


if __name__ == "__main__":
    asyncio.run(_serve_one_client(Path(sys.argv[1])))
