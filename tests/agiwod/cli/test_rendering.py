"""What a terminal, a file and a pipe are shown of a run, as whole outputs over recorded events."""

from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

import pytest
from agiwo_protocol.run import RunEvent
from agiwod.cli.plain import without_controls
from agiwod.cli.screen import Screen
from agiwod.cli.table import aligned, show_table
from agiwod.cli.telling import Telling, Waiting

PLAIN = {"NO_COLOR": "1"}
USAGE = {"inputTokens": 12, "outputTokens": 34}
RUN = "run_20pvtyynwc3adw44pfh7x2gmwm"
DONE: dict[str, Any] = {"response": "Paris.", "terminationReason": "completed", "usage": USAGE, "durationMs": 2149}


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def event(type: str, item: str | None = None, **data: Any) -> RunEvent:
    return RunEvent(run_id="run_1", seq=None, at="2026-01-01T00:00:00Z", type=type, item_id=item, data=data)


def delta(text: str, item: str = "m", *, kind: str = "text", attempt: int = 1, offset: int = 0) -> RunEvent:
    return event("item/delta", item, kind=kind, attempt=attempt, offset=offset, text=text)


def said(text: str, item: str = "m", *, kind: str = "agentMessage") -> RunEvent:
    return event("item/completed", item, kind=kind, text=text)


def tool(output: Mapping[str, Any], item: str = "t", **arguments: Any) -> RunEvent:
    fields: dict[str, Any] = {"callId": "c", "name": "calculator", "arguments": arguments, "output": output}
    return event("item/completed", item, kind="toolCall", durationMs=130, **fields)


STARTED = event("run/started", agentId="a", sessionId="s", model="smollm2-135m")
COMPLETED = event("run/completed", **DONE)


def on_terminal(events: Iterable[RunEvent], environ: Mapping[str, str] = PLAIN) -> str:
    both = Terminal()
    show(events, Screen(both, both, environ))
    return both.getvalue()


def in_files(events: Iterable[RunEvent]) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    show(events, Screen(out, err, {}))
    return out.getvalue(), err.getvalue()


def show(events: Iterable[RunEvent], screen: Screen) -> None:
    telling = Telling()
    with screen:
        for each in events:
            for piece in telling.tell(each):
                screen.show(piece)


def test_an_answer_is_streamed_and_followed_by_a_line_of_figures():
    events = [STARTED, event("item/started", "m", kind="agentMessage"), delta("Par"), delta("is."), said("Paris.")]
    assert on_terminal([*events, COMPLETED]) == "Paris.\nsmollm2-135m · 12 tokens in, 34 out · 2.1 s\n"


def test_a_file_gets_the_answer_and_stderr_all_the_rest():
    thought = delta("Hm.", "r", kind="reasoning")
    events = [STARTED, thought, delta("Paris."), said("Hm.", "r", kind="reasoning"), said("Paris."), COMPLETED]
    assert in_files(events) == ("Paris.\n", "Hm.\nsmollm2-135m · 12 tokens in, 34 out · 2.1 s\n")


def test_reasoning_is_dim_and_ends_its_line_before_the_answer():
    events = [delta("Hm", "r", kind="reasoning"), delta("Paris."), said("Hm", "r", kind="reasoning"), said("Paris.")]
    assert on_terminal(events, {}) == "\x1b[2mHm\x1b[0m\nParis.\n"


def test_tool_calls_are_told_as_they_start_and_as_they_end():
    opened = event("item/started", "t", kind="toolCall", callId="c", name="calculator")
    arguments = [delta(text, "t", kind="toolArguments") for text in ('{"expression": ', '"6*7"}')]
    ended = tool({"content": "42", "isError": False}, expression="6*7")
    assert on_terminal([opened, *arguments, ended]) == (
        'calculator(expression="6*7") …\ncalculator(expression="6*7") ok, 0.1 s: 42\n'
    )


