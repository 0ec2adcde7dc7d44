"""The Neovim plugin of the guides, in a real Neovim without a screen, at a real daemon."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from neovim import neovim
from terminal_lab import CONFIG, PATIENCE, Home, home_at

pytestmark = pytest.mark.editors

AGENTS = """
[agents.careful]
model = "scripted:careful.json"
tools = ["bash"]
"""

CAREFUL = [{"toolCalls": [{"name": "bash", "arguments": {"command": "echo one"}}]}, {"text": "Done."}]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("neovim") / "home", CONFIG + AGENTS) as home:
        (home.path / "careful.json").write_text(json.dumps({"turns": CAREFUL, "repeat": True}))
        yield home


def headless(home: Home, init: Path, *commands: str, **environ: str) -> str:
    """What Neovim says on stdout when it has read this file and does these commands."""
    nvim = neovim()
    done = subprocess.run(
        [nvim.program, "--headless", "-u", str(init), "-i", "NONE", "-n", *(f"+{each}" for each in commands)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env={**home.env, **nvim.env, **environ},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def init_lua(home: Home, *way: str) -> Path:
    """What is to be put into `init.lua`."""
    file = home.path / "init.lua"
    file.write_text(home.run("editor", "--for", "neovim", *way).out)
    return file


def ask(home: Home, agent: str | None = None) -> dict[str, Any]:
    """What is seen of two questions in one Neovim."""
    named = {} if agent is None else {"AGIWOD_AGENT": agent}
    program = Path(__file__).with_name("neovim_ask.lua")
    return json.loads(headless(home, init_lua(home, "--native"), f"luafile {program}", "cquit", **named))


def test_a_question_starts_a_run_whose_events_come_and_are_shown(home: Home) -> None:
    seen = ask(home)
    first, second = dict.fromkeys(event["runId"] for event in seen["events"])
    for run in (first, second):
        seqs = [event["seq"] for event in seen["events"] if event["runId"] == run and "seq" in event]
        assert seqs == list(range(1, len(seqs) + 1))
    texts = [event["data"]["text"] for event in seen["events"] if event["type"] == "item/delta"]
    assert "".join(texts) == "Paris is the capital." * 2
    assert seen["lines"][:5] == ["> what is this?", "> ", "> two", "", "Paris is the capital."]
    assert len(home.json("sessions", "list")["sessions"]) == 1


def test_a_call_that_waits_for_a_word_is_asked_about_in_the_editor(home: Home) -> None:
    seen = ask(home, "careful")
    asked = [event["question"] for event in seen["events"] if event["type"] == "asked"]
    assert len(asked) == 2
    assert "echo one" in asked[0]
    assert "[bash]" in seen["lines"]
    assert "Done." in seen["lines"]


def test_what_codecompanion_is_told_is_lua(home: Home) -> None:
    file = init_lua(home)
    empty = home.path / "empty.lua"
    empty.touch()
    headless(home, empty, f"lua assert(loadfile({str(file)!r}))", "qall!")
