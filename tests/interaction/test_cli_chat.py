"""`agiwod chat` through a real daemon: at a terminal, and with its lines from a pipe."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from terminal_lab import CONFIG, WORDS, Home, Terminal, events_of, home_at

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
    assert ran.err.count("leave, as Ctrl-D does") == 2


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


def test_the_agent_is_chosen_and_the_conversation_goes_on(home: Home) -> None:
    lines = "/agent worker\nhow much?\n/agent quick\nhi\n/agents\n/exit\nnot this\n"
    ran = home.run("chat", "--session", "two", stdin=lines)
    assert (ran.code, ran.out) == (0, "It is 42.\nParis is the capital.\n")
    assert "worker answers now\n" in ran.err
    assert "quick *" in ran.err
    assert questions(home, "two") == ["how much?", "hi"]


@pytest.mark.soak
def test_the_model_is_chosen_and_the_agents_own_is_taken_again(home: Home) -> None:
    (home.path / "other.json").write_text(json.dumps({"turns": [{"text": "Other."}]}))
    ran = home.run("chat", stdin=f"/model scripted:{home.path}/other.json\nhi\n/model -\nhi\n/model\n")
    assert (ran.code, ran.out) == (0, "Other.\nParis is the capital.\n")
    assert "the model of the agent answers now" in ran.err
    assert "keyless" in ran.err


@pytest.mark.soak
def test_a_fork_goes_on_in_a_copy_and_a_rewind_takes_questions_back(home: Home) -> None:
    ran = home.run("chat", "--session", "root", stdin="one\ntwo\n/fork 1\nthree\nfour\n/rewind\nfive\n/history\n")
    assert ran.code == 0
    fork = sessions(home)[0]["sessionId"]
    assert questions(home, "root") == ["one", "two"]
    assert questions(home, fork) == ["one", "three", "five"]
    assert f"this is {fork} now; root stays as it was\n" in ran.err
    assert "the last question is taken back\n" in ran.err
    assert "> one\nParis is the capital.\n> three\n" in ran.err


@pytest.mark.soak
def test_a_skill_is_followed_with_a_task_for_it(home: Home) -> None:
    ran = home.run("chat", "--session", "skilled", stdin="/skills\n/skill commit-message for this change\n")
    assert (ran.code, "review-diff" in ran.err) == (0, True)
    [asked] = questions(home, "skilled")
    assert asked.endswith("\n\nThe task: for this change")


@pytest.mark.soak
def test_the_conversation_that_was_used_last_goes_on_with_its_agent(home: Home) -> None:
    home.run("chat", "--agent", "worker", "--session", "last", stdin="one\n")
    ran = home.run("chat", "--continue", stdin="two\n/session\n/session root\nsix\n")
    assert ran.out == "It is 42.\nParis is the capital.\n"
    assert "last *" in ran.err
    assert questions(home, "last") == ["one", "two"]
    assert questions(home, "root") == ["one", "two", "six"]


@pytest.mark.soak
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("/agent nobody", "no agent 'nobody'"),
        ("/session nowhere", "nowhere"),
        ("/skill none-such", "none-such"),
        ("/fork", "nothing was said so far"),
        ("hi\n/fork 5", "there are 1 questions"),
        ("hi\n/rewind 0", "there are 1 questions"),
        ("hi\n/rewind many", "'many' is no number"),
    ],
)
def test_without_a_person_a_command_that_cannot_be_done_is_the_last(home: Home, lines: str, words: str) -> None:
    ran = home.run("chat", stdin=f"{lines}\nnot this\n")
    assert (ran.code, words in ran.err, ran.out.count("Paris")) == (2, True, lines.count("hi"))


# At a terminal


def prompted(terminal: Terminal) -> str:
    """What was on the screen when the next message may be typed."""
    terminal.await_text("\x1b[?2004h")  # from here on what is pasted is marked as such
    seen, terminal.seen = terminal.seen, ""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "")


def said(terminal: Terminal, message: str) -> str:
    """What is on the screen between a message and the prompt for the next one."""
    terminal.type(f"{message}\r")
    return prompted(terminal)


def test_a_person_talks_answers_questions_and_is_told_how_to_come_back(home: Home) -> None:
    with home.terminal("chat", "--agent", "careful") as terminal:
        assert "Ctrl-D leaves" in prompted(terminal)
        terminal.type("go\r")
        terminal.await_text("leave it open: ")
        terminal.type("s\n")
        assert "Done." in prompted(terminal)
        assert "Done." in said(terminal, "again")
        terminal.type("\x04")
        assert terminal.end() == 0
    newest = sessions(home)[0]["sessionId"]
    assert f"go on with `agiwod chat --session {newest}`" in terminal.seen
    assert questions(home, newest) == ["go", "again"]


@pytest.mark.soak
def test_a_message_may_have_several_lines_and_what_was_typed_is_there_again(home: Home) -> None:
    with home.terminal("chat", "--session", "lines") as terminal:
        prompted(terminal)
        said(terminal, "one\\\rtwo\x1b\rthree")
        said(terminal, "\x1b[200~four\nfive\x1b[201~")
        said(terminal, "\x1b[A")
        os.write(terminal.master, b"n\xff text")
        said(terminal, "")
        terminal.type("\x04")
        assert terminal.end() == 0
    assert questions(home, "lines") == ["one\ntwo\nthree", "four\nfive", "four\nfive", "n? text"]
    with home.terminal("chat", "--session", "lines") as terminal:
        shown = prompted(terminal)
        assert "> n? text\nParis is the capital.\n" in shown
        said(terminal, "\x1b[A\x1b[A\x1b[A")
        terminal.type("\x04")
        assert terminal.end() == 0
    assert questions(home, "lines")[-1] == "four\nfive"
    assert (home.paths.state_dir / "chat_history").stat().st_mode & 0o077 == 0


@pytest.mark.soak
def test_ctrl_c_ends_the_answer_and_then_the_line_but_never_the_conversation(home: Home) -> None:
    with home.terminal("chat", "--agent", "slow") as terminal:
        prompted(terminal)
        terminal.type("go\r")
        terminal.await_text("word3")
        terminal.interrupt()
        assert "was cancelled: interrupted in the terminal" in prompted(terminal)
        terminal.type("half a li")
        terminal.await_text("li")
        terminal.type("\x03")
        prompted(terminal)
        terminal.type("/quit\r")
        assert terminal.end() == 0
    newest = sessions(home)[0]["sessionId"]
    assert questions(home, newest) == ["go"]


@pytest.mark.soak
def test_an_answer_that_was_left_running_is_followed_when_the_conversation_is_taken_up(home: Home) -> None:
    with home.terminal("chat", "--agent", "slow", "--session", "left") as terminal:
        prompted(terminal)
        terminal.type("go\r")
        terminal.await_text("word3")
        terminal.interrupt()
        terminal.await_text("cancelling")
        terminal.interrupt()
        assert "left; follow it again" in prompted(terminal)
        terminal.type("/quit\r")
        assert terminal.end() == 0
    with home.terminal("chat", "--continue") as terminal:
        assert WORDS in prompted(terminal)
        assert "no answer is under way" in said(terminal, "/attach")


@pytest.mark.soak
def test_a_failed_run_is_told_and_the_person_may_say_something_else(home: Home) -> None:
    with home.terminal("chat", "--agent", "broken") as terminal:
        prompted(terminal)
        shown = said(terminal, "go")
        assert "agiwod: the run failed: " in shown
        assert "look at its turns" in shown
        assert "no agent 'nobody'" in said(terminal, "/agent nobody")
        said(terminal, "/new")
        terminal.type("/quit\r")
        assert terminal.end() == 0
    assert "go on with" not in terminal.seen
