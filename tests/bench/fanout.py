"""What it costs the daemon to stream one run to many clients, beside mcp's server. Ratios of one run, not a test.

    uv run python tests/bench/fanout.py [--pieces 100000] [--clients 10] [--rounds 3]

A delivered event is one piece of the model's text that has reached one client: pieces times clients, all of them. That
pieces which wait are sent as one is the point, so the frames that carried them are counted too, and their cost. The CPU
is all that the daemon used while the run went on: asking the model, the journal and the clients. `nobody` is the same
run without clients. As a provider sends them, 32 pieces come in one read; `one a tick` is a model that lets the event
loop turn after every piece; `one by one` waits so long after every piece that none can be joined with another, which is
the price of a frame, beside an mcp server that waits as long (and has a fiftieth of the pieces).

Every client is a process of its own that checks what it got against the invariant. In `stalled` one more never reads
until the others are done; then it reads on, and must get the whole text.

Linux only: CPU and memory are read from /proc. mcp 2.3 comes from the package index into this user's cache; its
notification has the size of our frame with one piece.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mcp_peer
from agiwo.schema.event import ITEM_DELTA, Event
from agiwo_client import connect
from agiwo_client.client import Client
from agiwo_protocol import run as wire
from agiwod.face.rpc.encode import Frames

HERE = Path(__file__).parent
TARGETS = (
    "targets: 20x below mcp; nobody slowed by one that does not read, for which the daemon grows by less than 10 MB"
)
SLOW = 50
"""So many times fewer pieces has the model that waits after each."""

PAUSE_MS = 5
"""How long it waits: longer than the daemon does for more."""

GATE_SECONDS = 1.0
"""How long the run waits for its turn: time for the clients to attach."""

NOTIFICATIONS = 5_000
"""How many the peer sends: it is slow enough to be measured with these."""

CONFIG = """\
[models.provider]
provider = "openai"
id = "text{pieces}"
base_url = "http://127.0.0.1:{port}/v1"

[agents.provider]
model = "provider"
tools = []

[agents.ticks]
model = "scripted:ticks.json"

[agents.slow]
model = "scripted:slow.json"

[agents.gate]
model = "scripted:gate.json"
"""


@dataclass(frozen=True)
class Spent:
    """What one run cost: CPU a delivered event and a delivered frame in µs, seconds, and bytes that the daemon grew."""

    cpu: float
    per_frame: float
    pieces_a_frame: float
    seconds: float
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
        before, held, began = cpu(self.daemon), memory(self.daemon), time.monotonic()
        said = await asyncio.gather(*(reader.read() for reader in readers))
        await self.client.call(wire.WAIT, wire.WaitParams(run_id=run), timeout=None)
        used, grown = cpu(self.daemon) - before, memory(self.daemon) - held
        seconds = max([each["done"] for each in said], default=time.monotonic()) - began
        whole = [*said, *([await stalled.read()] if stalled else [])]
        assert len({each["response"] for each in whole}) <= 1, f"the clients read different texts: {whole}"
        assert all(each["streamed"] == each["response"] for each in said), f"a client that reads missed some: {said}"
        frames = sum(each["deltas"] for each in said) or 1
        delivered = self.pieces * max(1, len(readers))
        return Spent(used / delivered * 1e6, used / frames * 1e6, delivered / frames, seconds - GATE_SECONDS, grown)

    async def _queued(self, agent: str) -> str:
        """A run that begins once the one before it in its session is over, when everybody has attached."""
        gate = await self.client.call(wire.START, wire.StartParams(agent="gate", input="go", attach=False))
        params = wire.StartParams(agent=agent, input="go", session_id=gate.session_id, attach=False)
        return (await self.client.call(wire.START, params)).run_id


def cpu(process: int) -> float:
    """Seconds of CPU that a process has used."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def memory(process: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def measure(bench: Bench, peer: mcp_peer.McpPeer | None, rounds: int) -> dict[str, list[Spent]]:
    """Each case in each round, the first of which only warms up."""
    spent: dict[str, list[Spent]] = {}
    for number in range(rounds + 1):
        cases = {
            "mcp": await told(peer, NOTIFICATIONS) if peer else None,
            "mcp, one by one": await told(peer, bench.pieces // SLOW, PAUSE_MS / 1000) if peer else None,
            "nobody": await bench.run("provider", []),
            "as sent": await bench.run("provider", bench.readers),
            "as sent, one stalled": await bench.run("provider", bench.readers, bench.idle),
            "one a tick": await bench.run("ticks", bench.readers),
            "one a tick, one stalled": await bench.run("ticks", bench.readers, bench.idle),
            "one by one": await replace(bench, pieces=bench.pieces // SLOW).run("slow", bench.readers),
        }
        for name, case in cases.items():
            if number and case:
                spent.setdefault(name, []).append(case)
    return spent


async def told(peer: mcp_peer.McpPeer, count: int, pause: float = 0) -> Spent:
    """The peer's notifications, as large as a frame of ours with one piece in it."""
    data = {"kind": "text", "attempt": 1, "offset": 400_000, "text": "tok1234 "}
    frame = Frames().of(Event("run_" + "x" * 26, ITEM_DELTA, data, time.time(), after=3, item="x" * 40))
    padding = len(frame) + 1 - await peer.notify(1, "")
    before, began = cpu(peer.pid), time.monotonic()
    await peer.notify(count, "x" * int(padding), pause)
    used, seconds = cpu(peer.pid) - before, time.monotonic() - began
    return Spent(used / count * 1e6, used / count * 1e6, 1, seconds, 0)


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
    (home / "ticks.json").write_text(script(pieces))
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


async def main(pieces: int, clients: int, rounds: int) -> None:
    """Measure, and print one line a case."""
    python = mcp_peer.installed()
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        pid = await stack.enter_async_context(daemon(home, pieces, await stack.enter_async_context(provider())))
        readers = [await stack.enter_async_context(reader(home)) for _ in range(clients + 1)]
        client = await stack.enter_async_context(connect(home=home, autostart=False))
        peer = await stack.enter_async_context(mcp_peer.serving(python)) if python else None
        spent = await measure(Bench(pid, client, readers[1:], readers[0], pieces), peer, rounds)
    print(
        f"{'':24} {'CPU an event':>13} {'below mcp':>10} {'a frame':>10} {'events in it':>13} {'took':>8} {'grown':>9}"
    )
    for name, values in spent.items():
        print(line(name, values, spent.get("mcp, one by one" if "one by one" in name else "mcp")))
    print(TARGETS)


def line(name: str, values: Sequence[Spent], floor: Sequence[Spent] | None) -> str:
    """The medians of a case."""

    def median(field: str) -> float:
        return statistics.median(getattr(each, field) for each in values)

    below = statistics.median(slow.cpu / ours.cpu for slow, ours in zip(floor, values, strict=True)) if floor else 0
    return (
        f"{name:24} {median('cpu'):10.2f} µs {f'{below:.1f}x' if floor else '-':>10} {median('per_frame'):7.1f} µs"
        f" {median('pieces_a_frame'):13.1f} {median('seconds'):6.1f} s {median('grown') / 1e6:6.1f} MB"
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pieces", type=int, default=100_000)
    arguments.add_argument("--clients", type=int, default=10)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    asyncio.run(main(chosen.pieces, chosen.clients, chosen.rounds))
