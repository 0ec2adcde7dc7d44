"""Tools of installed packages: real distributions on the path, some of them broken."""

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest
from agiwo.agent import AgentTool, as_tool
from agiwo.errors import ConfigError, NotFound
from agiwo.tool.builtin import BUILTINS
from agiwo.tool.catalog import find_tool, load_tools, offers

MODULE = """
import sys
from agiwo.tool import BaseTool, ToolResult, tool

class Greeting(BaseTool):
    def get_name(self): return "greet"
    def get_description(self): return "Greets."
    def get_parameters(self): return {"type": "object", "properties": {}}
    def is_concurrency_safe(self): return True
    async def execute(self, parameters, context, abort_signal=None): return ToolResult(content="hello")

class Unfinished(BaseTool):
    def get_name(self): return "unfinished"

greeting = Greeting()

def add(a: int, b: int) -> int:
    "Add."
    return a + b

@tool
def multiply(a: int, b: int) -> int:
    "Multiply."
    return a * b

number = 5
"""


def install(path: Path, package: str, points: Mapping[str, str], **modules: str) -> None:
    """A distribution as an installer leaves it, with these entry points and modules."""
    info = path / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[agiwo.tools]\n{lines}")
    for name, text in modules.items():
        (path / f"{name}.py").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where packages are installed."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_without_packages_the_builtin_tools_are_all_there_are() -> None:
    assert set(offers()) == set(BUILTINS)
    assert find_tool("calculator").get_name() == "calculator"


def test_a_class_an_object_and_functions_can_be_added(site: Path) -> None:
    points = {"greet": "kit:Greeting", "add": "kit:add", "multiply": "kit:multiply"}
    install(site, "toolkit", points, kit=MODULE)

    assert [offer.package for name, offer in offers().items() if name not in BUILTINS] == ["toolkit"] * 3
    assert [find_tool(name).get_name() for name in points] == list(points)
    assert find_tool("greet") is not find_tool("greet")


def test_the_names_are_known_without_loading_anything(site: Path) -> None:
    install(site, "toolkit", {"bomb": "bomb:tool"}, bomb="raise SystemExit('loaded')")

    assert "bomb" in offers()


FAULTS = {
    "missing": ("nowhere:tool", "No module named 'nowhere'"),
    "absent": ("kit2:absent", "has no attribute 'absent'"),
    "number": ("kit2:number", "5 is neither a BaseTool nor a function"),
    "unfinished": ("kit2:Unfinished", "abstract"),
    "leaves": ("leaving:tool", "SystemExit: bye"),
    "other": ("kit2:greeting", "calls a tool 'other' that calls itself 'greet'"),
    "syntax": ("wrong:tool", "SyntaxError"),
}


def test_a_broken_tool_is_told_and_left_out_and_the_others_work(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    points = {name: value for name, (value, _) in FAULTS.items()} | {"greet": "kit2:greeting"}
    install(site, "toolkit", points, kit2=MODULE, leaving="raise SystemExit('bye')", wrong="def")
    with caplog.at_level(logging.WARNING):
        tools, faults = load_tools()

    assert {tool.get_name() for tool in tools} == {*BUILTINS, "greet"}
    assert {fault.name for fault in faults} == set(FAULTS)
    for fault in faults:
        assert FAULTS[fault.name][1] in fault.message
        assert fault.package == "toolkit"
    assert len(caplog.records) == len(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_tool_that_is_asked_for_is_an_error_that_says_how(site: Path, name: str) -> None:
    install(site, "toolkit", {name: FAULTS[name][0]}, kit2=MODULE, leaving="raise SystemExit('bye')", wrong="def")

    with pytest.raises(ConfigError, match="toolkit"):
        find_tool(name)


def test_a_package_cannot_take_the_name_of_a_builtin_tool_or_of_another_package(site: Path) -> None:
    install(site / "a", "aaa", {"bash": "kit3:Greeting", "greet": "kit3:Greeting"}, kit3=MODULE)
    install(site, "bbb", {"greet": "kit3:greeting"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(site / "a"), *sys.path])
        tools, faults = load_tools()

        assert type(find_tool("bash")).__module__ == "agiwo.tool.builtin.bash"
        assert offers()["greet"].package == "aaa"
    assert [(fault.name, fault.package, fault.message) for fault in faults] == [
        ("bash", "aaa", "agiwo itself has a tool of that name already"),
        ("greet", "bbb", "aaa has a tool of that name already"),
    ]
    assert len(tools) == len(BUILTINS) + 1


def test_a_name_that_nobody_has_is_told_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean 'calculator'"):
        find_tool("calculatr")


def test_an_agent_as_a_tool_can_be_had_among_the_tools() -> None:
    tools = import_module("agiwo.tool")

    assert (tools.as_tool, tools.AgentTool) == (as_tool, AgentTool)
    with pytest.raises(AttributeError, match="has no attribute 'no_tool'"):
        tools.no_tool  # noqa: B018 - the look is what raises
