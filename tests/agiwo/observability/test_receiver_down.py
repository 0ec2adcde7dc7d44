"""Nobody takes the spans, from beginning to end: what that costs the runs and the memory, and how many are counted."""

import logging
import socket
import time
import tracemalloc
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from agent_lab import CheckedModel, calls
from agiwo.agent import Agent
from agiwo.config import AgiwoSettings, use_settings
from agiwo.observability import Span, SpanKind
from agiwo.observability.otlp import OtlpExport, OtlpOptions, new_exporter
from agiwo.observability.readable import Translator
from agiwo.testing import RecordingTool
from otlp_process import receiving_elsewhere

pytestmark = pytest.mark.anyio

RUNS = 20
TURNS: list[Any] = [*[calls("note")] * 4, {"text": "Done."}]


@pytest.fixture(autouse=True)
def no_settings_remain(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setattr("agiwo.observability.otlp._FAREWELL", 0.1)
    monkeypatch.setattr("agiwo.observability.otlp._LAST", 0.1)
    yield
    use_settings(None)


@asynccontextmanager
async def agent(address: str | None) -> AsyncGenerator[Agent]:
    """An agent whose spans go there."""
    use_settings(AgiwoSettings(otlp_endpoint=address))
    made = Agent("agent", "Does as told.", CheckedModel(turns=TURNS), [RecordingTool("note")])
    try:
        yield made
    finally:
        await made.close()


@contextmanager
def nobody(mood: str) -> Generator[str]:
    """The address of a receiver that is not there, or of one that never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        if mood == "silent":
            yield address
    if mood == "gone":
        yield address


async def cost_of(agent: Agent) -> tuple[float, float]:
    """Seconds that a few runs take one after the other, and those of them in which this thread works."""
    began, worked = time.perf_counter(), time.thread_time()
    for _ in range(RUNS):
        await agent.run("Go.")
    return time.perf_counter() - began, time.thread_time() - worked


@pytest.mark.soak  # measures, again and again
@pytest.mark.parametrize("mood", ["silent", "gone"])
async def test_runs_take_as_long_as_when_all_is_well(mood: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.CRITICAL)
    async with receiving_elsewhere("http") as elsewhere:
        with nobody(mood) as nowhere:
            async with agent(elsewhere.address) as well, agent(nowhere) as down:
                times = [(await cost_of(well), await cost_of(down)) for _ in range(15)]
    took, worked = ([[pair[side][place] for pair in times] for side in (0, 1)] for place in (0, 1))
    assert min(worked[1]) / min(worked[0]) < 1.15
    assert min(took[1]) / min(took[0]) < 1.5  # the machine has others to serve


def spans(first: int, count: int) -> list[Span]:
    return [Span(f"{each:016x}", "1" * 32, SpanKind.AGENT, "a", 1, 2) for each in range(first, first + count)]


async def test_memory_is_bounded_and_every_span_is_counted(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.CRITICAL)
    with nobody("silent") as nowhere:
        Translator("test", captures=False)
        new_exporter(OtlpOptions(nowhere)).shutdown()  # what it loads is none of the spans
        export = OtlpExport(OtlpOptions(nowhere, timeout=0.5))
        export.take(spans(0, 3000))
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for first in range(3000, 20_000, 1000):
                export.take(spans(first, 1000))
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        lost = export.counts.dropped + export.counts.refused
        assert not await export.close()

    assert grown < 4 * 2**20  # the room of 2,048 spans, which were made before anybody counted
    assert lost >= 20_000 - 2048 - 512
    assert (export.counts.sent, export.counts.dropped + export.counts.refused) == (0, 20_000)
