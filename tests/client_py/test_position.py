"""A position: what is known is dropped, what overlaps is trimmed, what is missing is noticed."""

from typing import Any

import pytest
from agiwo_client.position import Gap, Position
from agiwo_protocol.run import RunEvent


def durable(seq: int, type: str = "run/started", item: str | None = None, **data: Any) -> RunEvent:
    return RunEvent(run_id="r", seq=seq, at="now", type=type, item_id=item, data=data)


def delta(offset: int, text: str, attempt: int = 1, item: str = "i") -> RunEvent:
    data = {"kind": "text", "attempt": attempt, "offset": offset, "text": text}
    return RunEvent(run_id="r", after=0, at="now", type="item/delta", item_id=item, data=data)


STARTED = RunEvent(run_id="r", after=0, at="now", type="item/started", item_id="i", data={"kind": "agentMessage"})
LOG = RunEvent(run_id="r", after=0, at="now", type="log", data={"message": "hello"})


def test_each_durable_event_is_taken_once_and_in_order() -> None:
    position = Position(2)
    assert position.take(durable(2)) is None
    assert position.take(durable(3)) == durable(3)
    assert position.take(durable(3)) is None
    with pytest.raises(Gap, match="event 5 of run r follows event 3"):
        position.take(durable(5))
    assert position.seq == 3


def test_the_terminal_event_ends_it() -> None:
    position = Position()
    position.take(durable(1))
    assert not position.has_ended
    position.take(durable(2, "run/cancelled", reason="x"))
    assert position.has_ended


def test_a_replayed_item_gives_only_what_is_new() -> None:
    position = Position()
    assert position.take(STARTED) == STARTED
    assert position.take(delta(0, "hello")) == delta(0, "hello")
    assert position.take(STARTED) is None
    assert position.take(delta(0, "hel")) is None
    assert position.take(delta(0, "hello world")) == delta(5, " world")
    assert position.take(delta(11, "!")) == delta(11, "!")


def test_a_hole_in_an_items_text_is_a_gap() -> None:
    position = Position()
    position.take(STARTED)
    with pytest.raises(Gap, match="item i goes on at character 3, but only 0 have come"):
        position.take(delta(3, "lo"))


def test_a_higher_attempt_replaces_and_a_lower_one_is_stale() -> None:
    position = Position()
    position.take(STARTED)
    position.take(delta(0, "hello"))
    assert position.take(delta(0, "good", attempt=2)) == delta(0, "good", attempt=2)
    assert position.take(delta(5, " world", attempt=1)) is None
    assert position.take(delta(4, " day", attempt=2)) == delta(4, " day", attempt=2)
    with pytest.raises(Gap):
        position.take(delta(1, "x", attempt=3))


def test_offsets_count_characters_and_not_bytes() -> None:
    position = Position()
    position.take(delta(0, "grüße 👋"))
    assert position.take(delta(0, "grüße 👋!")) == delta(7, "!")


def test_items_do_not_know_each_other_and_a_completed_one_is_forgotten() -> None:
    position = Position()
    position.take(delta(0, "one"))
    assert position.take(delta(0, "two", item="j")) == delta(0, "two", item="j")
    position.take(durable(1, "item/completed", "i", kind="agentMessage", text="one"))
    assert position.take(delta(3, "!", item="j")) == delta(3, "!", item="j")


def test_what_has_no_place_passes() -> None:
    position = Position()
    assert position.take(LOG) == LOG
    strange = RunEvent(run_id="r", after=0, at="now", type="item/delta", item_id="i", data={"new": 1})
    assert position.take(strange) == strange
