"""`agiwod tools servers`, `restart` and `list`, and the doctor, with servers that work and one that does not."""

import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from server_lab import RAW
from terminal_lab import Home, home_at

pytestmark = pytest.mark.soak  # many processes

CONFIG = f"""
[agents.a]
model = "scripted:quick.json"
tools = ["mcp:good/*"]

[mcp]
import = ["other.json"]

[mcp.servers.good]
command = "{sys.executable}"
args = ["-I", "-S", "{RAW}"]
tools = ["echo", "add.up"]

[mcp.servers.bad]
command = "no-such-program"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    folder: Path = tmp_path_factory.mktemp("servers")
    with home_at(folder / "home", CONFIG) as home:
        (home.path / "other.json").write_text('{"servers": {"old": {"type": "sse", "url": "http://x"}}}')
        yield home


def test_the_doctor_starts_the_servers_itself_when_no_daemon_runs(home: Home):
    ran = home.run("doctor", "--json")
    found = {each["area"]: each for each in json.loads(ran.out)["findings"] if "MCP" in each["area"]}

    assert ran.code == 1
    assert (found["MCP server good"]["state"], found["MCP server good"]["message"]) == ("ok", "ready, 2 tools")
    assert found["MCP server bad"]["message"] == "there is no program 'no-such-program'"
    assert "left out: " in found["MCP servers"]["message"]


def test_servers_are_listed_with_what_is_wrong_with_them(home: Home):
    home.run("ask", "hi", "--agent", "a")
    ran = home.run("tools", "servers", "--json")
    good, bad = json.loads(ran.out)["servers"]

    assert (good["name"], good["status"], good["tools"]) == ("good", "ready", ["mcp:good/echo", "mcp:good/add.up"])
    assert (bad["status"] in ("failed", "parked"), bad["error"]) == (True, "there is no program 'no-such-program'")
    assert "left out: the server 'old': the transport 'sse'" in home.run("tools", "servers").err


def test_tools_of_servers_are_listed_with_the_others(home: Home):
    listed = {each["name"]: each for each in json.loads(home.run("tools", "list", "--json").out)["tools"]}

    assert listed["mcp:good/add.up"]["source"] == "mcp:good"
    assert listed["mcp:good/echo"]["modelName"] == "mcp__good__echo"


def test_a_server_is_restarted_and_one_that_cannot_be_is_told_with_code_1(home: Home):
    assert home.run("tools", "restart", "good").out == "good is ready, with 2 tools\n"

    failed = home.run("tools", "restart", "bad")
    assert (failed.code, "there is no program 'no-such-program'" in failed.err) == (1, True)
    assert "there are good, bad" in home.run("tools", "restart", "goood").err
