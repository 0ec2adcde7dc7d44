"""What the runtime has, as the wire says it."""

from datetime import datetime
from typing import Any

import orjson
import pytest
from agiwo.schema.event import Event
from agiwo.schema.record import RunHead
from agiwo.schema.run import RunResult, RunStatus, TerminationReason, Usage
from agiwo_protocol.run import RunEvent
from agiwod.face.rpc import encode
from agiwod.face.rpc.moment import moment, plain_moment
from agiwod.runtime.runs import RunState
from hypothesis import given
from hypothesis import strategies as st


def event(run: str = "r", seq: int | None = 1, text: str = "x") -> Event:
    return Event(run, "item/completed", {"text": text}, 1_700_000_000.5, seq=seq, after=None if seq else 1, item="i")


@given(st.floats(min_value=0, max_value=4e9))
def test_a_moment_is_iso_8601_in_utc_and_means_the_same(at: float) -> None:
    text = moment(at)
    assert text.endswith("Z")
    assert datetime.fromisoformat(text).timestamp() == pytest.approx(at, abs=1e-5)


@given(st.floats(min_value=-1e6, max_value=4e9) | st.integers(0, 4 * 10**15).map(lambda micros: micros / 1e6))
def test_a_moment_is_what_a_datetime_says(at: float) -> None:
    assert moment(at) == plain_moment(at)


@pytest.mark.parametrize("type", ["item/completed", "run/completed", "milestone"])
@pytest.mark.parametrize("data", [{}, {"text": "ä\n", "n": [1.5, None]}, {"response": "yes"}])
def test_an_event_that_a_store_has_as_json_goes_out_as_any_other(type: str, data: dict[str, Any]) -> None:
    stored = Event.stored("r", 7, type, orjson.dumps(data), 1_700_000_000.5, "i")
    read = Event("r", type, data, 1_700_000_000.5, seq=7, item="i")
    assert encode.Frames().of(stored) == encode.Frames().of(read)
    assert encode.run_event(stored) == encode.run_event(read)
    assert stored == read


def test_a_durable_event_has_a_seq_and_an_ephemeral_one_what_it_follows() -> None:
    durable, ephemeral = encode.run_event(event()), encode.run_event(event(seq=None))
    assert (durable["seq"], "after" in durable) == (1, False)
    assert (ephemeral["after"], "seq" in ephemeral) == (1, False)
    for params in (durable, ephemeral):
        assert RunEvent.model_validate(params, by_alias=True).to_wire() == params


def test_a_recorded_event_is_encoded_once_for_all_its_readers() -> None:
    frames = encode.Frames()
    assert frames.of(event()) is frames.of(event())
    assert orjson.loads(frames.of(event()))["params"]["runId"] == "r"


def test_an_event_that_readers_share_is_encoded_once_whoever_else_has_told_it_before() -> None:
    frames, shared = encode.Frames(), event(seq=None)
    shared.form = b"another face's"
    assert orjson.loads(frames.of(shared))["params"]["after"] == 1
    assert frames.of(shared) is encode.Frames().of(shared)
    assert frames.of(shared) is not frames.of(event(seq=None))


def test_the_frames_that_are_kept_are_bounded_and_the_latest_stay() -> None:
    frames = encode.Frames(limit=4000)
    kept = [frames.of(event(seq=seq, text="x" * 900)) for seq in range(1, 11)]
    assert frames.of(event(seq=10, text="x" * 900)) is kept[-1]
    assert frames.of(event(seq=1, text="x" * 900)) is not kept[0]
    assert frames.of(event(seq=11, text="x" * 10_000)) == frames.of(event(seq=11, text="x" * 10_000))


def test_every_status_of_the_engine_has_a_word_on_the_wire_and_back() -> None:
    for status in RunStatus:
        word = encode.status(status)
        assert status in (encode.statuses([word]) or ())
    assert encode.statuses(["running"]) == {RunStatus.RUNNING, RunStatus.CANCELLING}
    assert encode.statuses(None) is None


def test_a_run_says_how_it_ended_with_whole_values_and_leaves_out_what_it_has_not() -> None:
    head = RunHead("r", "s", "a", RunStatus.COMPLETED, 1.0, 2.0, head=5)
    usage = Usage(1, 2, 3, 4, 0.5, "known")
    output = {"deep": {"none": None}}
    result = RunResult("r", "s", RunStatus.COMPLETED, "yes", output, TerminationReason.COMPLETED, usage)
    wire = encode.run_object(RunState(head, None, 2.0, result, "sonnet")).to_wire()
    assert (wire["output"], wire["model"]) == (output, "sonnet")
    assert wire["usage"] == usage.to_json()
    assert "startedAt" not in wire
    assert "error" not in wire
