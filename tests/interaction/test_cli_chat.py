"""`agiwod chat` through a real daemon: at a terminal, and with its lines from a pipe."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from terminal_lab import CONFIG, Home, events_of, home_at

AGENTS = """
[agents.careful]
model = "scripted:careful.json"
tools = ["bash"]

[agents.broken]
model = "scripted:none.json"
"""

CAREFUL = [{"toolCalls": [{"name": "bash", "arguments": {"command": "echo one"}}]}, {"text": "Done."}]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("chat") / "home", CONFIG + AGENTS) as home:
        (home.path / "careful.json").write_text(json.dumps({"turns": CAREFUL, "repeat": True}))
        yield home


def sessions(home: Home) -> list[dict[str, Any]]:
    return home.json("sessions", "list")["sessions"]


def questions(home: Home, session: str) -> list[str]:
    items = [each["item"] for each in home.json("sessions", "show", session)["items"]]
    return [item["content"][0]["text"] for item in items if item["kind"] == "userMessage"]


# From a pipe


def test_lines_of_a_pipe_are_one_conversation_until_a_new_one_is_begun(home: Home) -> None:
    ran = home.run("chat", stdin="first\n\n /second\r\n/new\nthird")
    assert (ran.code, ran.out) == (0, "Paris is the capital.\n" * 3)
    assert [questions(home, each["sessionId"]) for each in sessions(home)] == [["third"], ["first", "/second"]]


def test_a_conversation_goes_on_in_the_session_that_is_named(home: Home) -> None:
    for line in ("one", "two"):
        events = events_of(home.run("chat", "--json", "--session", "mine", stdin=f"{line}\n"))
        assert (events[0]["type"], events[-1]["type"]) == ("run/queued", "run/completed")
    assert questions(home, "mine") == ["one", "two"]


def test_an_unknown_command_is_sent_to_nobody_and_told_what_there_is(home: Home) -> None:
    ran = home.run("chat", stdin="/etc/passwd is what?\n/help\n/quit\nnot this\n")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("there is no /etc/passwd\n/new ")
    assert ran.err.count("/quit   leave") == 2


@pytest.mark.soak
@pytest.mark.parametrize(
    ("agent", "code", "words"),
    [
        ("nobody", 2, "no agent 'nobody'"),
        ("broken", 1, "the run failed"),
        ("careful", 4, "answer with `agiwod approvals allow"),
    ],
)
def test_without_a_person_the_first_line_that_is_not_answered_is_the_last(
    home: Home, agent: str, code: int, words: str
) -> None:
    ran = home.run("chat", "--agent", agent, stdin="go\nand go\n")
    assert (ran.code, ran.err.count(words)) == (code, 1)


# At a terminal


@pytest.mark.soak
def test_a_person_talks_answers_questions_and_is_told_how_to_come_back(home: Home) -> None:
    with home.terminal("chat", "--agent", "careful") as terminal:
        terminal.await_text("Ctrl-D leaves\n> ")
        terminal.type("go\n")
        terminal.await_text("leave it open: ")
        terminal.type("s\n")
        terminal.await_text("tokens in")
        terminal.await_text("s\x1b[0m\n> ")
        terminal.type("again\n")
        terminal.await_text("again\n")
        terminal.seen = ""
        terminal.await_text("s\x1b[0m\n> ")
        terminal.type("\x04")
        assert terminal.end() == 0
    newest = sessions(home)[0]["sessionId"]
    assert "Done." in terminal.seen
    assert f"go on with `agiwod chat --session {newest}`" in terminal.seen
    assert questions(home, newest) == ["go", "again"]


@pytest.mark.soak
def test_ctrl_c_ends_the_answer_and_then_the_line_but_never_the_conversation(home: Home) -> None:
    with home.terminal("chat", "--agent", "slow") as terminal:
        terminal.await_text("> ")
        terminal.type("go\n")
        terminal.await_text("word3")
        terminal.interrupt()
        terminal.await_text("was cancelled: interrupted in the terminal\x1b[0m\n> ")
        terminal.type("half a li")
        terminal.await_text("half a li")
        terminal.interrupt()
        terminal.type("\n")  # a Ctrl-C between two looks at the keyboard is noticed at the next key
        terminal.type("/quit\n")
        assert terminal.end() == 0
    newest = sessions(home)[0]["sessionId"]
    assert questions(home, newest) == ["go"]


@pytest.mark.soak
def test_a_failed_run_is_told_and_the_person_may_say_something_else(home: Home) -> None:
    with home.terminal("chat", "--agent", "broken") as terminal:
        terminal.await_text("> ")
        terminal.type("go\n")
        terminal.await_text("look at its turns\n> ")
        terminal.type("/new\n/quit\n")
        assert terminal.end() == 0
    assert "agiwod: the run failed: " in terminal.seen
    assert "go on with" not in terminal.seen
