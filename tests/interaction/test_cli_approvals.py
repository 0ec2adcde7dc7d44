"""Tools that ask first, through a real daemon: at a terminal, in a pipe, and from another terminal meanwhile."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from terminal_lab import CONFIG, Home, Ran, Terminal, events_of, home_at

pytestmark = pytest.mark.soak  # each test is several processes, one of them at a terminal

AGENTS = """
[agents.careful]
model = "scripted:careful.json"
tools = ["bash"]

[agents.twice]
model = "scripted:twice.json"
tools = ["bash"]

[agents.boss]
model = "scripted:boss.json"
tools = ["agent:careful"]

[agents.strange]
model = "scripted:strange.json"
tools = ["bash"]

[agents.ruled]
model = "scripted:ruled.json"
tools = ["bash", "http_request"]
[[agents.ruled.approvals]]
tool = "bash"
action = "allow"
arguments = { command = "echo allowed" }
[[agents.ruled.approvals]]
tool = "bash"
action = "deny"
reason = "only echo allowed"
"""

PROMPT = "[Enter] leave it open: "


def bash(*commands: str) -> dict[str, Any]:
    return {"toolCalls": [{"name": "bash", "arguments": {"command": command}} for command in commands]}


SCRIPTS = {
    "careful": [bash("echo one"), {"text": "Done."}],
    "twice": [bash("echo one", "echo two"), {"text": "Done."}],
    "boss": [{"toolCalls": [{"name": "careful", "arguments": {"task": "go"}}]}, {"text": "All done."}],
    "strange": [bash("echo \x1b[2Jone\u202e\nreason: none"), {"text": "Done."}],
    "ruled": [
        bash("echo allowed", "echo allowed; echo more"),
        {"toolCalls": [{"name": "http_request", "arguments": {"url": "http://127.0.0.1:9/"}}]},
        {"text": "Done."},
    ],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("approvals") / "home", CONFIG + AGENTS) as home:
        for name, turns in SCRIPTS.items():
            (home.path / f"{name}.json").write_text(json.dumps({"turns": turns, "repeat": True}))
        yield home


@pytest.fixture(autouse=True)
def nothing_waits(home: Home) -> Iterator[None]:
    """A run that a test has left ends with it."""
    yield
    for each in waiting(home) if home.pid() else ():
        home.run("runs", "cancel", each["runId"])


def plain(seen: str) -> str:
    """The text without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "")


def waiting(home: Home) -> list[dict[str, Any]]:
    return home.json("approvals")["approvals"]


def calls(home: Home, run: str | None = None) -> list[str]:
    """What the tool calls of the run gave, of the newest one unless named."""
    newest = run or str(home.json("runs", "list", "--limit", "1")["runs"][0]["runId"])
    items = home.json("runs", "show", newest)["items"]
    return [item["output"]["content"].strip() for item in items if item["kind"] == "toolCall"]


def left(home: Home, agent: str = "careful") -> tuple[Ran, dict[str, Any]]:
    """A run that was left because nobody was there, and the one question that is open."""
    ran = home.run("ask", "--agent", agent, "go")
    (question,) = waiting(home)
    return ran, question


# At a terminal


@pytest.mark.parametrize(
    ("keys", "said", "gave"),
    [
        (["y\n"], "bash was allowed by agiwod", ["one"]),
        (["s\n"], "bash was allowed for this session by agiwod", ["one"]),
        (["what\n", "y\n"], "'what' is none of these", ["one"]),
        (["n\n", "not today\n"], "bash was not allowed by agiwod: not today", ["not allowed: not today"]),
        (["n\n", "\n"], "bash was not allowed by agiwod", ["not allowed: no reason given"]),
    ],
)
def test_a_person_answers_where_the_run_is_watched(home: Home, keys: list[str], said: str, gave: list[str]) -> None:
    with home.terminal("ask", "--agent", "careful", "go") as terminal:
        terminal.await_text("Allow bash?\n  command: echo one\n")
        for number, key in enumerate(keys):
            terminal.await_text("The model is told" if keys[0] == "n\n" and number else PROMPT)
            terminal.seen = "" if number + 1 < len(keys) else terminal.seen
            terminal.type(key)
        assert terminal.end() == 0
    assert said in plain(terminal.seen)
    assert "Done." in terminal.seen
    assert [given.rpartition("was ")[2] for given in calls(home)] == gave


