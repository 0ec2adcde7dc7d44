"""`agiwod acp` as editors spawn it: a process between editor and daemon, with the client of `acp` as the editor."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import acp
import pytest
from acp import schema
from agiwo_protocol.paths import locate
from daemon_lab import PATIENCE
from terminal_lab import home_at
from transport_lab import daemon_at

pytestmark = pytest.mark.anyio


class Hand:
    """An editor's side, as far as it is needed: keeps what it is told, and allows everything."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self.asked: list[Any] = []
        self._came = asyncio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return once something holds that updates bring about."""
        while not is_so():
            self._came.clear()
            await self._came.wait()

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append(update)
        self._came.set()

    async def request_permission(
        self, session_id: str, tool_call: Any, options: Any, **_: Any
    ) -> schema.RequestPermissionResponse:
        self.asked.append(tool_call)
        outcome = schema.AllowedOutcome(outcome="selected", option_id=options[0].option_id)
        return schema.RequestPermissionResponse(outcome=outcome)

    def text(self, kind: str = "agent_message_chunk") -> str:
        return "".join(each.content.text for each in self.updates if each.session_update == kind)


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


@pytest.mark.kill
async def test_a_run_goes_on_after_the_daemon_was_killed_and_is_followed_again(tmp_path: Path) -> None:
    first, second = Hand(), Hand()
    with home_at(tmp_path / "home", '[agents.slow]\nmodel = "scripted:slow.json"\n') as home:
        turn = {"text": "slowly and for a long time", "deltas": 10, "delayMs": 300}
        (home.path / "slow.json").write_text(json.dumps({"turns": [turn], "repeat": True}))
        async with asyncio.timeout(PATIENCE * 3):
            async with spawned(home.path, first) as editor:
                session = (await editor.new_session(cwd=str(tmp_path), mcp_servers=[])).session_id
                prompt = asyncio.create_task(editor.prompt(session_id=session, prompt=[acp.text_block("count")]))
                await first.until(lambda: first.text() != "")
                home.kill()
                with pytest.raises(ConnectionError):
                    await prompt
            async with spawned(home.path, second) as editor:
                await editor.load_session(cwd=str(tmp_path), session_id=session, mcp_servers=[])
                await second.until(lambda: second.text().endswith("slowly and for a long time"))
                assert second.text("user_message_chunk") == "count"
                answer = await editor.prompt(session_id=session, prompt=[acp.text_block("again")])
                assert answer.stop_reason == "end_turn"
