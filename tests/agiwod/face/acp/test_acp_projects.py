"""Sessions of editors that work in a project: they have its agents and skills while it is trusted."""

from pathlib import Path

import pytest
from acp_lab import editing
from agiwo_protocol.errors import RpcError
from agiwo_protocol.paths import locate
from agiwod.settings import read_project
from agiwod.trust import TrustBook
from project_lab import daemon_of, furnish

pytestmark = pytest.mark.anyio


async def test_a_session_in_a_trusted_project_has_its_agents_and_skills(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    furnish(home, project)
    book = TrustBook(locate(home))
    async with daemon_of(home) as daemon, editing(daemon, agent="usual") as editor:
        stranger = await editor.call("session/new", cwd=str(project), mcpServers=[])
        assert [each["id"] for each in stranger["modes"]["availableModes"]] == ["usual"]
        book.trust(read_project(project))
        made = await editor.call("session/new", cwd=str(project), mcpServers=[])
        session = made["sessionId"]
        assert {each["id"] for each in made["modes"]["availableModes"]} == {"usual", "local"}
        await editor.call("session/set_mode", sessionId=session, modeId="local")
        await editor.prompt(session, "hi")
        assert editor.text() == "done"
        elsewhere = await editor.open(home)
        with pytest.raises(RpcError, match="no such choice"):
            await editor.call("session/set_mode", sessionId=elsewhere, modeId="local")


async def test_an_agent_of_a_project_can_be_named_when_the_editor_is_told(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    furnish(home, project)
    TrustBook(locate(home)).trust(read_project(project))
    async with daemon_of(home) as daemon, editing(daemon, agent="local") as editor:
        session = await editor.open(project)
        await editor.prompt(session, "hi")
        fork = await editor.call("session/fork", sessionId=session, cwd=str(project))
        assert fork["modes"]["currentModeId"] == "local"
        with pytest.raises(RpcError, match="no agent 'local'"):
            await editor.open(home)
