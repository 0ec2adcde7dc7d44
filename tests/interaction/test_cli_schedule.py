"""Agents that take long, at the terminal: submitted, watched while the daemon is killed, ended, begun by the clock."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal_lab import Home, home_at

pytestmark = pytest.mark.soak  # each test is several processes, one of them at a terminal

WORDS = " ".join(f"word{number}" for number in range(40))


def spawn(part: str) -> dict[str, Any]:
    return {"name": "spawn_agent", "arguments": {"task": f"part {part}", "agent": "worker", "child_id": part}}


SCRIPTS: dict[str, Any] = {
    "boss": [
        {"toolCalls": [spawn("one"), spawn("two"), spawn("three")], "usage": {"inputTokens": 7, "outputTokens": 5}},
        {"toolCalls": [{"name": "sleep_and_wait", "arguments": {"wake_type": "waitset"}}]},
        {"text": "All three are done."},
    ],
    "worker": [
        {"toolCalls": [{"name": "calculator", "arguments": {"expression": "6*7"}}], "delayMs": 100},
        {"text": WORDS, "deltas": 40, "delayMs": 60},
    ],
    "quick": [{"text": "It is 42."}],
    "idle": [{"text": WORDS, "deltas": 40, "delayMs": 5000}],
    "broken": [{"error": "the model is down"}],
}

CONFIG = 'default_agent = "quick"\n' + "".join(
    f'[agents.{agent}]\nmodel = "scripted:{agent}.json"\n' for agent in SCRIPTS
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home", CONFIG) as home:
        for agent, turns in SCRIPTS.items():
            (home.path / f"{agent}.json").write_text(json.dumps({"turns": turns, "repeat": len(turns) == 1}))
        yield home


def plain(seen: str) -> str:
    """The text without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "")


def test_a_tree_is_watched_live_and_a_killed_daemon_changes_nothing_but_the_time(home: Home) -> None:
    state = home.run("schedule", "submit", "Do it all.", "--agent", "boss").out.strip()
    with home.terminal("schedule", "tree", state, "--watch") as terminal:
        terminal.await_text("for all of 3 agents (0 ended)")
        terminal.await_text("├─ one")
        assert "└─ three" in terminal.seen
        home.kill()
        terminal.await_text("the daemon is gone")
        assert home.pid() is None  # who looks on does not start it
        assert home.run("start").code == 0
        assert terminal.end() == 0
    assert plain(terminal.seen).rpartition("agent ")[2].count("completed") == 4
    waited = home.run("schedule", "wait", state)
    assert (waited.code, waited.out) == (0, "All three are done.\n")
    states = home.json("schedule", "tree", state)["states"]
    assert [(each["stateId"], each["status"]) for each in states] == [
        (state, "completed"),
        ("one", "completed"),
        ("two", "completed"),
        ("three", "completed"),
    ]
    assert [each["result"] for each in states[1:]] == [WORDS] * 3
    assert len(home.json("runs", "list")["runs"]) == 4
    called = [item for item in home.json("runs", "show", states[1]["runId"])["items"] if item["kind"] == "toolCall"]
    assert [item["output"]["content"] for item in called] == ["42"]


def test_a_watcher_leaves_with_ctrl_c_and_what_it_watched_goes_on(home: Home) -> None:
    state = home.run("schedule", "submit", "Wait.", "--agent", "idle").out.strip()
    with home.terminal("schedule", "tree", "--watch") as terminal:
        terminal.await_text("running")
        terminal.interrupt()
        assert terminal.end() == 130
    assert terminal.seen.rindex("\x1b[?25h") > terminal.seen.rindex("\x1b[?25l")  # the cursor is back
    assert home.json("schedule", "tree", state)["states"][0]["status"] == "running"
    assert home.run("schedule", "cancel", state).out == f"{state} was asked to end\n"
    assert home.run("schedule", "tree", state, "--watch").out.split()[5:7] == [state, "cancelled"]
    assert "has ended before: cancelled" in home.run("schedule", "cancel", state).out
    failed = home.run("schedule", "wait", state)
    assert (failed.code, failed.out, "it was cancelled" in failed.err) == (1, "", True)


def test_a_task_is_submitted_and_its_answer_waited_for_or_followed(home: Home) -> None:
    waited = home.run("schedule", "submit", "6*7?", "--wait")
    assert (waited.code, waited.out) == (0, "It is 42.\n")
    followed = home.run("schedule", "submit", "-", "--follow", stdin="6*7?")
    assert (followed.code, followed.out) == (0, "It is 42.\n")
    failed = home.run("schedule", "submit", "6*7?", "--agent", "broken", "--wait")
    assert (failed.code, "the model is down" in failed.err) == (1, True)
    as_json = home.run("schedule", "submit", "6*7?", "--wait", "--json")
    assert json.loads(as_json.out)["response"] == "It is 42."
    assert home.run("schedule", "submit", "6*7?", "--wait", "--follow").code == 2
    assert home.run("schedule", "submit", "6*7?", "--agent", "nobody").code == 2
    assert home.run("schedule", "submit", " ").code == 2


def test_a_persistent_agent_is_given_tasks_until_it_is_shut_down(home: Home) -> None:
    assert home.run("schedule", "submit", "one", "--persistent").out == "quick\n"
    assert home.run("schedule", "wait", "quick").out == "It is 42.\n"
    assert "for a task" in home.run("schedule", "tree").out
    given = home.run("schedule", "task", "quick", "two", "--wait")
    assert (given.code, given.out) == (0, "It is 42.\n")
    assert home.run("schedule", "task", "nobody", "two").code == 2
    twice = home.run("schedule", "submit", "one", "--persistent")
    assert (twice.code, "give it another task" in twice.err) == (1, True)
    assert home.run("schedule", "shutdown", "quick").out == "quick was asked to sum up and end\n"
    assert home.run("schedule", "wait", "quick", "--timeout", "30").code == 0
    head, line = home.run("schedule", "list").out.splitlines()
    assert head.split() == ["state", "agent", "status", "created", "tokens", "task"]
    assert line.split()[:3] == ["quick", "quick", "completed"]


def test_a_schedule_is_added_listed_and_removed(home: Home) -> None:
    added = home.run("schedule", "cron", "add", "* * * * * *", "6*7?", "--name", "often", "--timezone", "Asia/Tokyo")
    assert re.fullmatch(r"often: next at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+09:00\n", added.out)
    with home.terminal("schedule", "tree", "--watch") as terminal:
        terminal.await_text("often@")
        terminal.interrupt()
        terminal.end()
    (cron,) = home.json("schedule", "cron", "list")["crons"]
    assert cron["fired"] >= 1
    assert cron["last"]["stateId"].startswith("often@")
    assert home.run("schedule", "wait", cron["last"]["stateId"]).out == "It is 42.\n"
    assert home.run("schedule", "cron", "list").out.splitlines()[1].startswith("often  quick  * * * * * *  Asia/Tokyo")
    assert home.run("schedule", "cron", "remove", "often").out == "often begins no more tasks\n"
    assert home.json("schedule", "cron", "list")["crons"] == []
    assert home.run("schedule", "cron", "remove", "often").code == 2
    wrong = home.run("schedule", "cron", "add", "61 * * * *", "6*7?")
    assert (wrong.code, "cron: '61' is no minute" in wrong.err) == (2, True)
