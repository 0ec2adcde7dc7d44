import json
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from agiwo.mcp.errors import CallLost, McpError, ServerUnavailable
from agiwo.mcp.pace import Pace
from server_lab import AT_ONCE, Watched, processes_with, raw_server, watched

pytestmark = pytest.mark.anyio


async def test_a_server_is_ready_when_its_tools_are_known():
    async with watched() as server:
        state = await server.until("ready")

        assert (state.title, state.protocol, state.error) == ("raw 1.0", "2025-11-25", None)
        assert [tool.full_name for tool in state.tools][:2] == ["mcp:raw/echo", "mcp:raw/add.up"]
        assert await server.ask("echo", text="hello") == "hello"


async def test_agents_may_use_those_of_its_tools_that_a_pattern_names():
    async with watched(tools=("e*", "die")) as server:
        state = await server.until("ready")

        assert [tool.name for tool in state.tools] == ["echo", "die", "environment"]


async def test_a_server_that_crashes_at_its_start_is_given_up_after_five_times():
    async with watched("crash") as server:
        state = await server.until("parked")

        assert [each.status for each in server.states].count("starting") == 5
        assert state.error == "it ended with code 1: I cannot begin"
        with pytest.raises(ServerUnavailable, match=r"failed too often and is not started any more .*I cannot begin"):
            await server.ask("echo")


async def test_a_server_that_was_given_up_is_started_when_somebody_asks_for_it():
    async with watched("crash") as server:
        await server.until("parked")
        await server.restart()

        assert server.state.status == "starting"
        await server.until("parked")


async def test_a_crash_in_a_call_is_told_and_the_server_started_again():
    async with watched() as server:
        with pytest.raises(CallLost, match=r"what it did is not known.*it ended with code 3: I have had enough"):
            await server.ask("die")

        assert await server.ask("echo", text="back") == "back"
        assert server.state.restarts == 1


async def test_a_call_is_not_kept_waiting_for_a_server_that_rests():
    async with watched(pace=Pace(first=60, longest=60, brief=60)) as server:
        with pytest.raises(CallLost):
            await server.ask("die")
        await server.until("failed")

        with pytest.raises(ServerUnavailable, match=r"started again in \d+ seconds \(it ended with code 3"):
            await server.ask("echo")


async def test_a_server_that_hangs_in_a_call_is_given_up_at_the_deadline_and_replaced():
    async with watched(timeout=0.5) as server:
        await server.until("ready")
        with pytest.raises(CallLost, match=r"gave no answer within 0\.5 seconds, and the call was cancelled"):
            await server.ask("hang")
        os.kill(server.state.pid or 0, signal.SIGKILL)  # what the probe would have done in five seconds
        await server.until("failed")
        await server.until("ready")


async def test_a_server_that_never_greets_is_unavailable_at_the_deadline_of_a_call():
    async with watched("mute", timeout=0.3) as server:
        with pytest.raises(ServerUnavailable, match=r"was not ready within 0\.3 seconds"):
            await server.ask("echo")


async def test_garbage_on_stdout_is_passed_over():
    async with watched() as server:
        assert await server.ask("noise") == ""
        assert await server.ask("echo", text="still here") == "still here"


async def test_an_answer_of_20_mb_is_an_error_and_the_server_lives_on():
    async with watched() as server:
        with pytest.raises(McpError, match=r"the answer has 20,000,\d+ bytes, and at most 8,388,608 are taken"):
            await server.ask("long")

        assert await server.ask("echo", text="still here") == "still here"
        assert server.state.restarts == 0


async def test_a_server_that_floods_stdout_is_ended():
    async with watched("flood", pace=Pace(first=60, failures=None), most=1024) as server:
        state = await server.until("failed")

        assert state.error == "it writes what is no message, without end"
        assert processes_with(server.mark) == []


async def test_nothing_is_left_of_a_server_that_ignores_sigterm_and_of_what_it_started():
    async with watched("stubborn") as server:
        child = int(await server.ask("child"))
        assert child in processes_with(server.mark)


async def test_nothing_is_left_when_the_keeper_is_killed():
    async with watched(pace=Pace(first=60)) as server:
        await server.ask("child")
        os.kill(server.state.pid or 0, signal.SIGKILL)
        await server.until("failed")

        assert processes_with(server.mark) == []


async def test_nothing_is_left_when_the_server_alone_is_killed():
    async with watched(pace=Pace(first=60)) as server:
        child = int(await server.ask("child"))
        keeper = server.state.pid
        for pid in set(processes_with(server.mark)) - {child, keeper}:
            os.kill(pid, signal.SIGKILL)
        state = await server.until("failed")

        assert state.error == "it ended with code 137"
        assert processes_with(server.mark) == []


async def test_a_server_gets_no_variable_that_was_not_meant_for_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with watched(env={"OWN": "value", "HOME": "/elsewhere"}) as server:
        found = json.loads(await server.ask("environment"))

        assert (found["OWN"], found["HOME"]) == ("value", "/elsewhere")
        assert set(found) <= {
            *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"),
            *("OWN", "TEST_MARK", "AGIWO_MCP_PROCESS", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
            *("XDG_RUNTIME_DIR", "XDG_STATE_HOME"),
        }


async def test_tools_that_change_are_listed_anew_and_those_that_do_not_stay_the_same():
    async with watched() as server:
        before = {tool.name: tool for tool in (await server.until("ready")).tools}
        await server.ask("change")
        while "new" not in {tool.name for tool in server.state.tools}:
            await server.moved()
        after = {tool.name: tool for tool in server.state.tools}

        assert after["echo"].version != before["echo"].version
        assert after["add.up"] is before["add.up"]


async def test_progress_and_logs_are_told_to_the_call():
    told: list[str] = []
    async with watched() as server:
        await server.call("steps", {}, "", told.append)

    assert sorted(told) == ["[1/2] step 1\n", "[2/2] step 2\n", "[info] going\n"]


async def test_the_span_of_the_call_goes_along():
    header = f"00-{'a' * 32}-{'b' * 16}-01"
    async with watched() as server:
        given = await server.call("meta", {}, header, lambda text: None)

    assert json.loads(given["content"][0]["text"])["traceparent"] == header


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"command": "no-such-program"}, "there is no program 'no-such-program'"),
        ({"cwd": "/no/such/place"}, "its directory is not there: /no/such/place"),
        ({"env": {"KEY": "${NO_SUCH_VARIABLE}"}}, "it needs the variable NO_SUCH_VARIABLE, which is not set"),
    ],
)
async def test_a_server_that_cannot_be_started_says_why(options: dict[str, Any], error: str):
    server = Watched(replace(raw_server(), **options), AT_ONCE)
    server.start()
    state = await server.until("parked")
    await server.close()

    assert error in (state.error or "")


async def test_what_a_call_tells_without_end_is_cut():
    told: list[str] = []
    async with watched() as server:
        await server.call("chatter", {}, "", told.append)

    assert len("".join(told)) < 300_000
    assert told[-1].endswith("[more is not shown]\n")


@pytest.mark.soak  # the server has five seconds to show that it lives
async def test_a_server_that_does_not_answer_any_more_is_started_again():
    async with watched(timeout=0.5) as server:
        with pytest.raises(CallLost):
            await server.ask("hang")
        state = await server.until("failed")
        assert "it has lost a call and does not answer any more" in (state.error or "")
        await server.until("ready")
        assert await server.ask("echo", text="again") == "again"
