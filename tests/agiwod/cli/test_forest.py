"""Scheduled agents as lines of a tree: every state that one can be in, and where it stands in the tree."""

from typing import Any

import pytest
from agiwo_protocol.scheduler import State, Wake
from agiwod.cli.forest import about, lines, span

NOW = 1_700_000_000.0
IN_90_S = "2023-11-14T22:14:50Z"


def state(id: str, above: str | None = None, status: Any = "running", **members: Any) -> State:
    known: dict[str, Any] = {
        "state_id": id,
        "agent_id": id,
        "session_id": "s",
        "parent_state_id": above,
        "status": status,
        "run_id": "r",
        "run_status": {"pending": "queued"}.get(status, status),
        "task": "go",
        "created_at": "2023-11-14T22:13:20Z",
        "updated_at": "2023-11-14T22:13:20Z",
    }
    return State(**{**known, **members})


def test_each_agent_stands_below_the_one_that_started_it() -> None:
    forest = [
        state("root", elapsed_ms=90_000, tokens=12),
        state("a", "root"),
        state("a1", "a"),
        state("a2", "a"),
        state("b", "root"),
        state("b1", "b"),
        state("other"),
    ]
    assert [line.cells[0] for line in lines(forest, NOW)] == [
        "root",
        "├─ a",
        "│  ├─ a1",
        "│  └─ a2",
        "└─ b",
        "   └─ b1",
        "other",
    ]
    assert lines(forest, NOW)[0].cells == ("root", "running", "", "1 m 30 s", "12")


def test_an_agent_whose_parent_is_not_shown_is_a_root() -> None:
    assert [line.cells[0] for line in lines([state("a", "gone"), state("b", "a")], NOW)] == ["a", "└─ b"]


def test_an_agent_is_named_where_its_id_does_not_tell() -> None:
    (line,) = lines([state("nightly", agent_id="researcher")], NOW)
    assert line.name == "nightly (researcher)"


def test_time_goes_on_for_those_who_have_not_ended() -> None:
    forest = [
        state("a", elapsed_ms=1000),
        state("b", status="completed", elapsed_ms=1000),
        state("idle", status="sleeping", run_status="completed", elapsed_ms=1000),
    ]
    assert [line.elapsed for line in lines(forest, NOW, passed=4.0)] == ["5 s", "1 s", "1 s"]


def waiting(type: Any, **members: Any) -> dict[str, Any]:
    return {"status": "sleeping", "wake": Wake(type=type, **members)}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, ""),
        ({"status": "completed", "result": "Paris"}, ""),
        ({"status": "failed", "result": "the model\nis down"}, "the model is down"),
        ({"status": "cancelled", "result": "enough"}, "enough"),
        ({"status": "pending"}, "for its turn"),
        ({"status": "pending", "run_status": "suspended"}, "until it can go on"),
        ({"run_status": "waiting"}, "for an answer"),
        ({"queued": 2}, "2 more to do"),
        ({"closing": True}, "is to sum up and end"),
        ({"closing": True, "status": "completed"}, ""),
        (waiting("task"), "for a task"),
        (waiting("timer", wake_at=IN_90_S), "for 1 m 30 s"),
        (waiting("periodic", wake_at="2023-11-14T22:00:00Z"), "for 0 s"),
        (waiting("waitset", states=["a", "b"], ended=["b"]), "for all of 2 agents (1 ended)"),
        (
            waiting("waitset", mode="any", states=["a", "b", "c"], timeout_at=IN_90_S) | {"closing": True},
            "for any of 3 agents (0 ended), 1 m 30 s at most, is to sum up and end",
        ),
    ],
)
def test_what_an_agent_waits_for_is_said_in_few_words(members: dict[str, Any], said: str) -> None:
    assert about(state("a", **members), NOW) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 m 00 s"), (3599, "59 m 59 s"), (3600, "1 h 00 m"), (90000, "1 d 01 h")],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said
