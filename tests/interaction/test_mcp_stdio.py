"""`agiwod mcp` as hosts of MCP spawn it: a process between the host and a daemon, with mcp's own client as the host."""

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from agiwo_protocol.paths import locate
from daemon_lab import PATIENCE
from live_daemon import living
from mcp import Client, StdioServerParameters
from mcp_lab import ERAS, Era
from transport_lab import daemon_at

pytestmark = pytest.mark.anyio


def spawned(home: Path, *arguments: str) -> StdioServerParameters:
    command = ["-P", "-m", "agiwod", "mcp", *arguments]
    return StdioServerParameters(command=sys.executable, args=command, env={"AGIWOD_HOME": str(home)})


@asynccontextmanager
async def at_home(home: Path) -> AsyncGenerator[None]:
    """A daemon of this process, where the pump looks for one."""
    paths = locate(home)
    paths.prepare_socket_dir()
    async with daemon_at(paths.socket):
        yield


@pytest.mark.parametrize("era", ERAS)
async def test_a_host_calls_an_agent_and_hears_it(tmp_path: Path, era: Era) -> None:
    heard: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async with at_home(tmp_path), Client(spawned(tmp_path), mode=era, read_timeout_seconds=PATIENCE) as client:
        assert "echo" in [each.name for each in (await client.list_tools()).tools]
        result = await client.call_tool("echo", {"input": "hi"}, progress_callback=hear)
        assert (result.structured_content["response"], "".join(map(str, heard))) == ("hello world", "hello world")


@pytest.mark.soak
@pytest.mark.parametrize("era", ERAS)
async def test_a_host_has_a_daemon_of_its_own(tmp_path: Path, era: Era) -> None:
    (tmp_path / "says.json").write_text(json.dumps({"turns": [{"text": "hello"}], "repeat": True}))
    (tmp_path / "config.toml").write_text('[agents.echo]\nmodel = "scripted:says.json"\n')
    async with Client(spawned(tmp_path, "--standalone"), mode=era, read_timeout_seconds=60) as client:
        result = await client.call_tool("echo", {"input": "hi"})
        assert result.structured_content["response"] == "hello"


@pytest.mark.soak
async def test_a_standalone_daemon_that_cannot_be_tells_the_host_why(tmp_path: Path) -> None:
    async with living(tmp_path, {"echo": {"text": "hello"}}):
        server = spawned(tmp_path, "--standalone")
        done = await anyio.run_process(
            [server.command, *server.args],
            input=b'{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{}}\n',
            env={**os.environ, "AGIWOD_HOME": str(tmp_path)},
            check=False,
        )
    answer = json.loads(done.stdout)
    assert (answer["id"], "another daemon" in answer["error"]["message"]) == (1, True)
    assert "another daemon" in done.stderr.decode()
    assert done.returncode == 1