def test_what_a_tool_says_while_it_works_is_what_is_waited_for():
    rendering = Telling()
    opened = event("item/started", "t", kind="toolCall", callId="c", name="build")
    outputs = [delta(text, "t", kind="toolOutput") for text in ("one\n[/dim] two\n", "\n", "[3/4]")]
    waited = [rendering.tell(each) for each in (opened, *outputs)]

    assert waited == [[Waiting("build")], [Waiting("build: [/dim] two")], [], [Waiting("build: [3/4]")]]


def test_a_failed_tool_call_says_error_and_quotes_the_tool():
    ended = tool({"content": "Error: division by zero\nand more", "isError": True}, expression="1/0")
    assert on_terminal([ended]) == 'calculator(expression="1/0") error, 0.1 s: Error: division by zero and more\n'


def test_long_arguments_and_results_are_shortened_to_a_line():
    ended = tool({"content": "y" * 500, "isError": False}, expression="x" * 500, other=list(range(500)))
    (line,) = on_terminal([ended]).splitlines()
    shown_x, shown_list, shown_y = '"' + "x" * 38 + "…", "[0, 1, 2, 3, 4, 5, 6, 7, 8, ", "y" * 59 + "…"
    assert line.startswith(f"calculator(expression={shown_x}, other={shown_list[:17]}")
    assert line.endswith(f"…) ok, 0.1 s: {shown_y}")


def test_a_note_in_the_middle_of_an_answer_breaks_the_line_of_a_terminal_and_of_no_file():
    retry = event("run/retrying", attempt=2, delay=1.5, reason="the stream was cut")
    events = [delta("Pa"), retry, delta("ris.", offset=2), said("Paris.")]
    note = "the stream was cut; asking again in 1.5 s (request 2)\n"
    assert on_terminal(events) == f"Pa\n{note}ris.\n"
    assert in_files(events) == ("Paris.\n", note)


def test_a_run_that_sleeps_says_why_and_for_how_long():
    events = [event("run/sleeping", seconds=300.0, reason="lab answered 429"), event("run/woken"), said("Paris.")]
    assert in_files(events) == ("Paris.\n", "lab answered 429; the run sleeps for 300 s\n")


def test_a_second_attempt_that_says_the_same_goes_on_where_the_first_was_cut():
    events = [delta("The capital"), delta("The ", attempt=2), delta("capital is Paris.", attempt=2)]
    assert on_terminal(events) == "The capital is Paris.\n"
    assert in_files([*events, said("The capital is Paris.")]) == ("The capital is Paris.\n", "")


def test_a_second_attempt_that_says_something_else_begins_anew_and_says_so():
    events = [delta("The capital"), delta("The ", attempt=2), delta("answer is Paris.", attempt=2)]
    assert on_terminal([*events, said("The answer is Paris.")]) == (
        "The capital\nthis was cut off; it begins anew\nThe answer is Paris.\n"
    )


def test_a_completed_item_gives_what_its_deltas_did_not():
    assert on_terminal([delta("Par"), said("Paris."), said("And that is all.", "n")]) == "Paris.\nAnd that is all.\n"


def test_a_completed_item_that_differs_from_its_deltas_is_shown_whole():
    assert on_terminal([delta("Pariss"), said("Paris.")]) == "Pariss\nthis was cut off; it begins anew\nParis.\n"


def test_a_restart_of_the_daemon_is_told():
    events = [delta("Par"), event("run/resumed"), delta("Paris.", attempt=2), said("Paris.")]
    assert in_files(events) == ("Paris.\n", "the daemon was gone; it is back, and the run goes on\n")


def test_a_limit_that_ended_the_run_is_told():
    ended = event("run/completed", **{**DONE, "terminationReason": "max_steps"})
    assert in_files([STARTED, ended])[1] == (
        "the run was ended by its limit: max_steps\nsmollm2-135m · 12 tokens in, 34 out · 2.1 s\n"
    )


