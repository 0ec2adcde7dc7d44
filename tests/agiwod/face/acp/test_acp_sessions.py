"""Sessions over ACP: they are there before an editor opens them and after it has gone, whoever speaks in them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from acp_lab import Editor, User, editing
from agent_lab import Careful
from agiwo.agent import Agent, AgentOptions
from agiwo.llm.price import Price
from agiwo.skill.manager import SkillManager
from agiwo.testing import ScriptedModel
from agiwo_protocol.errors import RpcError
from agiwod.runtime.models import KnownModel, Models
from daemon_lab import KeptJournal, LiveModel, calling, running, scripted
from mcp_lab import asking
from skill_lab import write_skill

pytestmark = pytest.mark.anyio

CALCULATE = {"toolCalls": [{"name": "calculator", "arguments": {"expression": "6*7"}}]}


def one_and_two() -> tuple[Agent, Agent]:
    return scripted("one", {"text": "I am one."}), scripted("two", {"text": "I am two."})


async def load(editor: Editor, session: str, cwd: Path) -> Any:
    return await editor.call("session/load", sessionId=session, cwd=str(cwd), mcpServers=[])


def kinds(editor: Editor) -> list[str]:
    """What an editor was told, without what it would be told in any session."""
    told = [each["update"]["sessionUpdate"] for each in editor.updates]
    return [each for each in told if each not in ("available_commands_update", "session_info_update")]


async def test_a_session_that_is_loaded_is_told_from_its_beginning(tmp_path: Path) -> None:
    agent = scripted("echo", {"reasoning": "hm", "text": "Let me.", **CALCULATE}, {"text": "It is 42."})
    journal = KeptJournal()
    async with running(agent, journal=journal) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        await editor.prompt(session, "What is 6*7?", {"type": "resource_link", "uri": "file:///a.py", "name": "a.py"})
    async with running(scripted("echo"), journal=journal) as daemon, editing(daemon) as editor:
        await load(editor, session, tmp_path)
        assert kinds(editor) == [
            "user_message_chunk",
            "user_message_chunk",
            "agent_thought_chunk",
            "agent_message_chunk",
            "tool_call",
            "agent_message_chunk",
        ]
        assert [each["content"] for each in editor.told("user_message_chunk")] == [
            {"type": "text", "text": "What is 6*7?"},
            {"type": "resource_link", "uri": "file:///a.py", "name": "a.py"},
        ]
        assert editor.text() == "Let me.It is 42."
        call = editor.call_of("calculator")
        assert (call["status"], call["rawInput"], call["rawOutput"]) == ("completed", {"expression": "6*7"}, 42)


async def test_the_past_is_told_before_the_answer_and_a_loaded_session_goes_on(tmp_path: Path) -> None:
    async with running() as daemon, editing(daemon) as first:
        session = await first.open(tmp_path)
        await first.prompt(session, "one")
        async with editing(daemon) as editor:
            await load(editor, session, tmp_path)
            assert editor.text() == "hello world"
            await editor.prompt(session, "two")
            assert editor.text() == "hello worldhello world"
            assert editor.text("user_message_chunk") == "one"


async def test_a_long_past_is_told_to_an_editor_that_reads_slowly(tmp_path: Path) -> None:
    async with running(scripted("echo", {"text": "x" * 5000})) as daemon, editing(daemon) as first:
        session = await first.open(tmp_path)
        for _ in range(20):
            await first.prompt(session, "again")
        async with editing(daemon, high_water=1000) as editor:
            await load(editor, session, tmp_path)
            assert len(editor.text()) == 20 * 5000


async def test_a_session_that_is_resumed_is_not_told_again(tmp_path: Path) -> None:
    async with running() as daemon, editing(daemon) as first:
        session = await first.open(tmp_path)
        await first.prompt(session, "one")
        async with editing(daemon) as editor:
            await editor.call("session/resume", sessionId=session, cwd=str(tmp_path))
            assert kinds(editor) == []
            await editor.prompt(session, "two")
            assert editor.text() == "hello world"


async def test_a_run_that_goes_on_is_followed_by_who_loads_its_session(tmp_path: Path) -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, editing(daemon) as first, editing(daemon) as second:
        session = await first.open(tmp_path)
        prompt = asyncio.create_task(first.prompt(session, "hi"))
        model.say("Hel")
        await first.until(first.text)
        await load(second, session, tmp_path)
        assert (second.text("user_message_chunk"), prompt.done()) == ("hi", False)
        model.say("lo", None)
        await second.until(lambda: second.text() == "Hello")
        assert (await prompt)["stopReason"] == "end_turn"


async def test_what_others_say_in_an_open_session_is_told_there(tmp_path: Path) -> None:
    async with running() as daemon, editing(daemon) as editor, calling(daemon) as native:
        session = await editor.open(tmp_path)
        await native.read(await native.start(sessionId=session, input="from the terminal"))
        await editor.until(lambda: editor.text() == "hello world")
        assert editor.text("user_message_chunk") == "from the terminal"


async def test_a_run_begun_over_mcp_is_steered_natively_and_followed_in_an_editor(tmp_path: Path) -> None:
    model = LiveModel()
    async with (
        running(Agent("live", "", model)) as daemon,
        asking(daemon) as host,
        calling(daemon) as native,
        editing(daemon) as editor,
    ):
        call = asyncio.create_task(host.call_tool("live", {"input": "hi"}))
        async with asyncio.timeout(60):
            await model.asked.wait()
        [run] = (await native.call("run/list"))["runs"]
        await native.call("run/attach", runId=run["runId"], after=0)
        await native.call("run/steer", runId=run["runId"], input="be brief")
        await load(editor, run["sessionId"], tmp_path)
        model.say("Hello, ", None, "then.", None)
        stream = await native.read(run["runId"])
        await editor.until(lambda: editor.text() == "Hello, then.")
        assert editor.text("user_message_chunk") == "hibe brief"
        assert stream.is_over
        assert (await call).structured_content["response"] == "then."
        listed = (await editor.call("session/list"))["sessions"]
        assert [(each["sessionId"], each["title"]) for each in listed] == [(run["sessionId"], "hi")]


async def test_a_question_that_is_open_is_asked_of_who_loads_the_session(tmp_path: Path) -> None:
    tool = Careful("delete")
    turns = [{"toolCalls": [{"name": "delete", "arguments": {"n": 1}}]}, {"text": "Done."}]
    agent = Agent("careful", "", ScriptedModel(turns=turns), [tool])
    async with running(agent) as daemon, calling(daemon) as native:
        run = await native.start("careful")
        session = (await native.call("run/get", runId=run))["sessionId"]
        await native.until(lambda: any(each["type"] == "approval/requested" for each in native.streams[run].frames))
        async with editing(daemon, name="zed", permission=User("allow_once")) as editor:
            await load(editor, session, tmp_path)
            await editor.until(lambda: editor.text() == "Done.")
            resolved = [each["data"] for each in native.streams[run].frames if each["type"] == "approval/resolved"]
            assert [each["by"] for each in resolved] == ["zed"]


async def test_a_fork_goes_on_by_itself(tmp_path: Path) -> None:
    agent = scripted("echo")
    async with running(agent) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        await editor.prompt(session, "one")
        fork = (await editor.call("session/fork", sessionId=session, cwd=str(tmp_path)))["sessionId"]
        await editor.prompt(fork, "two")
        async with editing(daemon) as other:
            await load(other, fork, tmp_path)
            await load(other, session, tmp_path)
            assert other.text("user_message_chunk", fork) == "onetwo"
            assert other.text("user_message_chunk", session) == "one"


async def test_an_empty_session_and_one_at_work_can_be_forked(tmp_path: Path) -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        empty = await editor.call("session/fork", sessionId=session, cwd=str(tmp_path))
        assert empty["sessionId"] != session
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        model.say("Hel")
        await editor.until(editor.text)
        fork = await editor.call("session/fork", sessionId=session, cwd=str(tmp_path))
        assert fork["sessionId"] not in (session, empty["sessionId"])
        editor.cancel(session)
        await prompt


async def test_sessions_are_listed_by_where_they_work(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    async with running() as daemon, editing(daemon) as editor, calling(daemon) as native:
        here, there = await editor.open(tmp_path / "a"), await editor.open(tmp_path)
        await editor.prompt(here, "Mend the   fence,\nplease")
        await native.read(await native.start(input="from the terminal"))
        listed = (await editor.call("session/list", cwd=str(tmp_path / "a")))["sessions"]
        assert [each.get("title") for each in listed] == ["from the terminal", "Mend the fence, please"]
        everywhere = (await editor.call("session/list"))["sessions"]
        assert {each["sessionId"] for each in everywhere} >= {here, there}
        assert [each["title"] for each in editor.told("session_info_update")] == ["Mend the fence, please"]


async def test_sessions_of_agents_below_are_not_listed(tmp_path: Path) -> None:
    below = scripted("critic")
    model = ScriptedModel(turns=[{"toolCalls": [{"name": "critic", "arguments": {"task": "look"}}]}, {"text": "Done."}])
    async with running(Agent("above", "", model, [below.as_tool()])) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        await editor.prompt(session, "hi")
        assert [each["sessionId"] for each in (await editor.call("session/list"))["sessions"]] == [session]


async def test_many_sessions_are_listed_in_pages(tmp_path: Path) -> None:
    async with running() as daemon, editing(daemon) as editor:
        opened = {await editor.open(tmp_path) for _ in range(60)}
        first = await editor.call("session/list")
        second = await editor.call("session/list", cursor=first["nextCursor"])
        assert {each["sessionId"] for each in (*first["sessions"], *second["sessions"])} == opened
        assert "nextCursor" not in second


async def test_a_session_that_is_closed_ends_its_work_and_can_be_loaded_again(tmp_path: Path) -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        model.say("Hel")
        await editor.until(editor.text)
        assert await editor.call("session/close", sessionId=session) == {}
        assert (await prompt)["stopReason"] == "cancelled"
        with pytest.raises(RpcError, match="not open here"):
            await editor.prompt(session, "hi")
        await load(editor, session, tmp_path)


async def test_a_session_that_is_deleted_is_gone(tmp_path: Path) -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        model.say("Hel")
        await editor.until(editor.text)
        assert await editor.call("session/delete", sessionId=session) == {}
        assert (await prompt)["stopReason"] == "cancelled"
        assert (await editor.call("session/list"))["sessions"] == []
        for method in ("session/load", "session/resume", "session/fork"):
            with pytest.raises(RpcError) as refused:
                await editor.call(method, sessionId=session, cwd=str(tmp_path), mcpServers=[])
            assert refused.value.code == -32002


async def test_a_session_can_go_on_with_another_agent(tmp_path: Path) -> None:
    async with running(*one_and_two()) as daemon:
        async with editing(daemon, agent="one") as editor:
            made = await editor.call("session/new", cwd=str(tmp_path), mcpServers=[])
            session = made["sessionId"]
            assert [each["id"] for each in made["modes"]["availableModes"]] == ["one", "two"]
            assert made["modes"]["currentModeId"] == "one"
            assert await editor.call("session/set_mode", sessionId=session, modeId="two") == {}
            await editor.prompt(session, "hi")
            assert editor.text() == "I am two."
            with pytest.raises(RpcError, match="no such choice"):
                await editor.call("session/set_mode", sessionId=session, modeId="three")
        async with editing(daemon) as editor:
            assert (await load(editor, session, tmp_path))["modes"]["currentModeId"] == "two"


async def test_the_agent_is_an_option_too(tmp_path: Path) -> None:
    async with running(*one_and_two()) as daemon, editing(daemon, agent="one") as editor:
        session = await editor.open(tmp_path)
        told = await editor.call("session/set_config_option", sessionId=session, configId="mode", value="two")
        assert {each["id"]: each["currentValue"] for each in told["configOptions"]}["mode"] == "two"
        assert [each["currentModeId"] for each in editor.told("current_mode_update")] == ["two"]
        await editor.prompt(session, "hi")
        assert editor.text() == "I am two."


async def test_another_agent_can_be_asked_once(tmp_path: Path) -> None:
    async with running(*one_and_two()) as daemon, editing(daemon, agent="one") as editor:
        session = await editor.open(tmp_path)
        await editor.until(lambda: editor.told("available_commands_update"))
        [told] = editor.told("available_commands_update")
        assert [each["name"] for each in told["availableCommands"]] == ["two"]
        await editor.prompt(session, "/two who are you?")
        await editor.prompt(session, "and you?")
        assert editor.text() == "I am two.I am one."


async def test_skills_are_commands_and_new_ones_are_told(tmp_path: Path) -> None:
    write_skill(tmp_path / "skills", "review")
    manager = SkillManager([tmp_path / "skills"])
    model = ScriptedModel(turns=[{"text": "Done."}], repeat=True)
    agent = Agent("one", "Works.", model, skills=manager.select())
    async with running(agent, skills=manager) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        await editor.until(lambda: editor.told("available_commands_update"))
        write_skill(tmp_path / "skills", "explain")
        await daemon.skills.reload()
        await editor.until(lambda: len(editor.told("available_commands_update")) > 1)
        told = editor.told("available_commands_update")[-1]["availableCommands"]
        assert {each["name"] for each in told} == {"review", "explain"}
        await editor.prompt(session, "/review the last commit")
        said = str(model.requests[0].messages[-1]["content"])
        assert said == "Read the skill review, and do what it says.\n\nthe last commit"


async def test_how_full_a_conversation_is_and_what_it_has_cost_is_told_where_that_is_known(tmp_path: Path) -> None:
    turns = [{"text": "So.", "usage": {"inputTokens": 90, "outputTokens": 10}}]
    model = ScriptedModel(turns=turns, repeat=True, price=Price(1.0, 1.0))
    agent = Agent("one", "", model, options=AgentOptions(context_tokens=32_000))
    async with running(agent) as daemon, editing(daemon) as editor:
        session = await editor.open(tmp_path)
        await editor.prompt(session, "hi")
        await editor.prompt(session, "hi")
        told = editor.told("usage_update")
        assert [(each["used"], each["size"], each["cost"]["amount"]) for each in told] == [
            (100, 32_000, 0.0001),
            (100, 32_000, 0.0002),
        ]


async def test_another_model_can_be_chosen_and_stays(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"turns": [{"text": "I am the other."}], "repeat": true}')
    other = f"scripted:{tmp_path / 'other.json'}"
    known = [KnownModel(other, "scripted", "other"), KnownModel("openai:x", "openai", "x", False, "set OPENAI_API_KEY")]
    async with running() as daemon, editing(daemon) as editor:
        daemon.models = Models(lambda: known, lambda: None)
        made = await editor.call("session/new", cwd=str(tmp_path), mcpServers=[])
        session, [_, option] = made["sessionId"], made["configOptions"]
        own = option["currentValue"]
        assert [each["value"] for each in option["options"]] == [own, other]
        await editor.call("session/set_config_option", sessionId=session, configId="model", value=other)
        await editor.prompt(session, "hi")
        assert editor.text() == "I am the other."
        with pytest.raises(RpcError, match="no such choice"):
            await editor.call("session/set_config_option", sessionId=session, configId="model", value="openai:x")
        async with editing(daemon) as again:
            opened = await load(again, session, tmp_path)
            assert opened["configOptions"][1]["currentValue"] == other
            await again.call("session/set_config_option", sessionId=session, configId="model", value=own)
            await again.prompt(session, "hi")
            assert again.text().endswith("hello world")


async def test_a_session_whose_agent_is_there_no_more_goes_on_with_the_default_one(tmp_path: Path) -> None:
    journal = KeptJournal()
    async with running(*one_and_two(), journal=journal) as daemon, editing(daemon, agent="one") as editor:
        session = await editor.open(tmp_path)
        await editor.prompt(session, "hi")
    async with running(journal=journal) as daemon, editing(daemon) as editor:
        assert (await load(editor, session, tmp_path))["modes"]["currentModeId"] == "echo"
        await editor.prompt(session, "hi")
        assert editor.text() == "I am one.hello world"


async def test_that_a_run_of_others_has_failed_is_told(tmp_path: Path) -> None:
    agent = scripted("echo", {"error": {"kind": "auth", "message": "the key is wrong"}})
    async with running(agent) as daemon, editing(daemon) as editor, calling(daemon) as native:
        session = await editor.open(tmp_path)
        await native.read(await native.start(sessionId=session))
        await editor.until(editor.text)
        assert "the key is wrong" in editor.text()
