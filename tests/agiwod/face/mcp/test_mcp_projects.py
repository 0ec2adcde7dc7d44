"""Hosts of MCP that work in a project: they see its agents and skills once it is trusted, and nothing of it before."""

from pathlib import Path

import pytest
from agiwo_protocol.paths import locate
from agiwod.settings import read_project
from agiwod.trust import TrustBook
from mcp import Client
from mcp_lab import asking
from project_lab import daemon_of, furnish

pytestmark = pytest.mark.anyio


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
