"""A daemon whose runs are followed by clients, each a process of its own. Judges nothing.

The model says as many pieces as the bench has: `provider` over the wire, 32 in one read; `slow` pauses after each.
"""

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agiwo_client.client import Client
from agiwo_protocol import run as wire
from process import cpu, memory

HERE = Path(__file__).parent

SLOW = 50
"""So many times fewer pieces has the model that waits after each."""

PAUSE_MS = 5
"""How long it waits: longer than the daemon does for more."""

GATE_SECONDS = 1.0
"""How long the run waits for its turn: time for the clients to attach."""

CONFIG = """\
[models.provider]
provider = "openai"
id = "text{pieces}"
base_url = "http://127.0.0.1:{port}/v1"

[agents.provider]
model = "provider"
tools = []

[agents.slow]
model = "scripted:slow.json"

[agents.gate]
model = "scripted:gate.json"
"""


@dataclass(frozen=True)
class Spent:
    """What a run cost the daemon: µs of CPU a delivered event, and bytes that it grew by."""

    cpu: float
    grown: int


class Reader:
    """A client's process."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout

    async def attach(self, run: str) -> None:
        """Let it attach the run, without reading it."""
        self._stdin.write(f"{run}\n".encode())
        assert await self._stdout.readline() == b"attached\n"

    async def read(self) -> dict[str, Any]:
        """Let it read to the end; what it says came."""
        self._stdin.write(b"read\n")
        return json.loads(await self._stdout.readline())

    async def close(self) -> None:
        """End it."""
        self._stdin.close()
        await self._process.wait()


@dataclass(frozen=True)
class Bench:
    """The daemon, and who asks it and reads."""

    daemon: int
    client: Client
    readers: Sequence[Reader]
    idle: Reader
    pieces: int

    async def run(self, agent: str, readers: Sequence[Reader], stalled: Reader | None = None) -> Spent:
        """A run of that agent, read by all of these at once."""
        run = await self._queued(agent)
        for reader in (*readers, *([stalled] if stalled else [])):
            await reader.attach(run)
        before, held = cpu(self.daemon), memory(self.daemon)
        said = await asyncio.gather(*(reader.read() for reader in readers))
        await self.client.call(wire.WAIT, wire.WaitParams(run_id=run), timeout=None)
        used, grown = cpu(self.daemon) - before, memory(self.daemon) - held
        whole = [*said, *([await stalled.read()] if stalled else [])]
        assert len({each["response"] for each in whole}) == 1, f"the clients read different texts: {whole}"
        # Who was late gets what was completed as a whole, and only what came in pieces is counted.
        delivered = sum(each["streamed"] for each in said) / said[0]["response"] * self.pieces
        return Spent(used / delivered * 1e6, grown)

    async def _queued(self, agent: str) -> str:
        """A run that begins once the one before it in its session is over, when everybody has attached."""
        gate = await self.client.call(wire.START, wire.StartParams(agent="gate", input="go", attach=False))
        params = wire.StartParams(agent=agent, input="go", session_id=gate.session_id, attach=False)
        return (await self.client.call(wire.START, params)).run_id


@asynccontextmanager
async def provider() -> AsyncGenerator[int]:
    """The port of the fake provider, which ends when its stdin closes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE.parent / "fake_provider.py"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    yield int(await process.stdout.readline())
    process.stdin.close()
    await process.wait()


@asynccontextmanager
async def daemon(home: Path, pieces: int, port: int) -> AsyncGenerator[int]:
    """The pid of a daemon with the agents of the bench."""
    (home / "config.toml").write_text(CONFIG.format(pieces=pieces, port=port))
    (home / "slow.json").write_text(script(pieces // SLOW, PAUSE_MS))
    (home / "gate.json").write_text(script(1, GATE_SECONDS * 1000))
    environment = {**os.environ, "AGIWOD_HOME": str(home)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agiwod.cli", "serve", env=environment, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    await process.stderr.readline()  # it says where it serves once it does
    yield process.pid
    process.terminate()
    await process.communicate()


def script(pieces: int, pause: float = 0) -> str:
    """A scripted model that says so many pieces, each after so many milliseconds."""
    text = "".join(f"tok{number % 10_000:04} " for number in range(pieces))
    return json.dumps({"turns": [{"text": text, "deltas": pieces, "delayMs": pause}]})


@asynccontextmanager
async def reader(home: Path) -> AsyncGenerator[Reader]:
    """A client's process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "reader.py"),
        str(home / "run" / "agiwod.sock"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    ready = Reader(process)
    yield ready
    await ready.close()
