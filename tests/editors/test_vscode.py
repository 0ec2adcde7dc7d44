"""The Visual Studio Code client of the guides: compiled with all checks, and run by Node at a real daemon."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_tools import NodeTools, node_tools
from terminal_lab import AGIWOD, CONFIG, PATIENCE, Home, home_at

pytestmark = pytest.mark.editors

EXAMPLE = Path(__file__).parents[2] / "docs" / "guides" / "editors" / "vscode"

AGENTS = """
[agents.careful]
model = "scripted:careful.json"
tools = ["bash"]
"""

CAREFUL = [{"toolCalls": [{"name": "bash", "arguments": {"command": "echo one"}}]}, {"text": "Done."}]


@pytest.fixture(scope="module")
def tools() -> NodeTools:
    return node_tools(
        "vscode-2", "typescript@5.9.3", "@types/node@20.19.0", "@types/vscode@1.100.0", "vscode-jsonrpc@10.0.0"
    )


@pytest.fixture(scope="module")
def compiled(tools: NodeTools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as somebody has it who has copied it and installed what it needs."""
    copy = tmp_path_factory.mktemp("vscode") / "example"
    shutil.copytree(EXAMPLE, copy)
    (copy / "node_modules").symlink_to(tools.home / "node_modules")
    done = subprocess.run(
        [tools.program("tsc"), "-p", "."], cwd=copy, env=tools.env, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (0, "")
    return copy / "out"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("vscode") / "home", CONFIG + AGENTS) as home:
        (home.path / "careful.json").write_text(json.dumps({"turns": CAREFUL, "repeat": True}))
        yield home


def test_the_client_starts_runs_hears_them_answers_questions_and_comes_back(
    compiled: Path, tools: NodeTools, home: Home
) -> None:
    program = Path(__file__).with_name("vscode_ask.mjs")
    command = json.dumps([AGIWOD, "stdio"])
    done = subprocess.run(
        ["node", str(program)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env={**tools.env, **home.env, "AGIWOD_CLIENT": str(compiled / "client.js"), "AGIWOD_COMMAND": command},
    )
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)
    for run in ("first", "second", "slow"):
        seqs = [event["seq"] for event in seen[run] if "seq" in event]
        assert seqs == list(range(1, len(seqs) + 1))
    spoken = [event["data"]["text"] for event in seen["first"] if event["type"] == "item/delta"]
    assert "".join(spoken) == "Paris is the capital."
    assert (seen["asked"], seen["second"][-1]["data"]["response"]) == ([{"command": "echo one"}], "Done.")
    assert [event["type"] for event in seen["again"]] == ["run/completed"]
    assert seen["slow"][-1]["data"]["reason"] == "enough"
    assert seen["refused"] == "not_found"


def test_the_example_has_every_command_that_it_announces(compiled: Path) -> None:
    announced = json.loads((EXAMPLE / "package.json").read_text())["contributes"]["commands"]
    extension = (compiled / "extension.js").read_text()
    assert all(f'"{each["command"]}"' in extension for each in announced)
