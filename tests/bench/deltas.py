"""CPU per streamed piece of text: ours beside a bare loop over the same HTTP client. Ratios of one run, not a test.

    uv run python tests/bench/deltas.py [--pieces 10000] [--rounds 15]

The provider runs in a process of its own. The cases take turns in every round, because a machine's speed drifts.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import orjson
from agiwo.agent import Agent
from agiwo.llm.openai import OpenAIModel
from agiwo.schema.stream import EventType

PROVIDER = Path(__file__).parent.parent / "fake_provider.py"
TARGET = 1.5
"""Times the bare loop that `Agent.run_stream` may cost."""


@dataclass(frozen=True)
class Provider:
    """Where the pieces come from."""

    base_url: str
    model: str
    client: httpx2.AsyncClient

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


CASES: Mapping[str, Callable[[Provider], Awaitable[int]]] = {
    "bare httpx2 loop": bare,
    "OpenAIModel": model,
    "Agent.run_stream": agent,
}
"""What is measured, the floor first."""


async def measure(provider: Provider, pieces: int, rounds: int) -> Mapping[str, list[float]]:
    """Microseconds of CPU per piece, of each case in each round."""
    spent: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(rounds + 1):
        lengths = set[int]()
        for name, case in CASES.items():
            before = time.process_time()
            lengths.add(await case(provider))
            if number:  # the first round only warms up
                spent[name].append((time.process_time() - before) / pieces * 1e6)
        assert len(lengths) == 1, f"the cases read different texts: {lengths}"
        assert lengths != {0}, "the cases read no text"
    return spent


@asynccontextmanager
async def fake_provider(pieces: int) -> AsyncGenerator[Provider]:
    """The fake in its own process; it ends when its stdin closes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROVIDER), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    async with httpx2.AsyncClient(timeout=60) as client:
        yield Provider(f"http://127.0.0.1:{port}/v1", f"text{pieces}", client)
    process.stdin.close()
    await process.wait()


async def main(pieces: int, rounds: int) -> None:
    """Measure, and print one line a case."""
    async with fake_provider(pieces) as provider:
        spent = await measure(provider, pieces, rounds)
    floor = spent[next(iter(CASES))]
    for name, values in spent.items():
        ratio = statistics.median(value / least for value, least in zip(values, floor, strict=True))
        print(f"{name:20} {statistics.median(values):7.2f} µs of CPU a piece {ratio:6.2f}x")
    print(f"target: Agent.run_stream at most {TARGET}x")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pieces", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=15)
    chosen = arguments.parse_args()
    asyncio.run(main(chosen.pieces, chosen.rounds))
