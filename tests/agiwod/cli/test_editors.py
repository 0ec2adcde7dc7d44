"""What editors are told: each in the form of its own file, with paths that hold wherever it starts us."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from agiwod.cli.editors import EDITORS, FILES
from agiwod.cli.spawn import Spawn

SPAWN = Spawn("/opt/agi wod/bin/agiwod", ("acp", "--agent", "a"), {"AGIWOD_HOME": "/home/ö"})


def told(name: str) -> str:
    editor = EDITORS[name]
    tells = editor.acp or editor.asks
    assert tells is not None
    return tells(SPAWN)


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "agiwod", "editor", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("name", ["zed", "jetbrains", "vscode"])
def test_editors_that_read_json_have_the_command_its_arguments_and_its_variables(name: str) -> None:
    [agents] = json.loads(told(name)).values()
    entry: dict[str, Any] = agents["agiwod"]
    assert (entry["command"], entry["args"], entry["env"]) == (SPAWN.command, list(SPAWN.arguments), SPAWN.env)
    assert ("type" in entry) is (name == "zed")


def test_helix_has_a_key_that_has_the_agent_answer_the_selection() -> None:
    keys = tomllib.loads(told("helix"))["keys"]
    assert keys["normal"] == keys["select"]
    pipe, *words = shlex.split(keys["normal"]["space"]["a"]["a"])
    assert (pipe, words) == (":pipe", [*SPAWN.words(), "--session", "helix", "-"])


@pytest.mark.parametrize("name", ["neovim", "emacs"])
@pytest.mark.parametrize("way", ["acp", "native"])
def test_programs_name_every_word_of_the_command_and_close_what_they_open(name: str, way: str) -> None:
    tells = getattr(EDITORS[name], way)
    text: str = tells(SPAWN)
    strings = [json.loads(each) for each in re.findall(r'"(?:[^"\\]|\\.)*"', text)]
    assert {SPAWN.command, *SPAWN.arguments, "AGIWOD_HOME=/home/ö"} <= set(strings)
    assert all(Path(each).is_dir() for each in strings if each.startswith(str(FILES)))
    assert all(text.count(opens) == text.count(closes) for opens, closes in ("()", "{}", "[]"))


def test_the_command_prints_the_text_on_stdout_and_its_place_on_stderr(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AGIWOD_HOME", str(tmp_path))
    done = command("--for", "zed", "--agent", "helper")
    entry = json.loads(done.stdout)["agent_servers"]["agiwod"]
    assert (done.returncode, entry["args"][-3:]) == (0, ["acp", "--agent", "helper"])
    assert entry["env"] == {"AGIWOD_HOME": str(tmp_path)}
    assert done.stderr.startswith("this goes into ~/.config/zed/settings.json")
    shown = subprocess.run([entry["command"], "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("agiwod ")


def test_an_editor_with_our_own_protocol_starts_stdio() -> None:
    done = command("--for", "vscode", "--native")
    assert json.loads(done.stdout)["agiwod.command"][-1] == "stdio"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--for", "ed"], "there is no editor 'ed'; there are zed, neovim, emacs, vscode, jetbrains, helix"),
        (["--for", "zed", "--native"], "these can: neovim, emacs, vscode"),
        (["--for", "emacs", "--native", "--agent", "a"], "leave --agent out"),
        ([], "--for"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(arguments: list[str], said: str) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout, said in done.stderr) == (2, "", True)
