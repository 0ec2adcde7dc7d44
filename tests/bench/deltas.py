"""CPU per streamed piece of text: ours beside a bare loop over the same HTTP client. Ratios of one run, not a test.

    uv run python tests/bench/deltas.py [--pieces 10000] [--rounds 15]

The provider runs in a process of its own, and so does the daemon, whose CPU is counted with its client's. The cases
take turns in every round, because a machine's speed drifts. Linux only: the daemon's CPU is read from /proc.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import orjson
from agiwo.agent import Agent
from agiwo.llm.openai import OpenAIModel
from agiwo.schema.stream import EventType
from agiwo_client import connect

PROVIDER = Path(__file__).parent.parent / "fake_provider.py"
TARGETS = "targets: Agent.run_stream at most 1.5x; through the daemon at most 3x, which is twice that"
"""Times the bare loop that each may cost."""

CONFIG = """\
[models.bench]
provider = "openai"
id = "{model}"
base_url = "{base_url}"

[agents.bench]
model = "bench"
tools = []
"""


@dataclass(frozen=True)
class Provider:
    """Where the pieces come from."""

    base_url: str
    model: str
    client: httpx2.AsyncClient
    home: Path
    daemon: int

    def cpu(self) -> float:
        """Seconds of CPU that this process and the daemon have used."""
        tasks = Path(f"/proc/{self.daemon}/task").glob("*/schedstat")
        return time.process_time() + sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def ours(self) -> OpenAIModel:
        return OpenAIModel(self.model, api_key="none", base_url=self.base_url)


async def bare(provider: Provider) -> int:
    """The floor: split events, decode them, join the text."""
    body = {"model": provider.model, "messages": [{"role": "user", "content": "go"}], "stream": True}
    text, rest = list[str](), b""
    async with provider.client.stream("POST", f"{provider.base_url}/chat/completions", json=body) as response:
        async for block in response.aiter_raw():
            *events, rest = (rest + block).split(b"\n\n")
            for event in events:
                if event != b"data: [DONE]":
                    for choice in orjson.loads(event[6:])["choices"]:
                        text.append(choice["delta"].get("content") or "")
    return len("".join(text))


async def model(provider: Provider) -> int:
    """`OpenAIModel.arun_stream`."""
    chunks = provider.ours().arun_stream([{"role": "user", "content": "go"}])
    return len("".join([chunk.content async for chunk in chunks if chunk.content]))


async def agent(provider: Provider) -> int:
    """`Agent.run_stream`: the loop and the journal in memory too."""
    asked = Agent("bench", "", provider.ours())
    text = list[str]()
    async for event in asked.run_stream("go"):
        if event.type is EventType.STEP_DELTA and event.delta is not None:
            text.append(event.delta.content or "")
    await asked.close()
    return len("".join(text))


async def daemon(provider: Provider) -> int:
    """A run of the daemon, read by one client over its socket."""
    text = list[str]()
    async with connect(home=provider.home, autostart=False) as client, await client.start_run("bench", "go") as run:
        async for event in run:
            if event.type == "item/delta":
                text.append(event.data["text"])
    return len("".join(text))


CASES: Mapping[str, Callable[[Provider], Awaitable[int]]] = {
    "bare httpx2 loop": bare,
    "OpenAIModel": model,
    "Agent.run_stream": agent,
    "daemon and client": daemon,
}
"""What is measured, the floor first."""


async def measure(provider: Provider, pieces: int, rounds: int) -> Mapping[str, list[float]]:
    """Microseconds of CPU per piece, of each case in each round."""
    spent: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(rounds + 1):
        lengths = set[int]()
        for name, case in CASES.items():
            before = provider.cpu()
            lengths.add(await case(provider))
            if number:  # the first round only warms up
                spent[name].append((provider.cpu() - before) / pieces * 1e6)
        assert len(lengths) == 1, f"the cases read different texts: {lengths}"
        assert lengths != {0}, "the cases read no text"
    return spent


@asynccontextmanager
async def serving(base_url: str, model: str) -> AsyncGenerator[tuple[Path, int]]:
    """A daemon with an agent for the provider: its home and its pid."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.toml").write_text(CONFIG.format(model=model, base_url=base_url))
        environment = {**os.environ, "AGIWOD_HOME": folder}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agiwod.cli", "serve", env=environment, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        await process.stderr.readline()  # it says where it serves once it does
        yield Path(folder), process.pid
        process.terminate()
        await process.communicate()


@asynccontextmanager
async def everything(pieces: int) -> AsyncGenerator[Provider]:
    """The fake provider, which ends when its stdin closes, and a daemon that asks it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROVIDER), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    base_url, name = f"http://127.0.0.1:{int(await process.stdout.readline())}/v1", f"text{pieces}"
    async with httpx2.AsyncClient(timeout=60) as client, serving(base_url, name) as (home, pid):
        yield Provider(base_url, name, client, home, pid)
    process.stdin.close()
    await process.wait()


async def main(pieces: int, rounds: int) -> None:
    """Measure, and print one line a case."""
    async with everything(pieces) as provider:
        spent = await measure(provider, pieces, rounds)
    floor = spent[next(iter(CASES))]
    for name, values in spent.items():
        ratio = statistics.median(value / least for value, least in zip(values, floor, strict=True))
        print(f"{name:20} {statistics.median(values):7.2f} µs of CPU a piece {ratio:6.2f}x")
    print(TARGETS)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pieces", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=15)
    chosen = arguments.parse_args()
    asyncio.run(main(chosen.pieces, chosen.rounds))
