"""`agiwod acp` as editors spawn it: a process between editor and daemon, with the client of `acp` as the editor."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import acp
import pytest
from acp import schema
from agiwo_protocol.paths import locate
from daemon_lab import PATIENCE
from transport_lab import daemon_at

pytestmark = pytest.mark.anyio


class Hand:
    """An editor's side, as far as it is needed: keeps what it is told, and allows everything."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self.asked: list[Any] = []

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append(update)

    async def request_permission(
        self, session_id: str, tool_call: Any, options: Any, **_: Any
    ) -> schema.RequestPermissionResponse:
        self.asked.append(tool_call)
        outcome = schema.AllowedOutcome(outcome="selected", option_id=options[0].option_id)
        return schema.RequestPermissionResponse(outcome=outcome)

    def text(self) -> str:
        return "".join(each.content.text for each in self.updates if isinstance(each, schema.AgentMessageChunk))


@asynccontextmanager
async def spawned(home: Path, hand: Hand, *arguments: str) -> AsyncGenerator[Any]:
    """A connection over the process that an editor would spawn, shaken hands."""
    command = ["-P", "-m", "agiwod", "acp", *arguments]
    env = {**os.environ, "AGIWOD_HOME": str(home)}
    async with acp.spawn_agent_process(cast("acp.Client", hand), sys.executable, *command, env=env) as (connection, _):
        async with asyncio.timeout(PATIENCE):
            await connection.initialize(protocol_version=acp.PROTOCOL_VERSION)
        yield connection


@asynccontextmanager
async def at_home(home: Path) -> AsyncGenerator[None]:
    """A daemon of this process, where the pump looks for one."""
    paths = locate(home)
    paths.prepare_socket_dir()
    async with daemon_at(paths.socket):
        yield


async def test_an_editor_has_a_conversation(tmp_path: Path) -> None:
    hand = Hand()
    async with at_home(tmp_path), spawned(tmp_path, hand, "--agent", "echo") as editor, asyncio.timeout(PATIENCE):
        session = await editor.new_session(cwd=str(tmp_path), mcp_servers=[])
        answer = await editor.prompt(session_id=session.session_id, prompt=[acp.text_block("hi")])
        assert (answer.stop_reason, hand.text()) == ("end_turn", "hello world")


async def test_an_editor_is_told_what_is_wrong(tmp_path: Path) -> None:
    async with at_home(tmp_path), spawned(tmp_path, Hand()) as editor, asyncio.timeout(PATIENCE):
        with pytest.raises(acp.RequestError, match="not open here") as refused:
            await editor.prompt(session_id="none", prompt=[acp.text_block("hi")])
        assert refused.value.code == -32002
