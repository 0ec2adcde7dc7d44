"""A run with everything that a trace can show, killed in the middle, as receivers and people get to see it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Literal

import pytest
import traced_life
from otlp_process import receiving_elsewhere
from terminal_lab import AGIWOD, PATIENCE

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


NAMES = """\
agent boss
├ model
│ └ retry overloaded
├ tool calculator ✗
│   tool_error
├ model
├ mcp raw/echo
├ model
├ tool critic
│ └ agent critic
│   ├ model
│   ├ tool calculator
│   └ model
└ ↪ agent boss
  └ model
"""


async def test_it_is_drawn_readably_at_80_and_at_140_columns(tmp_path: Path):
    run = await traced_life.live(tmp_path, "http://127.0.0.1:9", "http")

    def agiwod(*argv: str, columns: int = 80) -> str:
        environ = {**os.environ, "AGIWOD_HOME": str(tmp_path), "COLUMNS": str(columns)}
        return subprocess.check_output([AGIWOD, *argv], env=environ, text=True, timeout=PATIENCE)

    try:
        for width in (80, 140):
            told = agiwod("traces", "show", run, columns=width)
            head, *lines = told.partition("\n\n")[2].splitlines()
            bars = head.index("0")
            names = [re.sub(r"model \S+", "model", line[:bars].rstrip()) for line in lines]
            assert "\n".join(names) + "\n" == NAMES
            assert head.split()[-3:] == ["took", "in→out", "cost"]
            assert lines[1].split()[-2:] == ["900→20", "$0.0020"]
            assert max(map(len, lines)) <= width
    finally:
        agiwod("stop")
