"""One run of a real daemon, read over real sockets: cut off, stalled, late; on a full disk; and through a stop."""

import asyncio
import random
import resource
import signal
import sys
from pathlib import Path

import pytest
from live_daemon import Line, LiveDaemon, living
from wire_stream import WireStream

pytestmark = pytest.mark.anyio

WORDS = [f"word{number} " for number in range(400)]
TEXT = "".join(WORDS)
SPEAKER = {"speaker": {"text": TEXT, "deltas": len(WORDS), "delayMs": 3}}


def is_over(stream: WireStream) -> bool:
    return stream.is_over


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
    async with living(tmp_path, SPEAKER):
        run = await started(tmp_path)
        cut_off = asyncio.gather(*(read_in_pieces(tmp_path, run, random.Random(seed)) for seed in range(3)))
        whole, pieces = await asyncio.gather(read_at_once(tmp_path, run), cut_off)
        assert whole.streamed == whole.response == TEXT
        assert pieces == [TEXT] * 3
        late = await read_at_once(tmp_path, run)
        assert late.durable == late.types
        assert len(late.frames) == 5


async def test_a_client_that_does_not_read_holds_up_nobody_and_loses_nothing(tmp_path: Path) -> None:
    async with living(tmp_path, SPEAKER):
        run = await started(tmp_path)
        stalled = await Line.open(tmp_path)
        await stalled.ask("run/attach", runId=run)
        assert (await read_at_once(tmp_path, run)).response == TEXT
        assert (await stalled.read(WireStream(run), is_over)).response == TEXT
        await stalled.close()


async def test_a_signal_lets_the_runs_end_and_the_client_read_them_to_the_end(tmp_path: Path) -> None:
    async with living(tmp_path, SPEAKER) as daemon:
        run = await started(tmp_path)
        line = await Line.open(tmp_path)
        await line.ask("run/attach", runId=run)
        stream = await line.read(WireStream(run), lambda stream: bool(stream.streamed))
        daemon.process.send_signal(signal.SIGTERM)
        assert (await line.read(stream, is_over)).response == TEXT
        await line.close()
        assert await daemon.end() == 0


async def test_a_second_signal_ends_at_once_and_the_run_goes_on_at_the_next_start(tmp_path: Path) -> None:
    async with living(tmp_path, SPEAKER) as daemon:
        run = await started(tmp_path)
        line = await Line.open(tmp_path)
        await line.ask("run/attach", runId=run)
        stream = await line.read(WireStream(run), lambda stream: bool(stream.streamed))
        daemon.process.send_signal(signal.SIGINT)
        await line.hear("daemon/draining", stream)
        daemon.process.send_signal(signal.SIGINT)
        assert await daemon.end() == 0
        await line.close()
    async with living(tmp_path, SPEAKER):
        line, rest = await Line.open(tmp_path), WireStream(run, stream.seq)
        await line.ask("run/attach", runId=run, after=stream.seq)
        assert (await line.read(rest, is_over)).response == TEXT
        assert rest.durable[0] == "run/resumed"
        await line.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process limit another one's files")
async def test_on_a_full_disk_nothing_is_lost_and_runs_go_on_when_there_is_room_again(tmp_path: Path) -> None:
    async with living(tmp_path, SPEAKER) as daemon:
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


def _limit_files(daemon: LiveDaemon, size: int) -> None:
    """How large a file the daemon may write: beyond it a write fails, as on a disk that is full."""
    _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, hard))
