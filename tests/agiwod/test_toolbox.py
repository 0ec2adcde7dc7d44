"""What the tables of agents say of tools: which, in which directory, and what becomes of their calls."""

import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ConfigError
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool import Policy, Rule, ToolResult
from agiwo.tool.builtin import FOR_FILES
from agiwo.tool.executor import ToolExecutor
from agiwod.roster import build_agents
from agiwod.runtime.agents import Agents
from agiwod.settings import load_settings
from daemon_lab import calling, running

pytestmark = pytest.mark.anyio

PLUGIN = """
from agiwo import tool

@tool(effect="read")
def greet() -> str:
    "Greet."
    return "hello"

number = 5
"""


def agents_of(home: Path, text: str) -> Agents:
    (home / "config.toml").write_text(text)
    return build_agents(load_settings(home, environ={}))


async def use(agents: Agents, tool: str, arguments: str) -> ToolResult:
    """What the call gives when somebody has allowed it."""
    executor = ToolExecutor(agents.get("a").agent.tools)
    return await executor.execute(ToolCall("c", tool, arguments), ExecutionContext("s", "r"), approved=True)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where a package is installed: one of its tools works, the other does not."""
    site = tmp_path / "site"
    info = site / "own_kit-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own_kit\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[agiwo.tools]\ngreet = own_kit:greet\nnumber = own_kit:number\n")
    (site / "own_kit.py").write_text(PLUGIN)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    monkeypatch.delitem(sys.modules, "own_kit", raising=False)
    return site


# The workspace


async def test_files_are_in_a_directory_of_the_daemon_which_is_made_when_it_is_needed(tmp_path: Path) -> None:
    agents = agents_of(tmp_path, f"[agents.a]\ntools = {sorted(FOR_FILES)}")
    workspace = load_settings(tmp_path, environ={}).workspace
    assert not workspace.exists()
    await use(agents, "write_file", '{"path": "notes/one.txt", "content": "hello"}')
    assert (workspace / "notes" / "one.txt").read_text() == "hello"
    assert stat.S_IMODE(workspace.stat().st_mode) == 0o700
    assert workspace.is_relative_to(tmp_path)
    for tool, arguments in {
        "list_files": "{}",
        "read_file": '{"path": "notes/one.txt"}',
        "search_files": '{"pattern": "hel+o"}',
        "edit_file": '{"path": "notes/one.txt", "old": "hello", "new": "hullo"}',
    }.items():
        assert (await use(agents, tool, arguments)).is_success, tool
    await use(agents, "bash", '{"command": "echo hello > here"}')
    assert (workspace / "here").exists()
    assert not (await use(agents, "read_file", '{"path": "/etc/hostname"}')).is_success


async def test_an_agent_may_have_a_workspace_of_its_own_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    agents = agents_of(tmp_path, '[agents.a]\nworkspace = "desk"\ntools = ["write_file"]')
    await use(agents, "write_file", '{"path": "x", "content": "hello"}')
    assert (tmp_path / "desk" / "x").read_text() == "hello"


def test_a_workspace_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:2: the workspace of \[agents\.a\] is no directory: .*desk"):
        agents_of(tmp_path, '[agents.a]\nworkspace = "desk"')


# Packages


def test_tools_of_packages_are_found_by_name_and_by_pattern(tmp_path: Path, site: Path) -> None:
    agents = agents_of(tmp_path, '[agents.a]\ntools = ["greet"]\n[agents.b]\ntools = ["gr*", "num*"]')
    assert [[tool.name for tool in each.agent.tools] for each in agents.list()] == [["greet"]] * 2


def test_a_broken_tool_that_is_named_is_told_with_its_line(tmp_path: Path, site: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:2: tool 'number' of package own_kit cannot be loaded"):
        agents_of(tmp_path, '[agents.a]\ntools = ["number"]')


def test_a_tool_that_there_is_not_is_told_with_the_nearest(tmp_path: Path, site: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:2: no tool 'gret' for \[agents\.a\]; did you mean 'greet'"):
        agents_of(tmp_path, '[agents.a]\ntools = ["gret"]')


async def test_a_client_is_told_which_tools_there_are_and_what_is_wrong_with_others(site: Path) -> None:
    async with running() as daemon, calling(daemon) as caller:
        found = await caller.call("tool/list")
        tools: dict[str, Mapping[str, Any]] = {each["name"]: each for each in found["tools"]}
        assert tools["greet"] == {
            "name": "greet",
            "description": "Greet.",
            "effect": "read",
            "asks": False,
            "source": "own_kit",
        }
        assert (tools["bash"]["asks"], tools["bash"]["effect"], tools["bash"]["source"]) == (True, "once", "agiwo")
        (fault,) = found["faults"]
        assert (fault["name"], fault["source"]) == ("number", "own_kit")
        assert "5 is neither a BaseTool nor a function" in fault["message"]
        first = await caller.call("tool/list", limit=1)
        second = await caller.call("tool/list", limit=1, cursor=first["nextCursor"])
        assert [each["tools"][0]["name"] for each in (first, second)] == ["calculator", "current_time"]


# Rules


def test_rules_stand_in_their_order_with_all_that_they_say(tmp_path: Path) -> None:
    text = """
    [agents.a]
    tools = ["bash", "*_file"]
    approval_timeout = 60

    [[agents.a.approvals]]
    tool = "bash"
    action = "allow"
    arguments = { command = "git status" }

    [[agents.a.approvals]]
    tool = "*"
    action = "deny"
    reason = "look, and do not touch"
    """
    options = agents_of(tmp_path, text).get("a").agent.options
    rules = (Rule("bash", "allow", {"command": "git status"}), Rule("*", "deny", {}, "look, and do not touch"))
    assert (options.approval_policy, options.approval_timeout) == (Policy(rules), 60)


@pytest.mark.parametrize(
    ("rule", "line", "words"),
    [
        ('tol = "bash"\naction = "ask"', 8, "unknown key 'tol' in [agents.a.approvals]; did you mean 'tool'?"),
        ('tool = "bash"\naction = "aks"', 9, "'action' in [agents.a.approvals] must be 'allow', 'ask' or 'deny'"),
        ('tool = "bash"', 7, "[agents.a.approvals] needs a key 'action'"),
        ('tool = "bash"\naction = "ask"\narguments = { command = 1 }', 10, "must be a valid string"),
        ('tool = "bahs"\naction = "ask"', 8, "has no tool 'bahs' that a rule could be about; did you mean 'bash'?"),
        (
            'tool = "bash"\naction = "ask"\narguments = { comand = "git *" }',
            10,
            "'bash' has no argument 'comand'; did you mean 'command'?",
        ),
    ],
)
def test_a_rule_that_guards_nothing_is_told_with_its_line_and_the_nearest_name(
    tmp_path: Path, rule: str, line: int, words: str
) -> None:
    first = '[agents.a]\ntools = ["bash"]\n[[agents.a.approvals]]\ntool = "bash"\naction = "deny"\n\n'
    with pytest.raises(ConfigError) as fault:
        agents_of(tmp_path, f"{first}[[agents.a.approvals]]\n{rule}\n")
    assert words in str(fault.value)
    assert f"config.toml:{line}: " in str(fault.value)