def test_what_a_run_cost_is_told_when_it_is_known():
    data: dict[str, Any] = {**DONE, "usage": {**USAGE, "costUsd": 0.01234}}
    ended = event("run/completed", **data)
    assert in_files([STARTED, ended])[1] == "smollm2-135m · 12 tokens in, 34 out · $0.0123 · 2.1 s\n"


@pytest.mark.parametrize(
    ("cost", "basis", "shown"),
    [
        (0.01234, "known", "$0.0123 · "),
        (0.01234, "estimated", "about $0.0123 · "),
        (0.01234, "lowerBound", "at least $0.0123 · "),
        (0.00000123, "known", "$1.2e-06 · "),
        (0.0, "known", ""),
    ],
)
def test_how_sure_it_is_what_a_run_cost_is_told_and_nothing_of_what_was_free(cost: float, basis: str, shown: str):
    data: dict[str, Any] = {**DONE, "usage": {**USAGE, "costUsd": cost, "costBasis": basis}}
    ended = event("run/completed", **data)
    assert in_files([STARTED, ended])[1] == f"smollm2-135m · 12 tokens in, 34 out · {shown}2.1 s\n"


def test_a_cancelled_run_tells_why():
    cancelled = [event("run/cancelled", reason="enough")]
    assert in_files(cancelled) == ("", "the run was cancelled: enough\n")
    assert on_terminal(cancelled, {}) == "\x1b[31mthe run was cancelled: enough\x1b[0m\n"


def test_events_of_later_versions_are_passed_over():
    assert in_files([event("run/levitated", height=3), event("item/completed", "x", kind="hologram")]) == ("", "")


def test_a_model_cannot_steer_the_terminal():
    trick = "\x1b]0;owned\x07\x1b[2Jred\x9b31m"
    assert on_terminal([said(trick)]) == "]0;owned[2Jred31m\n"
    assert on_terminal([tool({"content": trick, "isError": False})]) == "calculator() ok, 0.1 s: ]0;owned[2Jred31m\n"
    assert in_files([said(trick)])[0] == f"{trick}\n"


def test_words_of_any_language_are_left_as_they_are():
    assert without_controls("Größe\t北京\n👩‍🚀") == "Größe\t北京\n👩‍🚀"


def test_columns_are_as_wide_as_their_longest_cell():
    assert aligned(("run", "status"), [("r1", "completed"), ("run_22", "x")]) == [
        "run     status",
        "r1      completed",
        "run_22  x",
    ]


@pytest.mark.parametrize("columns", [20, 60, 80, 200])
def test_what_a_row_is_called_is_never_cut_however_narrow_the_terminal(monkeypatch: Any, columns: int):
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    show_table(
        ("run", "agent", "created", "answer"), [(RUN, "assistant", "2026-11-22T18:42:19", "words " * 9)], terminal
    )
    assert RUN in terminal.getvalue()
    assert "…" not in terminal.getvalue()


def test_how_a_question_ended_is_a_line_with_who_ended_it() -> None:
    asked = event("approval/requested", "t", approvalId="a", title="Allow bash?", subject={"name": "bash"}, options=[])
    endings = [
        event("approval/resolved", "t", approvalId="a", name="bash", outcome="deny", by="me", reason="not\ntoday"),
        event("approval/resolved", "t", approvalId="b", name="bash", outcome="allow_once"),
        event("approval/resolved", "t", approvalId="c", name="bash", outcome="expired"),
    ]
    _, err = in_files([STARTED, asked, *endings])
    assert err == "bash was not allowed by me: not today\nbash was allowed\nbash was not answered in time\n"


def test_what_a_run_says_while_somebody_is_asked_comes_after_the_answer() -> None:
    both = Terminal()
    with Screen(both, both, PLAIN) as screen:
        telling = Telling()
        with screen.holding():
            screen.note("Allow bash?")
            screen.ask("yes or no: ")
            for piece in telling.tell(delta("Hello")):
                screen.show(piece)
            screen.answered()
        for piece in telling.tell(said("Hello.")):
            screen.show(piece)
    assert both.getvalue() == "Allow bash?\nyes or no: Hello.\n"
