"""A model provider on a real socket that answers as it is told. Speaks just enough HTTP/1.1; is no model.

    async with FakeProvider(says("hel", "lo")) as provider:
        model = OpenAIModel("any", base_url=provider.base_url)

Run as a program it serves, in a process of its own, every model named `textN`: N pieces of text. It prints its port.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal, Self

PING_SECONDS = 0.02


@dataclass(frozen=True)
class Answer:
    """What a request is answered with. Every piece is an HTTP chunk of its own, and `burst` of them go in one write.

    At its end an answer is `clean`; or the connection is `cut` without the end of the body; or it stays open, and the
    provider `stalls`, or sends nothing but `pings`. `gone` is none at all: the connection is reset. Each write
    is due `pause` seconds after the one before; what is late is made up for.
    """

    pieces: Sequence[bytes]
    status: int = 200
    content_type: str = "text/event-stream; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    end: Literal["clean", "cut", "stalls", "pings", "gone"] = "clean"
    burst: int = 1
    pause: float = 0

    @cached_property
    def head(self) -> bytes:
        fields = {"content-type": self.content_type, "transfer-encoding": "chunked", **self.headers}
        lines = [f"HTTP/1.1 {self.status} Whatever", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        return "\r\n".join(lines).encode()

    @cached_property
    def writes(self) -> Sequence[bytes]:
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in self.pieces]
        return [b"".join(chunks[at : at + self.burst]) for at in range(0, len(chunks), self.burst)]


@dataclass(frozen=True)
class Received:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


def event(data: Mapping[str, Any] | str) -> bytes:
    """One server-sent event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()


def delta(finish_reason: str | None = None, **fields: Any) -> bytes:
    """One chunk of chat completions."""
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}], "usage": None})


def usage(prompt: int, completion: int, **details: Any) -> bytes:
    """The chunk that tells the tokens."""
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **details}
    return event({"choices": [], "usage": tokens})


GONE = Answer([], end="gone")
START = delta(role="assistant", content="")
FINISH = delta("stop")
DONE = event("[DONE]")


def says(*texts: str) -> Answer:
    """A complete answer of these pieces of text."""
    return Answer([START, *(delta(content=text) for text in texts), FINISH, usage(7, len(texts)), DONE])


def refuses(status: int, body: str | Mapping[str, Any], **headers: str) -> Answer:
    """An answer that is an error, in JSON or in plain words."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, str):
        return Answer([body.encode()], status, "text/html", named)
    return Answer([json.dumps(body).encode()], status, "application/json", named)


class FakeProvider:
    """Gives its answers in order, one a request; the last one again and again. Or asks a function for each."""

    def __init__(self, *answers: Answer, choose: Callable[[Received], Answer] | None = None) -> None:
        self._answers = answers
        self._choose = choose or self._next
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.requests: list[Received] = []
        self.connections = 0
        self.was_asked = asyncio.Event()
        self.was_left = asyncio.Event()
        """Set once a client has gone away in the middle of its answer."""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=512)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        answering = [connection.close() for connection in set(self._connections)]
        await asyncio.gather(*filter(None, answering), return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    @property
    def answering(self) -> int:
        """The requests whose answer is not over."""
        return sum(1 for connection in self._connections if connection.is_answering)

    def opened(self, connection: "_Connection") -> None:
        self.connections += 1
        self._connections.add(connection)

    def closed(self, connection: "_Connection") -> None:
        self._connections.discard(connection)

    def answer(self, request: Received) -> Answer:
        self.requests.append(request)
        self.was_asked.set()
        return self._choose(request)

    def _next(self, _: Received) -> Answer:
        return self._answers[min(len(self.requests), len(self._answers)) - 1]


class _Connection(asyncio.Protocol):
    def __init__(self, provider: FakeProvider) -> None:
        self._provider = provider
        self._received = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    @property
    def is_answering(self) -> bool:
        return self._answering is not None and not self._answering.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._provider.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._provider.closed(self)
        if self._answering is not None and self.is_answering:
            self._provider.was_left.set()
            self._answering.cancel()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def close(self) -> asyncio.Task[None] | None:
        self._transport.abort()
        return self._answering

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if not found or len(rest) < length:
            return
        self._received = bytearray(rest[length:])
        request = Received(lines[0].split(" ")[1], headers, json.loads(rest[:length]))
        self._answering = asyncio.get_running_loop().create_task(self._give(self._provider.answer(request)))

    async def _give(self, answer: Answer) -> None:
        if answer.end == "gone":
            self._answering = None
            self._transport.abort()
            return
        self._transport.write(answer.head)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for write in answer.writes:
            await self._may_write.wait()
            if answer.pause:
                due += answer.pause
                await asyncio.sleep(due - loop.time())
            self._transport.write(write)
        if answer.end == "clean":
            self._transport.write(b"0\r\n\r\n")
        elif answer.end == "cut":
            self._answering = None
            self._transport.close()
        else:
            await self._stay(pings=answer.end == "pings")

    async def _stay(self, *, pings: bool) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS if pings else 3600)
            self._transport.write(b"8\r\n: ping\n\n\r\n")


@lru_cache
def _many(count: int) -> Answer:
    texts = [delta(content=f"tok{number % 10000:04} ") for number in range(count)]
    return Answer([START, *texts, FINISH, usage(100, count), DONE], burst=32)


async def _serve() -> None:
    async with FakeProvider(choose=lambda request: _many(int(request.body["model"].removeprefix("text")))) as provider:
        print(provider.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # ends with the process that started it


if __name__ == "__main__":
    asyncio.run(_serve())