def test_a_person_edits_the_arguments_until_the_tool_takes_them(home: Home) -> None:
    def choose_to_edit(terminal: Terminal, typed: str) -> None:
        terminal.await_text(PROMPT)
        terminal.seen = ""
        terminal.type("e\n")
        terminal.await_text("as JSON: ")
        terminal.type(typed)

    with home.terminal("ask", "--agent", "careful", "go") as terminal:
        choose_to_edit(terminal, "{nonsense\n")
        terminal.await_text("this is no JSON")
        choose_to_edit(terminal, "[1]\n")
        terminal.await_text("the arguments are a JSON object")
        choose_to_edit(terminal, '{"comand": "ls"}\n')
        terminal.await_text("command: is missing")
        choose_to_edit(terminal, '{"command": "echo two"}\n')
        assert terminal.end() == 0
    assert calls(home) == ["two"]


def test_a_person_edits_the_arguments_in_an_editor(home: Home) -> None:
    with home.terminal("ask", "--agent", "careful", "go", EDITOR="sed -i s/one/three/") as terminal:
        terminal.await_text(PROMPT)
        terminal.type("e\n")
        assert terminal.end() == 0
    assert calls(home) == ["three"]


def test_what_is_left_open_can_be_answered_from_another_terminal(home: Home) -> None:
    with home.terminal("ask", "--agent", "careful", "go") as terminal:
        terminal.await_text(PROMPT)
        terminal.type("\n")
        terminal.await_text("left open; `agiwod approvals` shows it")
        (question,) = waiting(home)
        assert home.run("approvals", "allow", question["approvalId"][-24:-12]).out == "allowed\n"
        assert terminal.end() == 0
    assert "Done." in terminal.seen


def test_a_question_closes_when_somebody_else_has_answered(home: Home) -> None:
    with home.terminal("ask", "--agent", "careful", "go") as terminal:
        terminal.await_text(PROMPT)
        (question,) = waiting(home)
        assert home.run("approvals", "deny", question["approvalId"], "--reason", "no").out == "not allowed\n"
        assert terminal.end() == 0
    assert f"{PROMPT}\nbash was not allowed by agiwod: no\n" in plain(terminal.seen)


def test_a_run_that_is_left_at_its_question_goes_on_waiting(home: Home) -> None:
    with home.terminal("ask", "--agent", "careful", "go") as terminal:
        terminal.await_text(PROMPT)
        terminal.interrupt()
        terminal.await_text("press Ctrl-C again now")
        terminal.interrupt()
        assert terminal.end() == 130
    (question,) = waiting(home)
    assert f"left; follow it again with `agiwod runs attach {question['runId']}" in terminal.seen


def test_what_was_typed_before_the_question_does_not_answer_it(home: Home) -> None:
    with home.terminal("ask", "--agent", "careful", "go") as terminal:
        terminal.type("y\n")
        terminal.await_text(PROMPT)
        assert len(waiting(home)) == 1
        terminal.type("n\n")
        terminal.await_text("The model is told: ")
        terminal.type("\n")
        assert terminal.end() == 0


def test_questions_of_one_answer_come_one_after_the_other_and_ctrl_c_ends_the_run(home: Home) -> None:
    with home.terminal("ask", "--agent", "twice", "go") as terminal:
        terminal.await_text("command: echo one")
        terminal.await_text(PROMPT)
        terminal.type("y\n")
        terminal.await_text("command: echo two")
        terminal.interrupt()
        assert terminal.end() == 130
    assert waiting(home) == []


def test_a_question_of_an_agent_below_is_asked_where_the_first_run_is_watched(home: Home) -> None:
    with home.terminal("ask", "--agent", "boss", "go") as terminal:
        terminal.await_text(PROMPT)
        terminal.type("y\n")
        assert terminal.end() == 0
    assert "All done." in terminal.seen


def test_a_run_that_is_attached_asks_what_is_open(home: Home) -> None:
    _, question = left(home)
    with home.terminal("runs", "attach", question["runId"]) as terminal:
        terminal.await_text(PROMPT)
        terminal.type("y\n")
        assert terminal.end() == 0
    assert calls(home, question["runId"]) == ["one"]


