"""Much noise: a log that others rotate loses no line, and a tool that writes and writes fills nothing."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from figures import Figures
from held import MIB, forget_most, held, most_memory
from live_daemon import PATIENCE, Line, living

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

PINGS = 2000
LOUD = """
[agents.loud]
model = "scripted:loud-turns.json"
tools = ["bash"]
approvals = [{ tool = "*", action = "allow" }]
"""


def requests_in(directory: Path) -> int:
    """How many pings the files of the log tell of."""
    lines = [json.loads(line) for file in directory.iterdir() for line in file.read_text().splitlines()]
    return sum(line["event"] == "request" and line["method"] == "ping" for line in lines)


async def reopened(log: Path, line: Line) -> None:
    """Return when the daemon writes to a file of that name again."""
    async with asyncio.timeout(PATIENCE):
        while log.name not in os.listdir(log.parent):
            await line.ask("daemon/status")


async def test_no_line_is_lost_when_others_rotate_the_log(tmp_path: Path, figures: Figures) -> None:
    async with living(tmp_path, {}, 'log_level = "debug"\n') as daemon:
        line, log = await Line.open(tmp_path), tmp_path / "state" / "agiwod.log"
        for number in range(PINGS):
            await line.ask("ping")
            if number % 400 == 399:
                log.rename(log.with_name(f"kept.{number}"))
                await line.ask("ping")  # still told in the file that has another name now
                os.kill(daemon.process.pid, signal.SIGHUP)
                await reopened(log, line)
        await line.close()
        daemon.process.terminate()
        await daemon.end()
        lost = PINGS + PINGS // 400 - requests_in(log.parent)
        figures("lines lost in five rotations", lost, at_most=0, at_least=0)


async def test_a_tool_that_writes_a_hundred_megabytes_fills_neither_memory_nor_log(
    tmp_path: Path, figures: Figures
) -> None:
    call = {"name": "bash", "arguments": {"command": "yes | head -c 100000000", "timeout": 60}}
    (tmp_path / "loud-turns.json").write_text(json.dumps({"turns": [{"toolCalls": [call]}, {"text": "It was loud."}]}))
    async with living(tmp_path, {}, LOUD) as daemon:
        line, pid = await Line.open(tmp_path), daemon.process.pid
        before = held(pid)
        forget_most(pid)
        run = (await line.ask("run/start", agent="loud", input="go", attach=False))["result"]["runId"]
        assert (await line.ask("run/wait", runId=run))["result"]["response"] == "It was loud."
        events = (await line.ask("run/events", runId=run))["result"]["events"]
        said = max(len(json.dumps(event)) for event in events)
        figures("memory while a tool writes 100 MB", (most_memory(pid) - before.memory) / MIB, "MiB", at_most=48)
        figures("what of it is an event", said / MIB, "MiB", at_most=1.5, at_least=0.001)
        log = sum(each.stat().st_size for each in (tmp_path / "state").glob("agiwod.log*"))
        figures("what of it is in the log", log / MIB, "MiB", at_most=0.1)
        await line.close()
