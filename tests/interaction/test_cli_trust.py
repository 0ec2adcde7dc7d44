"""`agiwod trust`: nothing of a project is taken before its user has seen it and said yes."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal_lab import AGIWOD, Home, Ran, home_at

pytestmark = pytest.mark.soak  # many commands, each a process

PROJECT = """\
[agents.local]
model = "scripted:local.json"
tools = ["read_file"]

[mcp.servers.files]
command = "some\\u001b[2Jserver"
args = ["--root", "a b\\nagent nice: model auto"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home") as home:
        yield home


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / ".agiwod.toml").write_text(PROJECT)
    return root


def run(home: Home, cwd: Path, *argv: str, stdin: str = "") -> Ran:
    done = subprocess.run(
        [AGIWOD, *argv], cwd=cwd, env=home.env, input=stdin, capture_output=True, text=True, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_who_trusts_is_shown_what_for_and_nothing_in_it_can_deceive(home: Home, project: Path):
    shown = run(home, project / "src", "trust")
    assert (shown.code, shown.out.splitlines()[:2]) == (
        2,
        [
            f"{project} wants to add:",
            f"  agent local: model scripted:{project}/local.json, tools read_file, works in {project}",
        ],
    )
    server = shown.out.splitlines()[2]
    assert "\x1b" not in shown.out
    assert len(shown.out.splitlines()) == 3
    assert "nice" in server
    assert "--yes trusts it" in shown.err
    assert run(home, project / "src", "trust", "--yes").out.endswith("is trusted, as long as it wants nothing else\n")
    assert run(home, project, "trust").out.startswith(f"{project} is trusted, and may add:\n")


def test_an_untrusted_project_is_left_out_with_one_notice_that_names_the_command(home: Home, project: Path):
    shown = run(home, project / "src", "config", "show")
    assert (shown.code, "local" in shown.out) == (0, False)
    assert shown.err == (
        f"{project} has agents, skills or servers of its own, and is not trusted: they are left out; "
        f"`agiwod trust {project}` shows what that is, and trusts it\n"
    )
    run(home, project, "trust", "--yes")
    shown = run(home, project / "src", "config", "show", "--origin", "--json")
    found = {each["key"]: each for each in json.loads(shown.out)["settings"]}
    assert (found["agents.local.tools"]["source"], found["agents.local.tools"]["where"]) == (
        "project",
        f"{project}/.agiwod.toml:3",
    )
    assert shown.err == ""


def test_a_changed_project_asks_again_and_a_revoked_one_is_forgotten(home: Home, project: Path):
    told = json.loads(run(home, project, "trust", "--yes", "--json").out)
    assert (told["trusted"], told["changed"], told["verdict"]) == (True, True, "unknown")
    (project / ".agiwod.toml").write_text(PROJECT.replace("read_file", "bash"))
    assert "wants something else than when it was trusted" in run(home, project, "config", "show").err
    told = json.loads(run(home, project, "trust", "--json").out)
    assert (told["trusted"], told["verdict"], told["wants"]["agents"]["local"]["tools"]) == (False, "changed", ["bash"])
    assert run(home, project, "trust", "--revoke").out == f"{project} is trusted no more\n"
    assert run(home, project.parent, "trust", str(project), "--revoke").out == f"{project} was not trusted\n"


@pytest.mark.parametrize("more", [(), ("--standalone",)])
@pytest.mark.parametrize("says_where", [True, False])
def test_an_editor_works_where_it_says_else_where_its_pump_was_started(
    home: Home, project: Path, more: tuple[str, ...], says_where: bool
):
    (project / "local.json").write_text('{"turns": [{"text": "hi"}]}')
    run(home, project, "trust", "--yes")
    params: dict[str, Any] = {"protocolVersion": 1, "clientInfo": {"name": "editor"}}
    params |= {"workspace": {"cwd": str(project / "src")}} if says_where else {}
    asked: list[tuple[str, dict[str, Any]]] = [("initialize", params), ("agent/list", {})]
    lines = [{"jsonrpc": "2.0", "id": id, "method": name, "params": said} for id, (name, said) in enumerate(asked)]
    told = run(
        home, home.path if says_where else project, "stdio", *more, stdin="\n".join(map(json.dumps, lines)) + "\n"
    )
    answers = {each["id"]: each["result"] for each in map(json.loads, told.out.splitlines())}
    assert {each["agentId"]: each["source"] for each in answers[1]["agents"]}["local"] == "project"


def test_the_doctor_tells_of_the_project(home: Home, project: Path):
    def told() -> list[str]:
        found = json.loads(run(home, project, "doctor", "--json").out)["findings"]
        return [each["state"] for each in found if each["area"] == "project"]

    assert told() == ["warning"]
    run(home, project, "trust", "--yes")
    assert told() == ["ok"]
    (project / ".agiwod.toml").write_text("[models.x]\n")
    assert told() == ["fault"]


def test_what_can_be_no_project_is_a_fault_of_the_user(home: Home, project: Path):
    (project / ".agiwod.toml").write_text("[models.x]\n")
    refused = run(home, project, "trust", "--yes")
    assert (refused.code, "keys and no addresses" in refused.err) == (2, True)
    assert run(home, project, "config", "show").code == 0
    assert run(home, project, "trust", str(project / "none")).code == 2
