"""MCP's own conformance suite against /mcp, and its Inspector. What is left out stands in docs/conformance.md."""

import json
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from agiwo.skill.manager import SkillManager
from agiwo_protocol.paths import locate
from agiwod.face.door import Door
from daemon_lab import running
from http_lab import TOKEN, on_the_web
from node_tools import NodeTools, node_tools
from skill_lab import write_skill
from transport_lab import serving_at

pytestmark = [pytest.mark.anyio, pytest.mark.conformance]

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
ROW = re.compile(r"^\| `([\w-]+)` \| ([\w., -]+) \| (.+) \|$", re.MULTILINE)

PATIENCE = 150.0
"""Seconds that a whole suite may take."""


def tools() -> NodeTools:
    return node_tools(
        "mcp-1",
        "node@24",
        "@modelcontextprotocol/conformance@0.2.0-alpha.12",
        "@modelcontextprotocol/inspector@2.12.0",
    )


def left_out(revision: str) -> set[str]:
    """The scenarios that the page says are not for us, in that revision."""
    return {name for name, revisions, _ in ROW.findall(PAGE.read_text()) if revision in revisions}


async def run(tools: NodeTools, *command: str) -> str:
    with anyio.fail_after(PATIENCE):
        done = await anyio.run_process(command, env=tools.env, check=False)
    return f"{done.stdout.decode()}\n{done.stderr.decode()}"


@asynccontextmanager
async def with_the_token(folder: Path) -> AsyncGenerator[str]:
    """/mcp behind a door that says the token, since the suite knows of none; a skill is there to be listed."""
    write_skill(folder / "skills", "review")
    skills = SkillManager([folder / "skills"], is_watched=True)
    async with running(skills=skills) as daemon, on_the_web(daemon) as web:
        asked = web.site

        async def opened(scope: Any, receive: Any, send: Any) -> None:
            said = (b"authorization", f"Bearer {TOKEN}".encode())
            await asked({**scope, "headers": [*scope["headers"], said]}, receive, send)

        async with on_the_web(daemon, opened) as open_web:
            yield f"{open_web.url}/mcp"


def failed(results: Path) -> dict[str, list[str]]:
    """The checks of each scenario that did not pass."""
    found: dict[str, list[str]] = {}
    for file in results.glob("*/checks.json"):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*", "", file.parent.name).removeprefix("server-")
        checks: list[dict[str, str]] = json.loads(file.read_text())
        found[scenario] = [
            f"{each['id']}: {each.get('errorMessage')}" for each in checks if each["status"] == "FAILURE"
        ]
    return found


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_every_scenario_passes_that_needs_no_tools_of_its_own(revision: str, tmp_path: Path) -> None:
    suite = tools()
    async with with_the_token(tmp_path) as url:
        command = (suite.program("conformance"), "server", "--url", url, "--suite", "all")
        said = await run(suite, *command, "--spec-version", revision, "-o", str(tmp_path / "results"))
    found = failed(tmp_path / "results")
    assert len(found) > 20, said
    assert {name: faults for name, faults in found.items() if faults and name not in left_out(revision)} == {}
    assert left_out(revision) - {name for name, faults in found.items() if faults} == set()


@asynccontextmanager
async def at_home(home: Path) -> AsyncGenerator[None]:
    paths = locate(home)
    paths.prepare_socket_dir()
    async with running() as daemon, serving_at(paths.socket, Door(daemon).converse):
        yield


async def test_the_inspector_lists_and_calls_an_agent(tmp_path: Path) -> None:
    suite = tools()
    spawn = (sys.executable, "-m", "agiwod", "mcp", "-e", f"AGIWOD_HOME={tmp_path}")
    inspector = (suite.program("mcp-inspector"), "--cli")
    async with at_home(tmp_path):
        listed = await run(suite, *inspector, *spawn, "--method", "tools/list", "--strict")
        assert '"name": "echo"' in listed
        assert "Warning:" not in listed
        called = await run(
            suite, *inspector, *spawn, "--method", "tools/call", "--tool-name", "echo", "--tool-arg", "input=hi"
        )
        assert '"text": "hello world"' in called


async def test_the_inspector_calls_an_agent_over_http(tmp_path: Path) -> None:
    suite = tools()
    async with running() as daemon, on_the_web(daemon) as web:
        where = (f"{web.url}/mcp", "--transport", "http", "--header", f"Authorization: Bearer {TOKEN}")
        what = ("--method", "tools/call", "--tool-name", "echo", "--tool-arg", "input=hi")
        called = await run(suite, suite.program("mcp-inspector"), "--cli", *where, *what)
        assert '"text": "hello world"' in called
