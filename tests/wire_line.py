"""A line to a real daemon: over its socket, through `agiwod stdio`, or to one that serves this line alone.

It frames and reads by itself: a judge of the daemon's framing must not share it.
"""

import json
import os
import select
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Literal

from terminal_lab import PATIENCE, Home

Way = Literal["socket", "stdio", "standalone"]
Style = Literal["newline", "content-length"]

HELLO = b'{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":1,"clientInfo":{"name":"t"}}}'


class Line:
    """One connection. `style` is how this end frames, and how it expects to be answered."""

    def __init__(self, source: int, sink: int, style: Style, hang_up: Callable[[], None]) -> None:
        self.style: Style = style
        self._source, self._sink, self._hang_up = source, sink, hang_up
        self._held = b""
        self._pings = 0

    @property
    def ends(self) -> tuple[int, int]:
        """The descriptors: where answers come from, and where messages go."""
        return self._source, self._sink

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._sink, view) :]

    def tell(self, body: bytes) -> None:
        """Write one message."""
        self.send(body + b"\n" if self.style == "newline" else b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def end(self) -> None:
        """Say that nothing follows, and go on reading."""
        self._hang_up()

    def read(self) -> Any:
        """The next message, or None at the end of the stream."""
        while True:
            body = self._cut()
            if body is not None:
                return json.loads(body)
            if not self._fill():
                assert not self._held, f"the stream ends in the middle of a message: {self._held[:200]!r}"
                return None

    def adapt(self) -> None:
        """Take the framing in which the other end answers; where there is no telling what it heard first."""
        if self._held or self._fill():
            self.style = "content-length" if self._held.startswith(b"C") else "newline"

    def read_all(self) -> list[Any]:
        """Every message up to the end of the stream."""
        messages: list[Any] = []
        while (message := self.read()) is not None:
            messages.append(message)
        return messages

    def greet(self) -> Any:
        """Shake hands."""
        self.tell(HELLO)
        answer = self.read()
        assert answer["id"] == "hello"
        return answer["result"]

    def ping(self) -> list[Any]:
        """What was on its way before the answer of a ping; fails when that does not come."""
        self._pings += 1
        id = f"ping {self._pings}"
        self.tell(json.dumps({"jsonrpc": "2.0", "id": id, "method": "ping"}).encode())
        before: list[Any] = []
        while True:
            message = self.read()
            assert message is not None, f"the connection ended instead of answering a ping; before it came {before}"
            if message.get("id") == id:
                assert "at" in message["result"]
                return before
            before.append(message)

    def _cut(self) -> bytes | None:
        if self.style == "newline":
            line, newline, rest = self._held.partition(b"\n")
            if not newline:
                return None
            self._held = rest
            return line
        headers, blank, rest = self._held.partition(b"\r\n\r\n")
        if not blank:
            return None
        name, _, length = headers.partition(b": ")
        assert name == b"Content-Length", headers
        if len(rest) < int(length):
            return None
        self._held = rest[int(length) :]
        return rest[: int(length)]

    def _fill(self) -> bool:
        deadline = time.monotonic() + PATIENCE
        ready, _, _ = select.select([self._source], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, "nothing came"
        try:
            data = os.read(self._source, 1 << 20)
        except ConnectionResetError:
            data = b""
        self._held += data
        return bool(data)


@contextmanager
def line_to(home: Home, way: Way, style: Style = "newline") -> Generator[Line]:
    """A new line to the daemon of a home, which must run; or, standalone, to a daemon of its own, which must not."""
    if way == "socket":
        with socket.socket(socket.AF_UNIX) as far:
            far.connect(str(home.paths.socket))
            yield Line(far.fileno(), far.fileno(), style, lambda: far.shutdown(socket.SHUT_WR))
        return
    with home.process(*(["stdio"] if way == "stdio" else ["stdio", "--standalone"])) as pump:
        assert pump.stdin is not None
        assert pump.stdout is not None
        yield Line(pump.stdout.fileno(), pump.stdin.fileno(), style, pump.stdin.close)
