"""What models and strangers say, on a real terminal: it is seen, and nothing of it steers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_lab import STEER
from terminal_lab import CONFIG, Home, home_at

pytestmark = [pytest.mark.security]

STEERING = ("\x1b]0;", "\x1b[2J", "\x9b", "\x07", "\u202e")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    agent = f'\n[agents.evil]\ndescription = {json.dumps(STEER)}\nmodel = "scripted:evil.json"\n'
    call = {"name": "calculator", "arguments": {"expression": STEER}}
    turns = [{"reasoning": STEER, "toolCalls": [call]}, {"text": f"so {STEER}much"}]
    with home_at(tmp_path / "home", CONFIG + agent) as home:
        (home.path / "evil.json").write_text(json.dumps({"turns": turns, "repeat": True}))
        yield home


def seen(home: Home, *argv: str) -> str:
    with home.terminal(*argv) as terminal:
        terminal.end()
    return terminal.seen


def test_no_words_of_a_model_or_of_settings_steer_a_terminal(home: Home) -> None:
    told = seen(home, "ask", "--agent", "evil", "Hello")
    assert "so ]0;PWNED[2J31mmuch" in told
    run = json.loads(home.run("runs", "list", "--json").out)["runs"][0]["runId"]
    for command in (
        ("runs", "list"),
        ("runs", "show", run),
        ("agents",),
        ("ask", "--agent", "evil", "--json", "Hello"),
    ):
        told += seen(home, *command)
    told += seen(home, f"no-command{STEER}")
    assert [each for each in STEERING if each in told] == []
