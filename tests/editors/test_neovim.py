"""The Neovim plugin of the guides, in a real Neovim without a screen, at a real daemon."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from neovim import neovim
from terminal_lab import AGIWOD, CONFIG, PATIENCE, Home, home_at

pytestmark = pytest.mark.editors

GUIDES = Path(__file__).parents[2] / "docs" / "guides"

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


def headless(home: Home, *arguments: str, **environ: str) -> str:
    """What Neovim says on stdout when it is started with these arguments."""
    nvim = neovim()
    done = subprocess.run(
        [nvim.program, "--headless", "-u", "NONE", "-i", "NONE", "-n", *arguments],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env={**home.env, **nvim.env, **environ},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(home: Home, agent: str | None = None) -> dict[str, Any]:
    """What is seen of two questions in one Neovim."""
    named = {} if agent is None else {"AGIWOD_AGENT": agent}
    plugin = f"set runtimepath+={GUIDES / 'editors' / 'neovim'}"
    program = f"luafile {Path(__file__).with_name('neovim_ask.lua')}"
    command = json.dumps([AGIWOD, "stdio"])
    return json.loads(headless(home, "--cmd", plugin, "-c", program, "-c", "cquit", AGIWOD_COMMAND=command, **named))


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


@pytest.mark.parametrize("way", [(), ("--native",)])
def test_what_is_to_be_put_into_init_lua_is_lua(home: Home, way: tuple[str, ...]) -> None:
    file = home.path / "init.lua"
    file.write_text(home.run("editor", "--for", "neovim", *way).out)
    headless(home, "-c", f"lua assert(loadfile({str(file)!r}))", "-c", "qall!")
