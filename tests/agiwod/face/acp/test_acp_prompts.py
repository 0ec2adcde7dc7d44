"""Prompts over ACP: what an editor is told while a run goes on, what it is answered, and how it cancels one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from acp_lab import Editor, editing
from agiwo.agent import Agent
from agiwo.schema.run import RunStatus
from agiwo.testing import ScriptedModel
from agiwo_protocol.errors import RpcError
from agiwod.runtime.daemon import Daemon
from daemon_lab import PATIENCE, LiveModel, calling, running, scripted

pytestmark = pytest.mark.anyio

CALCULATE = {"toolCalls": [{"name": "calculator", "arguments": {"expression": "6*7"}}]}


def live(model: LiveModel, id: str = "live") -> Agent:
    return Agent(id, "says what a test feeds it", model)


async def run_of(daemon: Daemon, session: str) -> str:
    return (await daemon.runs.list(session=session))[0].head.run


async def test_the_handshake_tells_what_can_be_asked_for() -> None:
    async with running() as daemon, editing(daemon, greet=False) as editor:
        told = await editor.call("initialize", protocolVersion=1, clientCapabilities={"fs": None}, clientInfo=None)
        assert (told["protocolVersion"], told["agentInfo"]["name"], told["authMethods"]) == (1, "agiwod", [])
        assert told["agentCapabilities"]["loadSession"]
        assert told["agentCapabilities"]["promptCapabilities"]["image"]


@pytest.mark.parametrize("version", [1, 2, 65535, "2024-11-05"])
async def test_whatever_version_an_editor_speaks_it_is_told_ours(version: Any) -> None:
    async with running() as daemon, editing(daemon, greet=False) as editor:
        told = await editor.call("initialize", protocolVersion=version, clientCapabilities={})
        assert told["protocolVersion"] == 1


async def test_nothing_is_answered_before_the_handshake(tmp_path: Path) -> None:
    async with running() as daemon, editing(daemon, greet=False) as editor:
        with pytest.raises(RpcError, match="`initialize` has to come first"):
            await editor.open(tmp_path)


async def test_an_answer_comes_in_chunks_of_one_message(tmp_path: Path) -> None:
    agent = scripted("echo", {"text": "hello world", "deltas": 3, "delayMs": 5, "reasoning": "hm"})
    async with running(agent) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        answer = await editor.prompt(session, "hi")
        assert answer["stopReason"] == "end_turn"
        assert (editor.text(), editor.text("agent_thought_chunk")) == ("hello world", "hm")
        run = await run_of(daemon, session)
        assert {each["messageId"] for each in editor.told("agent_message_chunk")} == {f"{run}.0.message"}
        assert len(editor.told("agent_message_chunk")) > 1


async def test_all_that_was_said_comes_before_the_answer_of_the_prompt(tmp_path: Path) -> None:
    agent = scripted("echo", {"text": "word " * 2000, "deltas": 500})
    async with running(agent) as daemon, editing(daemon, high_water=2000) as editor:
        await editor.prompt(await editor.open(tmp_path), "hi")
        assert editor.text() == "word " * 2000


async def test_a_tool_call_is_announced_carried_out_and_told(tmp_path: Path) -> None:
    agent = scripted("echo", CALCULATE, {"text": "42"})
    async with running(agent) as daemon, editing(daemon) as editor:
        await editor.prompt(await editor.open(tmp_path), "hi")
        [first] = editor.told("tool_call")
        assert (first["title"], first["kind"], first["status"]) == ("calculator", "other", "pending")
        call = editor.call_of("calculator")
        assert (call["status"], call["rawInput"], call["rawOutput"]) == ("completed", {"expression": "6*7"}, 42)
        assert call["content"] == [{"type": "content", "content": {"type": "text", "text": "42"}}]


async def test_a_tool_call_that_fails_is_told_to_have_failed(tmp_path: Path) -> None:
    agent = scripted(
        "echo", {"toolCalls": [{"name": "calculator", "arguments": {"expression": "1/0"}}]}, {"text": "no"}
    )
    async with running(agent) as daemon, editing(daemon) as editor:
        await editor.prompt(await editor.open(tmp_path), "hi")
        assert editor.call_of("calculator")["status"] == "failed"


async def test_what_an_agent_below_does_is_told_and_what_it_says_is_not(tmp_path: Path) -> None:
    below = scripted("critic", CALCULATE, {"text": "it is 42"})
    above = ScriptedModel(turns=[{"toolCalls": [{"name": "critic", "arguments": {"task": "look"}}]}, {"text": "Done."}])
    agent = Agent("above", "Asks.", above, [below.as_tool()])
    async with running(agent) as daemon, editing(daemon) as editor:
        await editor.prompt(await editor.open(tmp_path), "hi")
        assert {each["title"] for each in editor.told("tool_call")} == {"critic", "calculator"}
        assert editor.text() == "Done."


async def test_all_parts_of_a_prompt_reach_the_model(tmp_path: Path) -> None:
    agent = scripted("echo")
    async with running(agent) as daemon, editing(daemon) as editor:
        await editor.prompt(
            await editor.open(tmp_path),
            "Look at",
            {"type": "image", "data": "aGk=", "mimeType": "image/png"},
            {"type": "resource_link", "uri": "file:///a.py", "name": "a.py"},
            {"type": "resource", "resource": {"uri": "file:///b.py", "text": "print(1)", "mimeType": "text/x-python"}},
        )
        assert isinstance(agent.model, ScriptedModel)
        said = str(agent.model.requests[0].messages)
        for each in ("Look at", "aGk=", "[a.py](file:///a.py)", '<resource uri="file:///b.py">', "print(1)"):
            assert each in said


async def test_a_run_that_fails_is_an_error_that_says_why(tmp_path: Path) -> None:
    agent = scripted("echo", {"error": {"kind": "auth", "message": "the key is wrong"}})
    async with running(agent) as daemon, editing(daemon) as editor:
        with pytest.raises(RpcError, match="the key is wrong") as refused:
            await editor.prompt(await editor.open(tmp_path), "hi")
        assert refused.value.code == -32015


async def test_a_run_that_may_make_no_more_steps_says_so(tmp_path: Path) -> None:
    model = ScriptedModel(turns=[CALCULATE], repeat=True)
    agent = Agent("steps", "Goes on.", model, options=agent_options(max_steps=2))
    async with running(agent) as daemon, editing(daemon) as editor:
        answer = await editor.prompt(await editor.open(tmp_path), "hi")
        assert answer["stopReason"] == "max_turn_requests"


def agent_options(**options: Any) -> Any:
    from agiwo.agent import AgentOptions

    return AgentOptions(**options)


async def prompted(editor: Editor, session: str, model: LiveModel) -> "asyncio.Task[Any]":
    """A prompt under way, of which something was told."""
    prompt = asyncio.create_task(editor.prompt(session, "hi"))
    model.say("Hel")
    await editor.until(editor.text)
    return prompt


async def test_a_cancelled_prompt_is_answered_and_its_run_is_over(tmp_path: Path) -> None:
    model = LiveModel()
    async with running(live(model)) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        prompt = await prompted(editor, session, model)
        editor.cancel(session)
        assert (await prompt)["stopReason"] == "cancelled"
        assert (await daemon.runs.list(session=session))[0].head.status == RunStatus.CANCELLED


async def test_a_cancel_right_behind_its_prompt_is_not_lost(tmp_path: Path) -> None:
    async with running(live(LiveModel())) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        await asyncio.sleep(0)
        editor.cancel(session)
        assert (await prompt)["stopReason"] == "cancelled"


async def test_a_cancelled_request_is_answered_and_cancels_its_run(tmp_path: Path) -> None:
    model = LiveModel()
    async with running(live(model)) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        prompt = await prompted(editor, session, model)
        editor.peer.notify("$/cancel_request", {"requestId": 3})  # behind the handshake and the session
        with pytest.raises(RpcError) as cancelled:
            await prompt
        assert cancelled.value.code == -32800
        async with asyncio.timeout(PATIENCE):
            assert (await daemon.runs.wait(await run_of(daemon, session))).head.status == RunStatus.CANCELLED


async def test_a_run_goes_on_when_its_editor_goes(tmp_path: Path) -> None:
    model = LiveModel()
    async with running(live(model)) as daemon:
        async with editing(daemon) as editor:
            session = await editor.open(tmp_path)
            prompt = await prompted(editor, session, model)
            await editor.channel.close()
            with pytest.raises(ConnectionError):
                await prompt
        model.say("lo", None)
        async with asyncio.timeout(PATIENCE):
            state = await daemon.runs.wait(await run_of(daemon, session))
        assert (state.head.status, state.result and state.result.response) == (RunStatus.COMPLETED, "Hello")


async def test_a_run_can_be_steered(tmp_path: Path) -> None:
    model = LiveModel()
    async with running(live(model)) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        with pytest.raises(RpcError, match="nothing works for the session"):
            await editor.call("_agiwod/run/steer", sessionId=session, prompt=[{"type": "text", "text": "be brief"}])
        prompt = await prompted(editor, session, model)
        told = await editor.call("_agiwod/run/steer", sessionId=session, prompt=[{"type": "text", "text": "be brief"}])
        assert told == {"runId": await run_of(daemon, session)}
        model.say(None, "ok", None)
        await prompt
        assert editor.text("user_message_chunk") == "be brief"


async def test_two_prompts_of_a_session_are_done_one_after_the_other(tmp_path: Path) -> None:
    async with running() as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        answers = await asyncio.gather(editor.prompt(session, "one"), editor.prompt(session, "two"))
        assert [each["stopReason"] for each in answers] == ["end_turn", "end_turn"]
        assert editor.text() == "hello worldhello world"


async def test_a_session_is_with_the_agent_that_the_opening_line_names(tmp_path: Path) -> None:
    async with running(scripted("one"), scripted("two", {"text": "I am two"})) as daemon:
        async with editing(daemon, agent="two") as editor:
            await editor.prompt(await editor.open(tmp_path), "hi")
            assert editor.text() == "I am two"
        async with editing(daemon, agent="tow") as editor:
            with pytest.raises(RpcError, match="did you mean 'two'") as refused:
                await editor.open(tmp_path)
            assert refused.value.code == -32002
        async with editing(daemon) as editor:
            with pytest.raises(RpcError, match="with one of one, two"):
                await editor.open(tmp_path)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("session/new", {"cwd": "relative", "mcpServers": []}, -32602),
        ("session/new", {"mcpServers": []}, -32602),
        ("session/prompt", {"sessionId": "none", "prompt": [{"type": "text", "text": "hi"}]}, -32002),
        ("session/prompt", {"sessionId": "none", "prompt": []}, -32602),
        ("session/prompt", {"sessionId": "none", "prompt": [{"type": "smell"}]}, -32602),
        ("session/prompt", {"sessionId": "none", "prompt": "hi"}, -32602),
        ("session/promt", {}, -32601),
    ],
)
async def test_what_cannot_be_served_is_answered_with_an_error(method: str, params: Any, code: int) -> None:
    async with running() as daemon, editing(daemon) as editor:
        with pytest.raises(RpcError) as refused:
            await editor.call(method, **params)
        assert refused.value.code == code


async def test_the_editor_is_one_of_the_clients() -> None:
    async with running() as daemon, editing(daemon, name="zed"), calling(daemon) as other:
        assert "zed" in [each["name"] for each in (await other.call("client/list"))["clients"]]
