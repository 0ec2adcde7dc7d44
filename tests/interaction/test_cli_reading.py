"""The commands that read: runs, agents and models, for people and for programs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal_lab import CONFIG, Home, events_of, home_at


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("reading")) as home:
        home.run("ask", "--agent", "worker", "6*7?")
        yield home


@pytest.fixture(scope="module")
def run(home: Home) -> dict[str, Any]:
    return home.json("runs", "list")["runs"][0]


def test_runs_are_listed_in_columns(home: Home, run: dict[str, Any]):
    head, line = home.run("runs", "list").out.splitlines()
    tokens = str(run["usage"]["inputTokens"] + run["usage"]["outputTokens"])
    assert head.split() == ["run", "agent", "status", "created", "tokens", "answer"]
    assert line.split() == [run["runId"], "worker", "completed", run["createdAt"][:19], tokens, "It", "is", "42."]


def test_a_terminal_gets_a_drawn_table(home: Home):
    with home.terminal("agents") as terminal:
        assert terminal.end() == 0
    assert "───" in terminal.seen
    assert "quick *" in terminal.seen


def test_a_run_is_shown_with_all_that_was_said_and_done(home: Home, run: dict[str, Any]):
    told = home.run("runs", "show", run["runId"]).out
    assert f"run      {run['runId']}\nsession  {run['sessionId']}\nagent    worker\nstatus   completed\n" in told
    assert told.split("\n\n")[1:] == [
        "> 6*7?",
        "(I should calculate.)",
        'calculator(expression="6*7") ok, 0.0 s: 42',
        'calculator(expression="1/0") error, 0.0 s: Error: division by zero',
        "It is 42.\n",
    ]


def test_a_run_as_json_is_its_object_and_its_items(home: Home, run: dict[str, Any]):
    shown = home.json("runs", "show", run["runId"])
    items = shown.pop("items")
    assert shown == run
    assert [item["kind"] for item in items] == ["userMessage", "reasoning", "toolCall", "toolCall", "agentMessage"]


def test_a_run_that_is_over_can_be_read_again_from_any_place(home: Home, run: dict[str, Any]):
    all_of_it = events_of(home.run("runs", "attach", run["runId"], "--json"))
    assert [event["seq"] for event in all_of_it] == list(range(1, run["headSeq"] + 1))
    tail = events_of(home.run("runs", "attach", run["runId"], "--after", "5", "--json"))
    assert tail == all_of_it[5:]
    assert home.run("runs", "attach", run["runId"]).out == "It is 42.\n"


def test_a_place_beyond_the_end_is_refused(home: Home, run: dict[str, Any]):
    ran = home.run("runs", "attach", run["runId"], "--after", "999")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("agiwod: ")


def test_cancelling_a_run_that_is_over_says_so(home: Home, run: dict[str, Any]):
    ran = home.run("runs", "cancel", run["runId"])
    assert (ran.code, ran.out) == (0, f"{run['runId']} has ended before: completed\n")


def test_a_run_under_way_is_cancelled_from_elsewhere(home: Home):
    with home.terminal("ask", "--model", home.endless, "tell") as terminal:
        terminal.await_text("and so on")
        run = home.json("runs", "list", "--limit", "1")["runs"][0]["runId"]
        assert home.json("runs", "cancel", run)["accepted"] is True
        assert terminal.end() == 130
    assert "the run was cancelled: cancelled in the terminal" in terminal.seen


@pytest.mark.parametrize("command", ["show", "attach", "cancel", "resume"])
def test_a_run_that_does_not_exist_is_a_usage_error(home: Home, command: str):
    ran = home.run("runs", command, "run_nowhere")
    assert (ran.code, ran.out, ran.err) == (2, "", "agiwod: no run 'run_nowhere'\n")


def test_a_conversation_is_shown_and_branched(home: Home):
    asked = events_of(home.run("ask", "--agent", "worker", "--session", "trip", "--json", "6*7?"))
    run = asked[0]["runId"]
    assert home.run("sessions", "list").out.splitlines()[1].split()[::3] == ["trip", run]
    assert home.run("sessions", "show", "trip").out.startswith(f"\n{run}\n> 6*7?\n")
    fork = home.run("sessions", "fork", "trip", "--at", run).out.strip()
    shown = home.json("sessions", "show", fork)
    assert (shown["forkedFrom"], len(shown["items"])) == (run, 5)
    assert home.run("sessions", "rewind", "trip", "--at", run, "--seq", "0").out == f"trip goes on from {run}\n"
    assert home.json("sessions", "show", "trip")["items"] == []
    refused = home.run("sessions", "fork", "trip", "--at", "run_nowhere")
    assert (refused.code, "session trip has had no such run" in refused.err) == (2, True)


def test_a_conversation_is_forgotten_once_nothing_needs_it(home: Home):
    run = events_of(home.run("ask", "--session", "past", "--json", "hi"))[0]["runId"]
    fork = home.run("sessions", "fork", "past", "--at", run).out.strip()
    refused = home.run("sessions", "delete", "past")
    assert (refused.code, f"session {fork} was forked from it" in refused.err) == (1, True)
    assert home.run("sessions", "delete", fork).out == f"{fork} is gone, with 0 runs\n"
    assert home.run("runs", "resume", run).out == f"{run} is not suspended: completed\n"
    assert home.json("sessions", "delete", "past") == {"sessionId": "past", "runs": 1}
    assert home.run("runs", "show", run).code == home.run("sessions", "delete", "past").code == 2


def test_agents_are_listed_and_the_default_one_is_marked(home: Home):
    lines = home.run("agents").out.splitlines()
    assert [line.split()[0] for line in lines] == ["agent", "quick", "slow", "worker"]
    assert lines[1].split()[:2] == ["quick", "*"]
    assert lines == home.run("agents", "list").out.splitlines()
    assert home.json("agents")["defaultAgent"] == "quick"


def test_one_agent_is_shown(home: Home):
    assert "description   Calculates, then answers\n" in home.run("agents", "show", "worker").out
    assert home.json("agents", "show", "worker")["tools"] == ["calculator", "current_time"]
    assert home.run("agents", "show", "nobody").code == 2


def test_models_tell_what_they_lack(home: Home):
    models = {model["name"]: model for model in home.json("models")["models"]}
    assert models["keyless"]["available"] is False
    assert models["keyless"]["reason"] == "set A_KEY_THAT_IS_NOT_SET"
    lines = home.run("models", "list").out.splitlines()
    assert "no: set A_KEY_THAT_IS_NOT_SET" in next(line for line in lines if line.startswith("keyless"))


def test_a_reading_command_starts_the_daemon_when_none_runs(home: Home):
    home.kill()
    assert json.loads(home.run("runs", "list", "--json").out)["runs"]


def test_what_a_run_cost_is_shown_behind_its_answer_and_with_the_run(tmp_path: Path):
    priced = """
[models.dear]
provider = "scripted"
id = "dear.json"
price = { input = 2.0, output = 10.0 }

[agents.clerk]
model = "dear"
budget = { calls = 1 }
"""
    turn = {"text": "Yes.", "usage": {"inputTokens": 1000, "outputTokens": 10}}
    with home_at(tmp_path, CONFIG + priced) as home:
        (home.path / "dear.json").write_text(json.dumps({"turns": [turn]}))
        asked = home.run("ask", "--agent", "clerk", "Is it?")
        assert " · 1000 tokens in, 10 out · $0.0021 · " in asked.err
        run = home.json("runs", "list")["runs"][0]
        assert "\ncost     $0.0021\n" in home.run("runs", "show", run["runId"]).out
