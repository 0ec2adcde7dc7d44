"""A line to a daemon on which each message must be answered exactly once, whatever was said. Makes no messages.

It cuts and classifies what it sends by itself, as the protocol's page says: a judge shares no code with whom it judges.
"""

import os
import select
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final, Literal, cast

import orjson

PATIENCE: Final = 60.0
"""Seconds in which everything that was asked is answered; the machine may be busy."""

_WAIT: Final = 5.0
"""Seconds after which requests that wait for something are cancelled."""

_READ: Final = 1 << 20
_INTERNAL: Final = -32603

Way = Literal["socket", "socket framed", "tcp", "tcp framed", "stdio", "stdio framed"]
"""A way in, and whether messages are framed by Content-Length there."""

Id = str
"""An id as JSON, so that 1, "1" and true are not the same; `null` where an answer is to have none."""


class Broken(AssertionError):
    """A promise of the protocol that was not kept. `frames` are what it may have been."""

    def __init__(self, what: str, frames: Sequence[bytes]) -> None:
        super().__init__(what)
        self.frames = frames


def asked(body: bytes) -> Id | None:
    """The id that the answer to a message has; None when it gets none."""
    try:
        read: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "null"
    if not isinstance(read, dict):
        return "null"
    message = cast("dict[str, Any]", read)
    id = orjson.dumps(message["id"]).decode() if type(message.get("id")) in (str, int) else "null"
    if "method" not in message:
        return None if "result" in message or "error" in message else id
    is_whole = message.get("jsonrpc") == "2.0" and isinstance(message["method"], str)
    is_whole = is_whole and isinstance(message.get("params"), dict | list | None)
    return None if is_whole and "id" not in message else id


class FuzzedLine:
    """One connection. `is_framed`: by Content-Length, else by newlines. `is_typed`: each error has its kind."""

    def __init__(
        self, source: int, sink: int, *, is_framed: bool = False, is_typed: bool = True, random: Random | None = None
    ) -> None:
        self._source, self._sink, self._is_framed, self._is_typed = source, sink, is_framed, is_typed
        self._random = random or Random(0)
        self._held = bytearray()
        self._pings = 0
        os.set_blocking(source, False)
        os.set_blocking(sink, False)

    def converse(self, bodies: Sequence[bytes]) -> list[Any]:
        """Send these messages, and return all answers to them once each has its own, and what was told besides.

        Raises:
            Broken: an answer is missing, comes twice, is none, or is the daemon's own fault.
        """
        self._pings += 1
        ping = f"ping {self._pings}"
        bodies = [*bodies, b'{"jsonrpc":"2.0","id":"%b","method":"ping"}' % ping.encode()]
        due = Counter(id for body in bodies for each in self._messages(body) if (id := asked(each)) is not None)
        answers = list[Any]()
        for message in self._exchange(b"".join(map(self._wrapped, bodies)), due):
            if "method" in message:
                continue
            self._check(message, bodies)
            id = orjson.dumps(message["id"]).decode()
            due[id] -= 1
            if due[id] < 0:
                raise Broken(f"{id} was answered once more than it was asked", self._about(id, bodies))
            answers.append(message)
            if not due.total():
                return answers
        missing = [id for id, count in due.items() if count]
        raise Broken(f"no answer to {missing[:5]}", [each for id in missing for each in self._about(id, bodies)])

    def _messages(self, body: bytes) -> list[bytes]:
        """What a body comes to: behind each newline in it, another message begins."""
        return [body] if self._is_framed else [line for line in body.split(b"\n") if line and not line.isspace()]

    def _wrapped(self, body: bytes) -> bytes:
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body) if self._is_framed else body + b"\n"

    def _about(self, id: Id, bodies: Sequence[bytes]) -> list[bytes]:
        return [body for body in bodies if id in map(asked, self._messages(body))]

    def _check(self, answer: Any, bodies: Sequence[bytes]) -> None:
        error = answer.get("error")
        if set(answer) != {"jsonrpc", "id", "result"} and not (
            set(answer) == {"jsonrpc", "id", "error"} and (not self._is_typed or isinstance(error["data"]["kind"], str))
        ):
            raise Broken(f"this is no answer: {answer}", bodies)
        if error is not None and error["code"] == _INTERNAL:
            raise Broken(f"it is its own fault: {answer}", self._about(orjson.dumps(answer["id"]).decode(), bodies))

    def _exchange(self, data: bytes, due: Mapping[Id, int]) -> Iterator[Any]:
        """Send bytes in pieces, and read messages meanwhile, until nothing comes for too long or the end.

        What has waited long enough is cancelled: to wait for what a daemon has under way is no fault of it.
        """
        began, has_cancelled = time.monotonic(), False
        rest = memoryview(data)
        while (left := began + PATIENCE - time.monotonic()) > 0:
            if not has_cancelled and left < PATIENCE - _WAIT:
                rest = memoryview(bytes(rest) + b"".join(self._wrapped(_cancel(id)) for id in due if due[id]))
                has_cancelled = True
            readable, writable, _ = select.select([self._source], [self._sink] if rest else [], [], min(left, 1))
            if writable:
                rest = rest[self._write(rest) :]
            if readable:
                if not (came := os.read(self._source, _READ)):
                    return
                self._held += came
                yield from self._cut()

    def _write(self, rest: memoryview) -> int:
        """Mostly all of it, and at times a piece that ends anywhere."""
        size = self._random.choice((1, 3, 40, 1000)) if self._random.random() < 0.2 else len(rest)
        return os.write(self._sink, rest[:size])

    def _cut(self) -> Iterator[Any]:
        if not self._is_framed:
            *whole, rest = bytes(self._held).split(b"\n")
            self._held = bytearray(rest)
            yield from map(orjson.loads, whole)
            return
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            name, _, length = bytes(self._held[:end]).partition(b": ")
            assert name == b"Content-Length", name
            start = end + 4
            if len(self._held) < start + int(length):
                return
            body = bytes(self._held[start : start + int(length)])
            del self._held[: start + int(length)]
            yield orjson.loads(body)


def _cancel(id: Id) -> bytes:
    return b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%b}}' % id.encode()


def greeting(token: str = "") -> bytes:
    """The first message of a client that may ask."""
    return orjson.dumps(
        {
            "jsonrpc": "2.0",
            "id": "hello",
            "method": "initialize",
            "params": {"protocolVersion": 1, "clientInfo": {"name": "fuzz"}, **({"token": token} if token else {})},
        }
    )
