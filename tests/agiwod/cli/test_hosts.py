"""What hosts of MCP are told: each in the form of its own file, with paths that hold wherever it starts us."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agiwod.cli.failure import CommandFailed
from agiwod.cli.hosts import HOSTS, over_http, over_stdio


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AGIWOD_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("host", HOSTS)
def test_what_a_host_starts_is_there_and_finds_the_same_home(host: str, home: Path) -> None:
    [entry] = next(iter(over_stdio(HOSTS[host]).values())).values()
    assert (entry["env"], entry["args"][-1]) == ({"AGIWOD_HOME": str(home)}, "mcp")
    assert Path(entry["command"]).is_absolute()
    shown = subprocess.run(
        [entry["command"], *entry["args"][:-1], "--version"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("agiwod ")


def test_each_host_has_the_keys_of_its_own_file() -> None:
    keys = {name: next(iter(over_stdio(host))) for name, host in HOSTS.items()}
    assert keys == {
        "claude-desktop": "mcpServers",
        "claude-code": "mcpServers",
        "cursor": "mcpServers",
        "vscode": "servers",
        "windsurf": "mcpServers",
        "zed": "context_servers",
    }
    assert over_stdio(HOSTS["vscode"])["servers"]["agiwod"]["type"] == "stdio"
    assert all(host.place() for host in HOSTS.values())


def test_the_users_own_daemon_needs_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGIWOD_HOME")
    assert "env" not in over_stdio(HOSTS["cursor"])["mcpServers"]["agiwod"]


def test_no_entry_for_http_is_made_where_nobody_serves_it_or_the_host_takes_none() -> None:
    with pytest.raises(CommandFailed) as nobody:
        over_http(HOSTS["cursor"])
    assert (nobody.value.code, "serve" in (nobody.value.hint or "")) == (3, True)
    with pytest.raises(CommandFailed, match="leave --http out"):
        over_http(HOSTS["claude-desktop"])


def told(*arguments: str) -> Any:
    command = [sys.executable, "-m", "agiwod", "mcp", "config", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_the_file_on_stdout_and_its_place_on_stderr() -> None:
    done = told("--for", "vscode")
    assert (done.returncode, list(json.loads(done.stdout))) == (0, ["servers"])
    assert done.stderr == "this goes into .vscode/mcp.json of your project\n"


def test_a_host_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    done = told("--for", "emacs")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no host 'emacs'; there are claude-desktop, claude-code, cursor, vscode" in done.stderr
