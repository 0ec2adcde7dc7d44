"""The MCP servers of a project: they run while it is trusted and somebody is there, and are for nobody else."""

import sys
from pathlib import Path

import pytest
from agiwo.ids import fresh
from agiwo.journal.memory import MemoryJournal
from agiwo_protocol.paths import locate
from agiwod.projects import TrustedProjects
from agiwod.roster import build_agents
from agiwod.runtime.daemon import Daemon
from agiwod.settings import load_settings, read_project
from agiwod.trust import TrustBook
from daemon_lab import calling
from server_lab import RAW, processes_with

pytestmark = pytest.mark.anyio

TURNS = '{"turns": [{"toolCalls": [{"name": "mcp__own__echo", "arguments": {"text": "hi"}}]}, {"text": "done"}]}'


async def test_a_trusted_project_has_servers_of_its_own_and_they_end_with_the_trust(tmp_path: Path):
    home, root, mark = tmp_path / "home", tmp_path / "project", fresh("mark")
    home.mkdir()
    root.mkdir()
    (root / "turns.json").write_text(TURNS)
    (root / ".agiwod.toml").write_text(f"""
        [agents.local]
        model = "scripted:turns.json"
        tools = ["mcp:own/echo"]
        [mcp.servers.own]
        command = "{sys.executable}"
        args = ["-I", "-S", "{RAW}"]
        env = {{ MARK = "{mark}" }}
    """)
    book = TrustBook(locate(home))
    book.trust(read_project(root))
    settings = load_settings(home, environ={})
    finder = TrustedProjects(locate(home), lambda project=None: load_settings(home, environ={}, project=project))
    daemon = Daemon(MemoryJournal(), build_agents(settings), finder=finder)
    await daemon.start()
    try:
        async with calling(daemon, greet=False) as caller, calling(daemon) as elsewhere:
            await caller.shake_hands(workspace={"cwd": str(root)})
            stream = await caller.read(await caller.start("local"))
            assert stream.response == "done"
            assert [each["name"] for each in (await caller.call("mcp/list"))["servers"]] == ["own"]
            assert (await elsewhere.call("mcp/list"))["servers"] == []
            assert len(processes_with(mark)) == 2

            book.revoke(root)
            await caller.call("agent/list")
    finally:
        await daemon.close()
    assert processes_with(mark) == []
