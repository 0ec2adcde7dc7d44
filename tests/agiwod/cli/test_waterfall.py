"""Traces as waterfalls: whole drawings on narrow and on wide terminals, and what long, deep and odd ones look like."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from agiwo_protocol.trace import Span
from agiwod.cli.instant import moment_of, span_of, took
from agiwod.cli.waterfall import drawn
from rich.cells import cell_len

NOW = 1_700_000_000.0


def span(id: str, above: str | None, kind: Any, name: str, start: float, end: float | None, **members: Any) -> Span:
    """A span whose times count from `NOW`."""
    known: dict[str, Any] = {
        "span_id": id,
        "parent_span_id": above,
        "kind": kind,
        "name": name,
        "start_at": datetime.fromtimestamp(NOW + start, UTC).isoformat(),
        "end_at": None if end is None else datetime.fromtimestamp(NOW + end, UTC).isoformat(),
        "duration_ms": None if end is None else 1000 * (end - start),
        "status": "running" if end is None else "ok",
        "run_id": "run_1",
        "depth": 0,
        "links": [],
        "attributes": {},
        "metrics": {},
    }
    return Span(**{**known, **members})


def paid(taken: int, given: int, dollars: float | None = None, basis: str = "known") -> dict[str, Any]:
    return {"tokens.input": taken, "tokens.output": given, "cost_usd": dollars, "cost_basis": basis}


FAILED = {"status": "error", "error_type": "tool_error"}
LONG = "chat a-model-with-a-name-that-is-far-too-long"

SCENARIO = [
    span("r", None, "agent", "invoke_agent researcher", 0, 3, status="unset"),
    span("m1", "r", "llm_call", "chat gpt-5", 0, 2, metrics=paid(12_400, 830, 0.0312)),
    span("p1", "m1", "retry", "retry", 0.5, 1, error_type="overloaded"),
    span("t1", "r", "tool_call", "execute_tool mcp:files/read_file", 2, 2.25),
    span("t2", "r", "tool_call", "execute_tool fetch_page", 2, 2.5, **FAILED, message="no\nroute to host"),
    span("t3", "r", "tool_call", "execute_tool critic", 2, 3, status="unset"),
    span("c", "t3", "agent", "invoke_agent critic", 2.1, 2.9, status="error", error_type="auth"),
    span("m2", "c", "llm_call", LONG, 2.1, 2.9, status="error", error_type="auth"),
    span("z", "r", "sleep", "sleep", 3, 86_403),
    span("r2", "r", "agent", "invoke_agent researcher", 86_403, None, links=["r"]),
    span("m3", "r2", "llm_call", "chat gpt-5", 86_403, 86_404, metrics=paid(120_000, 90, 0.00001, "estimated")),
    span("a", "r2", "approval", "approval rm", 86_404, 86_405, status="cancelled"),
]


def text(spans: list[Span], width: int, now: float = NOW + 86_405) -> list[str]:
    return ["".join(piece.text for piece in line).rstrip() for line in drawn(spans, width, now)]


@pytest.mark.parametrize("width", [80, 140])
def test_a_run_that_did_everything_is_drawn_readably(width: int) -> None:
    golden = Path(__file__).with_name(f"waterfall_{width}.txt").read_text()
    assert text(SCENARIO, width) == golden.splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    names = {"status": "error", "error_type": "e" * 200}
    deep = [
        span(str(each), str(each - 1), "tool_call", f"execute_tool {'読書' * 9}", 0, 9, **names) for each in range(200)
    ]
    lines = [*text(SCENARIO, width), *text(deep, width)]
    assert max(map(cell_len, lines)) <= width
    assert any(line.startswith("199╴ ") for line in lines)


def test_figures_that_nothing_has_take_no_room() -> None:
    head = text([span("r", None, "agent", "invoke_agent a", 0, 1)], 80)[0]
    assert head.split() == ["span", "0", "1.0", "s", "took"]


def test_what_takes_no_time_has_a_bar_too() -> None:
    spans = [span("r", None, "agent", "invoke_agent a", 0, 1), span("t", "r", "tool_call", "execute_tool t", 1, 1)]
    assert [line.count("▓") for line in text(spans, 80)] == [0, 0, 1]
    assert text([span("r", None, "agent", "invoke_agent a", 0, 0)], 80)[1].count("─") > 0


def test_a_part_of_somebody_elses_trace_stands_at_the_edge() -> None:
    assert text([span("r", "theirs", "agent", "invoke_agent a", 0, 1)], 80)[1].startswith("agent a ")


def test_a_skill_that_was_read_is_named() -> None:
    (_, line) = text(
        [span("t", None, "tool_call", "execute_tool Skill", 0, 1, attributes={"gen_ai.skill.name": "tidy"})], 80
    )
    assert line.startswith("skill tidy ")


def test_what_a_model_calls_its_tools_cannot_steer_the_terminal() -> None:
    (_, line) = text([span("t", None, "tool_call", "execute_tool \x1b[2Jx\ny", 0, 1)], 80)
    assert line.startswith("tool [2Jx y ")


def test_a_long_trace_takes_time_in_proportion() -> None:
    calls = [span("t", "r", "tool_call", "execute_tool t", each, each + 1) for each in range(99)]

    def seconds(count: int) -> float:
        spans = [span("r", None, "agent", "invoke_agent a", 0, 100)]
        spans += [calls[each % 99].model_copy(update={"span_id": str(each)}) for each in range(count)]
        began = time.process_time()
        assert len(text(spans, 80)) == count + 2
        return time.process_time() - began

    short, long = min(seconds(1000) for _ in range(3)), min(seconds(8000) for _ in range(2))
    assert long < 24 * short  # 64 would be its square


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (None, "…"),
        (0.4, "0 ms"),
        (999.4, "999 ms"),
        (1234, "1.2 s"),
        (59_949, "59.9 s"),
        (59_999, "1 m 00 s"),
        (9e7, "1 d 01 h"),
    ],
)
def test_a_span_of_time_is_told_in_few_letters(milliseconds: float | None, said: str) -> None:
    assert took(milliseconds) == said


def test_times_are_read_as_people_write_them() -> None:
    assert [span_of(each) for each in ("500ms", "2 s", "1.5m", "3h", "7d")] == [0.5, 2, 90, 10_800, 604_800]
    assert moment_of("90s", NOW) == "2023-11-14T22:11:50+00:00"
    assert moment_of("2023-11-14T22:11:50Z", NOW).replace(":", "")[:10] in ("2023-11-14", "2023-11-15")
    for wrong in ("2 fortnights", "2s", "tomorrow"):
        with pytest.raises(ValueError, match="is no"):
            moment_of(wrong, NOW) if wrong != "2s" else span_of("2")