def test_a_question_comes_back_after_the_daemon_was_killed(home: Home) -> None:
    with home.terminal("ask", "--agent", "careful", "go") as terminal:
        terminal.await_text(PROMPT)
        terminal.seen = ""
        home.kill()
        terminal.await_text(PROMPT)
        terminal.type("y\n")
        assert terminal.end() == 0
    assert calls(home) == ["one"]


# Nobody there


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_without_a_terminal_the_question_is_told_and_the_run_is_left_waiting(home: Home, flags: list[str]) -> None:
    ran = home.run("ask", "--agent", "careful", "go", *flags)
    (question,) = waiting(home)
    name = question["approvalId"].rpartition(":")[2][:8]
    assert ran.code == 4
    assert f"Allow bash?\n  command: echo one\nanswer with `agiwod approvals allow {name}`" in ran.err
    assert f"left; follow it again with `agiwod runs attach {question['runId']}" in ran.err
    assert [event["type"] for event in events_of(ran)][:1] == (["run/queued"] if flags else [])
    listed = home.run("approvals")
    assert listed.out.startswith(f"{name}  {question['runId']}  20")
    assert listed.out.endswith("Allow bash?\n  command: echo one\n")
    again = home.run("runs", "attach", question["runId"], *flags)
    assert (again.code, f"approvals allow {name}" in again.err) == (4, True)
    assert home.run("approvals", "allow", name).out == "allowed\n"
    assert home.run("runs", "attach", question["runId"], *flags).code == 0
    assert calls(home, question["runId"]) == ["one"]


def test_an_id_that_fits_several_questions_is_refused_and_never_shown(home: Home) -> None:
    for _ in range(2):
        home.run("ask", "--agent", "careful", "go")
    first, second = (each["approvalId"] for each in waiting(home))
    refused = home.run("approvals", "allow", first.rpartition(":")[2])
    assert (refused.code, first in refused.err, second in refused.err) == (2, True, True)
    shown = home.run("approvals").out
    assert (first in shown, second in shown) == (True, True)
    assert home.run("approvals", "deny", second).out == "not allowed\n"
    assert [each["approvalId"] for each in waiting(home)] == [first]


def test_an_answer_that_is_too_late_or_to_nothing_says_so(home: Home) -> None:
    _, question = left(home)
    id = question["approvalId"]
    assert home.json("approvals", "allow", id, "--arguments", '{"command": "echo four"}') == {
        "approvalId": id,
        "status": "resolved",
        "outcome": "allow_once",
        "by": "agiwod",
    }
    home.run("runs", "attach", question["runId"])
    late = home.run("approvals", "deny", id)
    assert (late.code, "the question was over before: allowed, by agiwod" in late.err) == (1, True)
    nothing = home.run("approvals", "allow", "nothing")
    assert (nothing.code, "no approval 'nothing'" in nothing.err) == (2, True)
    assert calls(home, question["runId"]) == ["four"]
    assert home.run("approvals").out == "no call waits for an answer\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [("{", "is no JSON"), ("[]", "is no JSON object"), ('{"comand": "x"}', "command: is missing")],
)
def test_arguments_that_cannot_be_are_refused_and_nothing_is_answered(home: Home, arguments: str, words: str) -> None:
    _, question = left(home)
    refused = home.run("approvals", "allow", question["approvalId"], "--arguments", arguments)
    assert (refused.code, words in refused.err) == (2, True)
    assert waiting(home) == [question]


def test_what_could_deceive_is_shown_by_its_code(home: Home) -> None:
    ran, _ = left(home, "strange")
    shown = "  command: echo \\x1b[2Jone\\u202e\n         | reason: none\n"
    assert shown in ran.err
    assert shown in home.run("approvals").out


# Without a question


def test_rules_of_the_file_hold_and_the_web_tool_reaches_no_address_of_this_machine(home: Home) -> None:
    assert home.run("ask", "--agent", "ruled", "go").code == 0
    allowed, denied, web = calls(home)
    assert allowed == "allowed"
    assert denied == "Error: this call of bash is not allowed: only echo allowed"
    assert "127.0.0.1" in web
    assert web.startswith("Error")


def test_the_tools_are_listed(home: Home) -> None:
    found = {each["name"]: each for each in home.json("tools")["tools"]}
    assert (found["bash"]["asks"], found["calculator"]["asks"]) == (True, False)
    assert re.search(r"^bash +once +yes +agiwo +Run a command", home.run("tools").out, re.MULTILINE)
