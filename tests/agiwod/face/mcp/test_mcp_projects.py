"""Hosts of MCP that work in a project: they see its agents and skills once it is trusted, and nothing of it before."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agiwo.journal.memory import MemoryJournal
from agiwo_protocol.paths import locate
from agiwod.projects import TrustedProjects
from agiwod.roster import build_agents
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.exposure import Exposure
from agiwod.settings import load_settings, read_project
from agiwod.trust import TrustBook
from mcp import Client
from mcp_lab import asking
from skill_lab import write_skill

pytestmark = pytest.mark.anyio


def furnish(home: Path, project: Path) -> None:
    for directory, file, agent in ((home, "config.toml", "usual"), (project, ".agiwod.toml", "local")):
        directory.mkdir()
        (directory / "says.json").write_text('{"turns": [{"text": "done"}], "repeat": true}')
        (directory / file).write_text(f'[agents.{agent}]\nmodel = "scripted:says.json"\n')
    write_skill(project / ".agiwo" / "skills", "house-rules")


@asynccontextmanager
async def daemon_of(home: Path) -> AsyncGenerator[Daemon]:
    def read(project: Any = None) -> Any:
        return load_settings(home, environ={}, project=project)

    daemon = Daemon(MemoryJournal(), build_agents(read()), finder=TrustedProjects(locate(home), read))
    daemon.exposure = Exposure(scheduler=False)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.close()


async def names(client: Client) -> list[str]:
    return [each.name for each in (await client.list_tools(cache_mode="bypass")).tools]


async def test_a_host_has_the_agents_and_skills_of_its_project_while_it_is_trusted(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    furnish(home, project)
    book = TrustBook(locate(home))
    async with daemon_of(home) as daemon, asking(daemon, cwd=str(project)) as client:
        assert await names(client) == ["usual"]
        book.trust(read_project(project))
        assert set(await names(client)) == {"usual", "local"}
        assert "house-rules" in [each.name for each in (await client.list_prompts()).prompts]
        result = await client.call_tool("local", {"input": "hi"})
        assert result.structured_content["response"] == "done"
        async with asking(daemon) as stranger:
            assert await names(stranger) == ["usual"]
