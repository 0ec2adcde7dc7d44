"""The tree of agents as it is drawn: where there is little room, only what an agent waits for is cut."""

from io import StringIO

import pytest
from agiwo_protocol.scheduler import State, TreeResult, Wake
from agiwod.cli.live_tree import Drawn, Printed
from rich.console import Console
from rich.live import Live

NAME = "an_orchestrator_with_a_long_name"


def tree(status: str = "sleeping") -> TreeResult:
    members = {
        "stateId": NAME,
        "agentId": NAME,
        "sessionId": "s",
        "status": status,
        "runId": "r",
        "runStatus": status,
        "task": "go",
        "tokens": 310,
        "elapsedMs": 3000,
        "createdAt": "2023-11-14T22:13:20Z",
        "updatedAt": "2023-11-14T22:13:20Z",
    }
    wake = Wake(type="waitset", states=["a\x1b[31m", "b"]).to_wire()
    return TreeResult(states=[State.model_validate({**members, "wake": wake})])


def drawn(found: TreeResult, width: int, *, is_gone: bool = False) -> str:
    screen = StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    with Live(console=console, auto_refresh=False) as live:
        Drawn(live).show(found, 1.0, is_gone=is_gone)
    return screen.getvalue()


def test_where_there_is_little_room_only_what_is_waited_for_is_cut() -> None:
    wide, narrow = drawn(tree(), 120), drawn(tree(), 72)
    assert "for all of 2 agents (0 ended)" in wide
    assert "for all of…" in narrow
    assert all(each in narrow for each in (NAME, "sleeping", "4 s", "310"))


def test_a_daemon_that_is_gone_is_told_and_stops_the_clock() -> None:
    assert "3 s" in (seen := drawn(tree(), 100, is_gone=True))
    assert "the daemon is gone; this is how things stood" in seen


def test_nobody_at_work_is_said_in_words() -> None:
    assert "no agent is at work" in drawn(TreeResult(states=[]), 80)


def test_what_is_printed_is_printed_once_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    printed, first = Printed(as_json=False), tree()
    printed.show(first, 0.0, is_gone=False)
    printed.show(first, 1.0, is_gone=True)
    printed.show(tree("completed"), 0.0, is_gone=False)
    out, err = capsys.readouterr()
    assert (out.count("sleeping"), out.count("completed"), out.count("\x1b")) == (1, 1, 0)
    assert err.splitlines() == ["the daemon is gone; this is how things stood", "the daemon is back"]
