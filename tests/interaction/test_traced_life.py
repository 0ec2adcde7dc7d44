"""A run with everything that a trace can show, killed in the middle, as receivers and people get to see it."""

import re
from pathlib import Path
from typing import Literal

import pytest
import traced_life
from otlp_process import receiving_elsewhere

pytestmark = [pytest.mark.anyio, pytest.mark.soak]  # two lives of a daemon, and a receiver in a process of its own


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_it_arrives_as_one_tree(tmp_path: Path, protocol: Literal["http", "grpc"]):
    async with receiving_elsewhere(protocol) as elsewhere:
        run = await traced_life.live(tmp_path, elsewhere.address, protocol)
    received = elsewhere.received

    assert [re.sub(r"chat \S+", "chat MODEL", line) for line in received.tree()] == traced_life.TREE
    assert len({span.trace_id for span in received.spans}) == 1
    [goes_on] = {span.span_id: span for span in received.spans if span.links}.values()
    [first] = {span.span_id: span for span in received.spans if span.attributes.get("agiwo.cut")}.values()
    assert (first.attributes["agiwo.run.id"], goes_on.links) == (run, (first.span_id,))
    assert received.schemas == {"https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"}
    assert sum(number.count for number in received.metrics["gen_ai.invoke_agent.duration"]) == 1
