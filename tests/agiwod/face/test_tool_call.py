"""tool/call by a client: what may be called, what needs a word first, and what comes back."""

from pathlib import Path
from typing import Any

import pytest
from agiwo.clock import SystemClock
from agiwo.engine.redact import Redactor
from agiwo.mcp import McpServers
from agiwo_protocol.errors import Denied, InvalidParams, NotFound, RpcError
from agiwod.runtime.tool_calls import ToolCalls, Wanted
from daemon_lab import Caller, calling, running
from server_lab import raw_server

pytestmark = pytest.mark.anyio


async def refusal(caller: Caller, **params: Any) -> RpcError:
    with pytest.raises(RpcError) as refused:
        await caller.call("tool/call", **params)
    return refused.value


async def test_a_tool_is_called_without_a_run_and_what_it_does_wrong_is_a_result() -> None:
    async with running() as daemon, calling(daemon) as caller:
        called = await caller.call("tool/call", name="calculator", arguments={"expression": "6*7"})
        assert (called["content"], called["isError"]) == ("42", False)
        wrong = await caller.call("tool/call", name="calculator", arguments={"expression": "1/0"})
        assert wrong["isError"] is True
        assert (await caller.call("run/list"))["runs"] == []


async def test_what_cannot_be_called_is_refused_before_anything_runs() -> None:
    async with running() as daemon, calling(daemon) as caller:
        error = await refusal(caller, name="calculatr")
        assert (type(error), error.data["type"], "calculator" in error.message) == (NotFound, "tool", True)
        error = await refusal(caller, name="calculator", arguments={"expresion": "1"})
        assert isinstance(error, InvalidParams)
        assert error.data["errors"][0]["path"] == "arguments"
        assert isinstance(await refusal(caller, name="mcp:nobody/read"), NotFound)


async def test_a_call_that_needs_approval_runs_on_the_word_of_the_caller_alone(tmp_path: Path) -> None:
    calls = ToolCalls(Redactor({"KEY": "a-very-secret-key"}), SystemClock(), tmp_path / "workspace")
    command = {"command": "pwd; echo a-very-secret-key"}
    async with running() as daemon, calling(daemon) as caller:
        error = await refusal(caller, name="bash", arguments=command)
        assert (type(error), error.code, error.kind) == (Denied, -32006, "denied")
        result = await calls.make(Wanted("bash", command, is_approved=True), McpServers())
        assert result.is_success
        assert result.content.splitlines()[:2] == [str(tmp_path / "workspace"), "[redacted:KEY]"]
        here = await calls.make(Wanted("bash", {"command": "pwd"}, is_approved=True), McpServers(), str(tmp_path))
        assert here.content.splitlines()[0] == str(tmp_path)


async def test_a_tool_of_a_foreign_server_is_called_by_the_name_that_people_write() -> None:
    calls = ToolCalls(Redactor({}), SystemClock(), None)
    async with McpServers(raw_server("raw")) as servers:
        result = await calls.make(Wanted("mcp:raw/echo", {"text": "hello"}), servers)
        assert (result.is_success, "hello" in result.content) == (True, True)
