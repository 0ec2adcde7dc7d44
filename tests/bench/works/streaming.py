"""CPU per piece of text, from provider to client through the daemon, beside frameworks in-process, ours and others.

    uv run python -m tests.bench streaming

One run of 10,000 pieces, and 50 runs of 200 at once. The provider runs in a process of its own, and so does the daemon,
whose CPU is counted with its client's. The cases take turns in every round; other frameworks, which take many times as
much, stream once. Linux only: CPU is read from /proc.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx2
import orjson
from agiwo.agent import Agent
from agiwo.llm.openai import OpenAIModel
from agiwo.schema.stream import EventType
from agiwo_client import connect
from command import command
from driven import FLOOR, MODULES, PEER, driven, python_of
from driven import OURS as OUR_SDK
from driven import provider as serving
from interpreter import FRAMEWORKS
from measured import Check, Line, Report
from process import cpu
from spoken import OURS, daemon
from worker import Work

PEERS = [name for name in MODULES if name not in (FLOOR, OUR_SDK, PEER)]
"""Other frameworks."""

SDK = "Agent.run_stream"
LIMIT = 2.0
"""How many times our SDK's CPU a piece may cost through the daemon."""

PIECES = 10_000
NOTES = [
    "CPU of a piece of text from the provider to the reader; through the daemon also its client. The frameworks stream "
    "it in-process, once; agiwo 0.1.0 is left out, since it loses the end of a stream that it cannot keep up with."
]

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
    """Where the pieces come from, and the daemon that asks it, too."""

    base_url: str
    model: str
    client: httpx2.AsyncClient
    home: Path
    daemon: int

    def cpu(self) -> float:
        """Seconds of CPU that this process and the daemon have used."""
        return time.process_time() + cpu(self.daemon)

    def ours(self) -> OpenAIModel:
        """Our model."""
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


async def agent(provider: Provider) -> int:
    """`Agent.run_stream`: the loop and the journal in memory too."""
    asked = Agent("bench", "", provider.ours())
    text = list[str]()
    async for event in asked.run_stream("go"):
        if event.type is EventType.STEP_DELTA and event.delta is not None:
            text.append(event.delta.content or "")
    await asked.close()
    return len("".join(text))


async def through(provider: Provider) -> int:
    """A run of the daemon, read by one client over its socket."""
    text = list[str]()
    async with connect(home=provider.home, autostart=False) as client, await client.start_run("bench", "go") as run:
        async for event in run:
            if event.type == "item/delta":
                text.append(event.data["text"])
    return len("".join(text))


CASES: Mapping[str, Callable[[Provider], Awaitable[int]]] = {FLOOR: bare, SDK: agent, OURS: through}
"""What is measured."""


async def measured(provider: Provider, runs: int, rounds: int) -> Mapping[str, Sequence[float]]:
    """Of each case, microseconds of CPU for a piece, with so many runs at once."""
    spent: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(rounds + 1):
        lengths = set[int]()
        for name, case in CASES.items():
            before = provider.cpu()
            lengths.update(await asyncio.gather(*(case(provider) for _ in range(runs))))
            if number:  # the first round only warms up
                spent[name].append((provider.cpu() - before) / PIECES * 1e6)
        assert len(lengths - {0}) == 1, f"the cases read different texts: {lengths}"
    return spent


def frameworks(base_url: str, model: str, runs: int) -> dict[str, float]:
    """Microseconds of CPU for a piece in each other framework that is installed."""
    taken = dict[str, float]()
    for name in PEERS:
        if python := python_of(name):
            with driven(name, python, base_url) as driver:
                driver.do(Work("stream", "text100"))
                taken[name] = driver.do(Work("stream", model, at_once=runs)).cpu / PIECES * 1e6
    return taken


def line_of(runs: int, spent: Mapping[str, Sequence[float]], peers: Mapping[str, float]) -> Line:
    """The medians, beside the peers."""
    ratio = median(own / other for own, other in zip(spent[OURS], spent[SDK], strict=True))
    others = {name: median(spent[name]) for name in (SDK, FLOOR)} | dict(peers)
    work = f"a piece to a client, {runs} {'run' if runs == 1 else 'runs'}"
    return Line(work, "µs", median(spent[OURS]), others, [Check(f"of {SDK}", ratio, LIMIT)], FLOOR)


async def one_line(base_url: str, runs: int, rounds: int) -> Line:
    """A daemon of its own for so many runs."""
    model = f"text{PIECES // runs}"
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        pid = stack.enter_context(daemon(home, CONFIG.format(model=model, base_url=base_url)))
        async with httpx2.AsyncClient(timeout=60) as client:
            spent = await measured(Provider(base_url, model, client, home, pid), runs, rounds)
    return line_of(runs, spent, frameworks(base_url, model, runs))


def measure(rounds: int) -> Report:
    """One run, and 50 at once."""
    with serving() as base_url:
        lines = [asyncio.run(one_line(base_url, runs, rounds)) for runs in (1, 50)]
    absent = [name for name in PEERS if not python_of(name)]
    return Report("From the provider to the client", lines, (), NOTES, FRAMEWORKS.found, absent)


if __name__ == "__main__":
    command(__doc__, measure, rounds=7)
