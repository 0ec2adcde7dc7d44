"""What every reader of a run may count on, and how it is told when it does not hold."""

from typing import Any

import pytest
from agiwod.conformance.run_events import RunEvents

RUN = "run_1"


def durable(seq: int, type: str, **more: Any) -> dict[str, Any]:
    return {"runId": RUN, "seq": seq, "type": type, "data": {}, **more}


def delta(after: int, offset: int, text: str, attempt: int = 1) -> dict[str, Any]:
    data = {"kind": "text", "attempt": attempt, "offset": offset, "text": text}
    return {"runId": RUN, "after": after, "type": "item/delta", "itemId": "i", "data": data}


def test_a_run_that_is_told_as_it_should_be_has_no_fault_and_an_end() -> None:
    events = RunEvents(RUN)
    told = [
        durable(1, "run/queued"),
        {"runId": "another", "seq": 9, "type": "run/queued"},
        durable(2, "run/started"),
        delta(2, 0, "Hel"),
        delta(2, 3, "lo"),
        delta(2, 0, "Hello", attempt=2),
        durable(3, "item/completed", itemId="i"),
        durable(4, "run/completed"),
    ]
    assert [events.take(each) for each in told] == [None] * len(told)
    assert events.is_over
    assert events.lacks(["run/queued", "item/completed", "run/completed"]) is None
    assert "run/queued" in (events.lacks(["run/started", "run/queued"]) or "")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (durable(4, "run/completed"), "seq 4 comes after seq 2"),
        (durable(2, "run/started"), "seq 2 comes after seq 2"),
        (delta(3, 0, "x"), "an event that follows seq 3 comes after seq 2"),
        (delta(2, 5, "x"), "offset 5 of item i comes where 0 should"),
        ({**delta(2, 0, "x"), "seq": 3}, "an event has either `seq` or `after`"),
    ],
)
def test_a_hole_in_what_is_told_is_a_fault(told: dict[str, Any], said: str) -> None:
    events = RunEvents(RUN, after=2)
    assert events.take(told) == said


def test_a_delta_of_an_item_that_is_completed_is_a_fault() -> None:
    events = RunEvents(RUN, after=2)
    assert events.take(durable(3, "item/completed", itemId="i")) is None
    assert events.take(delta(3, 0, "x")) == "a delta of item i comes after the completed item"
