"""The byte pump, and the transport over this process's own stdin and stdout: real pipes, real processes."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import orjson
import pytest
from agiwod.transport.pump import CHUNK, Pump

STANDALONE = """
import asyncio, sys
from daemon_lab import running
from agiwod.face.door import Door
from agiwod.transport.claim import claim
from agiwod.transport.stdio import StdioTransport
async def main():
    transport = StdioTransport(*claim())
    print("stray print")
    assert sys.stdin.read() == ""
    async with running() as daemon:
        await transport.serve(Door(daemon).converse)
asyncio.run(main())
"""
HELLO = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1,"clientInfo":{"name":"t"}}}\n'
PING = b'{"jsonrpc":"2.0","id":2,"method":"ping"}\n'


class Bench:
    """A pump between two pipes and a socket, running in a thread."""

    def __init__(self) -> None:
        self.source, self.far = os.pipe(), socket.socketpair()
        self.sink = os.pipe()
        self.outcome: list[bool] = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.outcome.append(Pump(self.source[0], self.sink[1], self.far[0]).run())
        os.close(self.sink[1])

    def end(self) -> bool:
        self.thread.join(10)
        return self.outcome[0]

    def close(self) -> None:
        for descriptor in (self.source[0], self.sink[0]):
            os.close(descriptor)
        for end in self.far:
            end.close()


def test_bytes_go_both_ways_and_the_end_of_one_is_told_to_the_other() -> None:
    bench = Bench()
    data = os.urandom(10 * CHUNK)
    threading.Thread(target=lambda: (os.write(bench.source[1], data), os.close(bench.source[1]))).start()
    came = b"".join(iter(lambda: bench.far[1].recv(CHUNK), b""))
    assert came == data
    bench.far[1].sendall(b"an answer")
    bench.far[1].close()
    assert os.read(bench.sink[0], 100) == b"an answer"
    assert bench.end() is True
    bench.close()


def test_a_far_side_that_goes_first_is_told() -> None:
    bench = Bench()
    bench.far[1].sendall(b"last words")
    bench.far[1].close()
    assert bench.end() is False
    assert os.read(bench.sink[0], 100) == b"last words"
    os.close(bench.source[1])
    bench.close()


def test_a_host_that_stops_reading_ends_the_pump_without_a_complaint() -> None:
    bench = Bench()
    os.close(bench.sink[0])
    bench.far[1].sendall(b"nobody reads this")
    assert bench.end() is True
    bench.sink = (os.open(os.devnull, os.O_RDONLY), bench.sink[1])
    os.close(bench.source[1])
    bench.close()


def test_the_pump_loads_nothing_that_a_host_would_wait_for() -> None:
    program = "import sys, agiwod.transport.pump; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=True)
    assert not {"asyncio", "pydantic", "orjson", "agiwo", "anyio"} & set(loaded.stdout.split())


def standalone(stdin: int | IO[bytes], stdout: int | IO[bytes]) -> subprocess.Popen[bytes]:
    tests = Path(__file__).parents[2]
    sources = [tests, *(tests.parent / part / "src" for part in ("agiwod", "protocol"))]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))}
    arguments = [sys.executable, "-c", STANDALONE]
    return subprocess.Popen(arguments, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=env)


def test_nothing_but_protocol_reaches_the_stdout_of_a_stdio_conversation() -> None:
    process = standalone(subprocess.PIPE, subprocess.PIPE)
    out, err = process.communicate(HELLO + PING, timeout=180)
    assert [orjson.loads(line)["id"] for line in out.splitlines()] == [1, 2]
    assert b"stray print" in err
    assert process.returncode == 0


def test_stdin_and_stdout_may_be_files(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(HELLO + PING)
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as sink:
        process = standalone(source, sink)
        process.communicate(timeout=180)
    assert [orjson.loads(line)["id"] for line in (tmp_path / "out").read_bytes().splitlines()] == [1, 2]


@pytest.mark.parametrize("name", ["unix", "tcp", "stdio"])
def test_every_registered_transport_is_where_the_registry_says(name: str) -> None:
    from importlib import import_module

    from agiwod.transport import TRANSPORTS

    module, _, made = TRANSPORTS[name].partition(":")
    assert hasattr(getattr(import_module(module), made), "serve")
    assert len(TRANSPORTS) == 3
