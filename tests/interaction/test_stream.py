"""One run of a real daemon, read over real sockets: cut off, stalled, late; on a full disk; and through a stop."""

import asyncio
import json
import os
import random
import resource
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import orjson
import pytest
from wire_stream import WireStream

pytestmark = pytest.mark.anyio

PATIENCE = 60.0
WORDS = [f"word{number} " for number in range(400)]
TEXT = "".join(WORDS)


class Line:
    """A client that sees every frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._last_id = 0

    @classmethod
    async def open(cls, home: Path) -> Self:
        line = cls(*await asyncio.open_unix_connection(str(home / "run" / "agiwod.sock"), limit=2**26))
        await line.ask("initialize", protocolVersion=1, clientInfo={"name": "test"})
        return line

    async def ask(self, method: str, **params: Any) -> Any:
        """The answer, on a connection on which nothing else is told meanwhile."""
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        self._writer.write(orjson.dumps(request))
        self._writer.write(b"\n")
        return await self.frame()

    async def frame(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            line = await self._reader.readline()
        assert line, "the daemon closed the connection"
        return orjson.loads(line)

    async def read(self, stream: WireStream, until: Callable[[WireStream], bool]) -> WireStream:
        while not until(stream):
            frame = await self.frame()
            if frame.get("method") == "run/event":
                stream.take(frame["params"])
        return stream

    async def hear(self, method: str, stream: WireStream) -> None:
        """Read on until that notification comes."""
        while (frame := await self.frame())["method"] != method:
            stream.take(frame["params"])

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def is_over(stream: WireStream) -> bool:
    return stream.is_over


class Daemon:
    """A daemon's process, and the home that it lives in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        script = {"turns": [{"text": TEXT, "deltas": len(WORDS), "delayMs": 3}], "repeat": True}
        (home / "words.json").write_text(json.dumps(script))
        (home / "config.toml").write_text('[agents.speaker]\nmodel = "scripted:words.json"\n')

    async def start(self) -> None:
        command = (sys.executable, "-m", "agiwod.cli", "serve")
        environment = {**os.environ, "AGIWOD_HOME": str(self.home)}
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=pipe)
        assert self.process.stderr
        async with asyncio.timeout(PATIENCE):
            assert b"serves at" in await self.process.stderr.readline()

    async def end(self) -> int:
        async with asyncio.timeout(PATIENCE):
            await self.process.communicate()
        return self.process.returncode or 0


@asynccontextmanager
async def living(home: Path) -> AsyncGenerator[Daemon]:
    daemon = Daemon(home)
    await daemon.start()
    try:
        yield daemon
    finally:
        if daemon.process.returncode is None:
            daemon.process.kill()
            await daemon.end()


async def started(home: Path) -> str:
    line = await Line.open(home)
    answer = await line.ask("run/start", agent="speaker", input="go", attach=False)
    await line.close()
    return answer["result"]["runId"]


async def read_in_pieces(home: Path, run: str, dice: random.Random) -> str:
    """The run's answer as a client has it that is cut off again and again."""
    seq = 0
    while True:
        line, stream = await Line.open(home), WireStream(run, seq)
        await line.ask("run/attach", runId=run, after=seq)
        enough = dice.randint(1, 60)
        await line.read(stream, lambda stream, enough=enough: stream.is_over or len(stream.frames) >= enough)
        await line.close()
        if stream.is_over:
            return stream.response
        seq = stream.seq


async def read_at_once(home: Path, run: str) -> WireStream:
    line = await Line.open(home)
    await line.ask("run/attach", runId=run)
    stream = await line.read(WireStream(run), is_over)
    await line.close()
    return stream


async def test_a_client_that_is_cut_off_at_random_points_ends_with_the_same_text(tmp_path: Path) -> None:
    async with living(tmp_path):
        run = await started(tmp_path)
        cut_off = asyncio.gather(*(read_in_pieces(tmp_path, run, random.Random(seed)) for seed in range(3)))
        whole, pieces = await asyncio.gather(read_at_once(tmp_path, run), cut_off)
        assert whole.streamed == whole.response == TEXT
        assert pieces == [TEXT] * 3
        late = await read_at_once(tmp_path, run)
        assert late.durable == late.types
        assert len(late.frames) == 5


async def test_a_client_that_does_not_read_holds_up_nobody_and_loses_nothing(tmp_path: Path) -> None:
    async with living(tmp_path):
        run = await started(tmp_path)
        stalled = await Line.open(tmp_path)
        await stalled.ask("run/attach", runId=run)
        assert (await read_at_once(tmp_path, run)).response == TEXT
        assert (await stalled.read(WireStream(run), is_over)).response == TEXT
        await stalled.close()


async def test_a_signal_lets_the_runs_end_and_the_client_read_them_to_the_end(tmp_path: Path) -> None:
    async with living(tmp_path) as daemon:
        run = await started(tmp_path)
        line = await Line.open(tmp_path)
        await line.ask("run/attach", runId=run)
        stream = await line.read(WireStream(run), lambda stream: bool(stream.streamed))
        daemon.process.send_signal(signal.SIGTERM)
        assert (await line.read(stream, is_over)).response == TEXT
        await line.close()
        assert await daemon.end() == 0


async def test_a_second_signal_ends_at_once_and_the_run_goes_on_at_the_next_start(tmp_path: Path) -> None:
    async with living(tmp_path) as daemon:
        run = await started(tmp_path)
        line = await Line.open(tmp_path)
        await line.ask("run/attach", runId=run)
        stream = await line.read(WireStream(run), lambda stream: bool(stream.streamed))
        daemon.process.send_signal(signal.SIGINT)
        await line.hear("daemon/draining", stream)
        daemon.process.send_signal(signal.SIGINT)
        assert await daemon.end() == 0
        await line.close()
    async with living(tmp_path):
        line, rest = await Line.open(tmp_path), WireStream(run, stream.seq)
        await line.ask("run/attach", runId=run, after=stream.seq)
        assert (await line.read(rest, is_over)).response == TEXT
        assert rest.durable[0] == "run/resumed"
        await line.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process limit another one's files")
async def test_on_a_full_disk_nothing_is_lost_and_runs_go_on_when_there_is_room_again(tmp_path: Path) -> None:
    async with living(tmp_path) as daemon:
        run = await started(tmp_path)
        line = await Line.open(tmp_path)
        await line.ask("run/attach", runId=run)
        stream = await line.read(WireStream(run), lambda stream: bool(stream.streamed))
        _limit_files(daemon, 1)
        control = await Line.open(tmp_path)
        refused = await control.ask("run/start", agent="speaker", input="go")
        error = refused["error"]
        assert (error["code"], error["data"]["kind"], error["data"]["retryable"]) == (-32012, "storage", True)
        status = (await control.ask("daemon/status"))["result"]
        assert (status["state"], status["storage"]["state"]) == ("degraded", "failed")
        assert (await control.ask("run/get", runId=run))["result"]["status"] == "suspended"
        _limit_files(daemon, resource.RLIM_INFINITY)
        assert (await line.read(stream, is_over)).response == TEXT
        assert (await control.ask("daemon/status"))["result"]["state"] == "ready"
        for each in (line, control):
            await each.close()


def _limit_files(daemon: Daemon, size: int) -> None:
    """How large a file the daemon may write: beyond it a write fails, as on a disk that is full."""
    _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, hard))
