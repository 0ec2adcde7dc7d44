"""`agiwod ask` from outside: a real command, a real daemon, a model that says what its script says."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from terminal_lab import WORDS, Home, events_of, home_at


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("ask")) as home:
        yield home


def test_the_first_question_starts_a_daemon_and_is_answered_on_stdout(home: Home):
    ran = home.run("ask", "What is the capital of France?")
    assert (ran.code, ran.out) == (0, "Paris is the capital.\n")
    assert re.fullmatch(r"\S*quick\.json · 7 tokens in, 5 out · \d+\.\d s\n", ran.err)


def test_tools_and_reasoning_are_told_on_stderr(home: Home):
    ran = home.run("ask", "--agent", "worker", "6*7?")
    assert (ran.code, ran.out) == (0, "It is 42.\n")
    assert ran.err.splitlines()[:5] == [
        "I should calculate.",
        'calculator(expression="6*7") …',
        'calculator(expression="1/0") …',
        'calculator(expression="6*7") ok, 0.0 s: 42',
        'calculator(expression="1/0") error, 0.0 s: Error: division by zero',
    ]


def test_the_events_as_lines_have_every_seq_and_every_character(home: Home):
    ran = home.run("ask", "--json", "--agent", "slow", "tell")
    events = events_of(ran)
    seqs = [event["seq"] for event in events if "seq" in event]
    texts: dict[str, str] = defaultdict(str)
    for event in events:
        if event["type"] == "item/delta":
            assert event["data"]["offset"] == len(texts[event["itemId"]])
            texts[event["itemId"]] += event["data"]["text"]
    assert ran.code == 0
    assert seqs == list(range(1, len(seqs) + 1))
    assert events[-1]["type"] == "run/completed"
    assert list(texts.values()) == [WORDS]
    assert _item(events, "agentMessage") == WORDS


def _item(events: list[dict[str, Any]], kind: str) -> str:
    (text,) = (each["data"]["text"] for each in events if each["data"].get("kind") == kind and "seq" in each)
    return text


def test_a_dash_reads_the_question_from_stdin(home: Home):
    events = home.run("ask", "-", "--json", stdin="Größe?\nSecond line.").out
    assert '"text":"Größe?\\nSecond line."' in events


def test_another_model_answers_when_it_is_named(home: Home):
    ran = home.run("ask", "--model", f"scripted:{home.path / 'worker.json'}", "6*7?")
    assert (ran.code, ran.out) == (0, "It is 42.\n")


def test_a_session_goes_on_under_its_name(home: Home):
    first = events_of(home.run("ask", "--json", "one"))[0]["data"]["sessionId"]
    ran = home.run("ask", "--json", "--session", first, "two")
    assert ran.code == 0
    assert events_of(ran)[0]["data"]["sessionId"] == first


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--agent", "nobody", "hi"], "agiwod: no agent 'nobody'; there are quick, slow, worker\n"),
        (["--model", "nothing", "hi"], "agiwod: no model 'nothing'; known are "),
        ([" "], 'agiwod: there is no question\n  try: agiwod ask "…"\n'),
        ([], "Usage: agiwod ask"),
    ],
)
def test_what_does_not_exist_is_a_usage_error(home: Home, argv: list[str], said: str):
    ran = home.run("ask", *argv)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(said)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            "keyless",
            "agiwod: the run failed: model 'keyless' takes its key from A_KEY_THAT_IS_NOT_SET, which is not set\n"
            "  set that variable and start the daemon anew (`agiwod restart`), or choose another model with --model; "
            "`agiwod models` tells which can be used\n",
        ),
        (
            "deaf",
            "agiwod: the run failed: 127.0.0.1:9: cannot connect (Connection refused)\n"
            "  is the server running at the model's base_url? `agiwod models` lists the models\n",
        ),
    ],
)
def test_a_failed_run_says_what_to_do(home: Home, model: str, said: str):
    ran = home.run("ask", "--model", model, "hi")
    assert (ran.code, ran.out, ran.err) == (1, "", said)


def test_a_failed_run_is_told_to_programs_too(home: Home):
    ran = home.run("ask", "--json", "--model", "deaf", "hi")
    last = events_of(ran)[-1]
    assert (ran.code, last["type"], last["data"]["error"]["kind"]) == (1, "run/failed", "connection")


def test_a_reader_that_goes_away_ends_the_command_quietly_and_not_the_run(home: Home):
    with home.process("ask", "--json", "--agent", "slow", "tell") as asking:
        assert asking.stdout is not None
        assert asking.stderr is not None
        first = os.read(asking.stdout.fileno(), 100)
        asking.stdout.close()
        assert (asking.stderr.read(), asking.wait()) == (b"", 1)
    run = re.search(rb'"runId":"(\w+)"', first)
    assert run is not None
    attached = home.run("runs", "attach", run[1].decode())
    assert (attached.code, attached.out) == (0, f"{WORDS}\n")
