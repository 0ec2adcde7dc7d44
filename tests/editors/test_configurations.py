"""What `agiwod editor` prints, taken by its word: what an editor would start is started, and spoken with."""

import json
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from terminal_lab import PATIENCE, Home, home_at

pytestmark = pytest.mark.editors

HELLO: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": 1, "clientCapabilities": {}},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("editors") / "home of mine") as home:
        yield home


def bare(home: Home) -> dict[str, str]:
    """The environment of an editor that was started from a menu."""
    return {"HOME": home.env["HOME"], "PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize("editor", ["zed", "jetbrains", "vscode"])
def test_what_an_editor_starts_speaks_acp(home: Home, editor: str) -> None:
    [agents] = json.loads(home.run("editor", "--for", editor, "--agent", "quick").out).values()
    entry: dict[str, Any] = agents["agiwod"]
    done = subprocess.run(
        [entry["command"], *entry["args"]],
        input=json.dumps(HELLO) + "\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**bare(home), **entry["env"]},
    )
    answer = json.loads(done.stdout.splitlines()[0])
    assert (answer["id"], answer["result"]["protocolVersion"]) == (1, 1)


def test_the_key_of_helix_puts_the_answer_in_the_place_of_the_selection(home: Home) -> None:
    keys = tomllib.loads(home.run("editor", "--for", "helix").out)["keys"]
    line = keys["normal"]["space"]["a"]["a"].removeprefix(":pipe ")
    done = subprocess.run(
        ["sh", "-c", line], input="Where?", capture_output=True, text=True, timeout=PATIENCE, env=bare(home)
    )
    assert (done.returncode, done.stdout) == (0, "Paris is the capital.\n")
    assert "helix" in [each["sessionId"] for each in home.json("sessions", "list")["sessions"]]


def test_the_native_words_of_an_editor_speak_our_own_protocol_with_headers(home: Home) -> None:
    words = json.loads(home.run("editor", "--for", "vscode", "--native").out)["agiwod.command"]
    body = json.dumps({**HELLO, "params": {"protocolVersion": 1, "clientInfo": {"name": "editor"}}})
    done = subprocess.run(
        words,
        input=f"Content-Length: {len(body)}\r\n\r\n{body}",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=bare(home),
    )
    header, _, answer = done.stdout.partition("\n\n")
    assert (header, json.loads(answer)["result"]["protocolVersion"]) == (f"Content-Length: {len(answer)}", 1)
    assert shlex.join(words).endswith("agiwod stdio")
