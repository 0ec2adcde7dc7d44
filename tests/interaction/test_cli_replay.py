"""`agiwod runs replay`: a finished run again, and once more with another model."""

from collections.abc import Iterator

import pytest
from terminal_lab import Home, events_of, home_at


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("replay")) as home:
        home.run("ask", "--agent", "worker", "6*7?")
        yield home


@pytest.fixture(scope="module")
def run(home: Home) -> str:
    return home.json("runs", "list")["runs"][0]["runId"]


def test_a_replay_plays_the_events_that_were_from_any_of_them_on(home: Home, run: str):
    events = events_of(home.run("runs", "replay", run, "--json"))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run/completed"
    assert events_of(home.run("runs", "replay", run, "--from", "5", "--json")) == events[4:]


def test_a_replay_tells_a_person_what_was_said_and_begins_no_run(home: Home, run: str):
    assert home.run("runs", "replay", run).out == "It is 42.\n"
    assert home.json("runs", "list")["runs"][0]["runId"] == run


def test_another_model_does_the_run_once_more_and_the_difference_is_shown(home: Home, run: str):
    ran = home.run("runs", "replay", run, "--model", f"scripted:{home.path}/quick.json")
    now = home.json("runs", "list")["runs"][0]["runId"]
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "Paris is the capital.",
        "",
        f"--- {run}",
        f"+++ {now}",
        "@@ -1,6 +1,2 @@",
        '-calculator {"expression":"6*7"}',
        "-  gave: 42",
        '-calculator {"expression":"1/0"}',
        "-  error: Error: division by zero",
        "-It is 42.",
        "+Paris is the capital.",
        " ended: completed",
    ]


def test_the_same_model_makes_no_difference(home: Home, run: str):
    *events, last = events_of(home.run("runs", "replay", run, "--model", f"scripted:{home.path}/worker.json", "--json"))
    assert events[-1]["type"] == "run/completed"
    assert last == {"before": run, "now": events[-1]["runId"], "difference": []}


def test_what_cannot_be_replayed_is_refused_with_what_to_do(home: Home, run: str):
    beyond = home.run("runs", "replay", run, "--from", "99")
    no_model = home.run("runs", "replay", run, "--model", "nobody:knows")
    assert [(ran.code, ran.out) for ran in (beyond, no_model)] == [(2, "")] * 2
    assert f"run {run} has" in beyond.err
