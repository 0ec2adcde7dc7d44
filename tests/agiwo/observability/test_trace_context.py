import pytest
from agiwo import ids
from agiwo.schema.trace_context import TraceContext, key_of, key_of_item, run_of, trace_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_header_says_what_it_was_made_of():
    for sampled in (True, False):
        context = TraceContext(TRACE, SPAN, sampled)
        assert TraceContext.parse(context.header) == context
    assert TraceContext.parse(f"01-{TRACE}-{SPAN}-03-later-versions-may-add") == TraceContext(TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_a_header_that_is_none_is_no_context(header: str | None):
    assert TraceContext.parse(header) is None


def test_a_run_and_the_trace_that_it_begins_name_each_other():
    for run in (ids.fresh("run"), ids.derived("run", "a", "b")):
        assert run_of(trace_id(run)) == run
    assert len(trace_id("made up by somebody else")) == 32


def test_a_step_below_somebody_elses_span_is_in_its_trace_and_sampled_like_it():
    header = TraceContext(TRACE, SPAN, is_sampled=False).header
    step = TraceContext.of_step("run1", header, "0/llm")
    assert (step.trace_id, step.is_sampled) == (TRACE, False)
    assert step.span_id not in (SPAN, TraceContext.of_step("run1", header).span_id)


@pytest.mark.parametrize(
    ("step", "key"),
    [
        ("0/llm", "0/llm"),
        ("summary/llm", "summary/llm"),
        ("3/compact", "3/compact"),
        ("0.1/run", "0.1"),
        ("0.1/spawn", "0.1"),
        ("0.1", "0.1"),
        ("input/before", "run"),
        ("", "run"),
    ],
)
def test_everything_about_a_call_is_part_of_its_span(step: str, key: str):
    assert key_of(step) == key


def test_items_come_from_the_spans_of_their_steps():
    items = {"run.0.message": "0/llm", "run.0.reasoning": "0/llm", "run.2.1": "2.1", "run.input": "run"}
    assert {item: key_of_item("run", item) for item in items} == items
    assert key_of_item("run", None) == "run"
