"""Clients that have tools: runs that they start may call them, and lose nothing when such a client goes."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agiwo.agent import Agent, AgentOptions
from agiwo.testing import FrozenClock, RecordingTool, ScriptedModel
from agiwo.tool import Policy, Rule
from agiwo_protocol.errors import RpcError
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.peer import Peer
from agiwod.runtime.daemon import Daemon
from daemon_lab import PATIENCE, Caller, KeptJournal, calling, running

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
OPEN_FILE = {"name": "open_file", "description": "Opens a file in the editor.", "inputSchema": SCHEMA}
ONCE = {**OPEN_FILE, "effect": "once"}


def editing_agent(*calls: Mapping[str, Any], tools: list[Any] | None = None, policy: Policy | None = None) -> Agent:
    """An agent that makes these calls in one answer, and is done."""
    made = [{"name": "open_file", "arguments": {"path": "a.py"}, **call} for call in calls or ({"name": "open_file"},)]
    model = ScriptedModel(turns=[{"toolCalls": made}, {"text": "Done."}], repeat=True)
    return Agent("editing", "Edits.", model, tools or [], options=AgentOptions(approval_policy=policy or Policy()))


class Editor:
    """A client with a tool, which gives what is put into `gives`; with nothing there, nothing."""

    def __init__(self, *gives: Any) -> None:
        self.called: list[Mapping[str, Any]] = []
        self.cancelled = 0
        self.gives: asyncio.Queue[Any] = asyncio.Queue()
        self._news = asyncio.Event()
        for each in gives:
            self.gives.put_nowait(each)

    async def serve(self, peer: Peer, request: Request) -> Any:
        assert request.method == "tool/call"
        assert isinstance(request.params, dict)
        self.called.append(request.params)
        self._news.set()
        try:
            given = await self.gives.get()
        except asyncio.CancelledError:
            self.cancelled += 1
            self._news.set()
            raise
        if isinstance(given, Exception):
            raise given
        return given

    async def until(self, *, called: int = 0, cancelled: int = 0) -> None:
        """Return once it was called so often, and told so often that a call is over."""
        async with asyncio.timeout(PATIENCE):
            while len(self.called) < called or self.cancelled < cancelled:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def editing(daemon: Daemon, editor: Editor, *tools: Any, **params: Any) -> AsyncGenerator[Caller]:
    """A connection of an editor that offers these tools."""
    async with calling(daemon, serve=editor.serve, greet=False) as caller:
        await caller.shake_hands(capabilities={"tools": {}}, tools=list(tools or [OPEN_FILE]), **params)
        yield caller


async def result_of(caller: Caller, run: str) -> Mapping[str, Any]:
    """What the first tool call of the run gave, once the run has ended."""
    stream = await caller.read(run)
    return next(each["data"] for each in stream.frames if each["data"].get("kind") == "toolCall" and "seq" in each)


async def test_a_run_calls_the_tools_of_the_client_that_started_it() -> None:
    agent, editor = editing_agent(), Editor({"content": "opened", "value": {"lines": 3}, "contentForUser": "a.py"})
    async with running(agent) as daemon, editing(daemon, editor) as caller:
        run = await caller.start("editing")
        call = await result_of(caller, run)
        (asked,) = editor.called
        expected = {"runId": run, "itemId": f"{run}.0.0", "callId": call["callId"]}
        assert asked == {**expected, "name": "open_file", "arguments": {"path": "a.py"}}
        assert call["output"] == {
            "content": "opened",
            "contentForUser": "a.py",
            "isError": False,
            "value": {"lines": 3},
        }
        assert isinstance(agent.model, ScriptedModel)
        assert [tool["function"]["name"] for tool in agent.model.requests[0].tools or ()] == ["open_file"]
        assert agent.model.requests[1].messages[-1]["content"] == "opened"


async def test_runs_of_clients_that_offer_nothing_have_no_such_tools() -> None:
    agent, editor = editing_agent(), Editor()
    async with running(agent) as daemon, editing(daemon, editor), calling(daemon) as other:
        call = await result_of(other, await other.start("editing"))
        assert "there is no tool 'open_file'" in call["output"]["content"]
        assert editor.called == []


async def test_a_client_that_does_not_follow_the_run_it_started_is_called_all_the_same() -> None:
    editor = Editor({"content": "opened"})
    async with running(editing_agent()) as daemon, editing(daemon, editor) as caller:
        run = await caller.start("editing", attach=False)
        ended = await caller.call("run/wait", runId=run)
        assert (ended["status"], len(editor.called)) == ("completed", 1)


async def test_the_calls_of_one_answer_are_carried_out_one_after_the_other_unless_the_tool_only_reads() -> None:
    async def at_once(effect: str, number: int) -> int:
        """How many are under way together, once it is that number and nothing more comes."""
        editor = Editor()
        async with (
            running(editing_agent({}, {"arguments": {"path": "b.py"}})) as daemon,
            editing(daemon, editor, {**OPEN_FILE, "effect": effect}) as caller,
        ):
            run = await caller.start("editing")
            await editor.until(called=number)
            for _ in range(50):
                await caller.call("ping")
            seen = len(editor.called)
            for each in (1, 2):
                editor.gives.put_nowait({"content": str(each)})
            await caller.read(run)
            return seen

    assert (await at_once("idempotent", 1), await at_once("read", 2)) == (1, 2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"content": "no such file", "isError": True}, "no such file"),
        ({"content": 7}, "the client gave no result of a tool"),
        ("opened", "the client gave no result of a tool"),
        (["opened"], "the client gave no result of a tool"),
        ({"content": "x" * 2**20}, "at most 1048576 are taken"),
        (RpcError("the editor is busy"), "the client could not do it: the editor is busy"),
        (RuntimeError("a secret of the editor"), "the client could not do it: an internal error"),
    ],
)
async def test_what_a_client_gives_that_is_no_good_result_is_an_error_for_the_model(given: Any, told: str) -> None:
    async with running(editing_agent()) as daemon, editing(daemon, Editor(given)) as caller:
        call = await result_of(caller, await caller.start("editing"))
        assert call["output"]["isError"]
        assert told in call["output"]["content"]
        assert len(call["output"]["content"]) < 3000


@pytest.mark.parametrize(
    ("given", "content"), [({"value": [1, 2]}, "[1,2]"), ({}, ""), ({"content": "", "value": {"n": 1}}, "")]
)
async def test_a_result_without_content_is_its_value(given: Any, content: str) -> None:
    async with running(editing_agent()) as daemon, editing(daemon, Editor(given)) as caller:
        call = await result_of(caller, await caller.start("editing"))
        assert (call["output"]["content"], call["output"]["isError"]) == (content, False)


async def test_arguments_that_do_not_fit_the_tool_are_never_sent_to_the_client() -> None:
    editor = Editor()
    async with running(editing_agent({"arguments": {"file": 1}})) as daemon, editing(daemon, editor) as caller:
        call = await result_of(caller, await caller.start("editing"))
        assert "path: is missing" in call["output"]["content"]
        assert editor.called == []


async def test_a_call_waits_for_a_client_that_vanished_and_comes_to_it_again_as_the_same_call() -> None:
    gone, back = Editor(), Editor({"content": "opened"})
    async with running(editing_agent()) as daemon:
        async with editing(daemon, gone) as caller:
            run = await caller.start("editing")
            await gone.until(called=1)
        async with editing(daemon, back, attach=[{"runId": run, "after": 0}]) as caller:
            await caller.read(run)
        assert back.called == gone.called


async def test_a_call_survives_the_daemon_and_comes_to_who_attaches() -> None:
    journal, gone, back = KeptJournal(), Editor(), Editor({"content": "opened"})
    async with running(editing_agent(), journal=journal) as daemon, editing(daemon, gone) as caller:
        run = await caller.start("editing")
        await gone.until(called=1)
    async with running(editing_agent(), journal=journal) as daemon, editing(daemon, back) as caller:
        await caller.call("run/attach", runId=run)
        call = await result_of(caller, run)
        assert (back.called, call["output"]["content"]) == (gone.called, "opened")


async def test_who_comes_while_another_has_the_call_gets_it_too_and_the_first_result_counts() -> None:
    first, second = Editor(), Editor({"content": "by the second"})
    async with running(editing_agent()) as daemon, editing(daemon, first) as one:
        run = await one.start("editing")
        await first.until(called=1)
        async with editing(daemon, second) as two:
            await two.call("run/attach", runId=run)
            assert (await result_of(one, run))["output"]["content"] == "by the second"
        await first.until(cancelled=1)


async def allow(caller: Caller, run: str) -> None:
    """Allow the call that the run asks about, once it does."""
    async with asyncio.timeout(PATIENCE):
        while not (found := (await caller.call("approval/list", runId=run))["approvals"]):
            pass
    await caller.call("approval/respond", approvalId=found[0]["approvalId"], optionId="allow_once")


async def test_of_those_who_follow_a_run_the_one_that_started_it_gets_the_call_and_when_it_goes_another() -> None:
    starter, follower, asks = Editor(), Editor({"content": "opened"}), Policy((Rule("open_file", "ask"),))
    async with running(editing_agent(policy=asks)) as daemon, editing(daemon, follower) as two:
        async with editing(daemon, starter) as one:
            run = await one.start("editing")
            await two.call("run/attach", runId=run)
            await allow(two, run)
            await starter.until(called=1)
            assert follower.called == []
        await two.read(run)
        assert follower.called == starter.called


async def test_a_call_that_must_not_run_twice_is_lost_with_its_client_and_the_model_is_told() -> None:
    gone, back = Editor(), Editor({"content": "again"})
    async with running(editing_agent()) as daemon:
        async with editing(daemon, gone, ONCE) as caller:
            run = await caller.start("editing")
            await gone.until(called=1)
        async with editing(daemon, back, ONCE, attach=[{"runId": run, "after": 0}]) as caller:
            call = await result_of(caller, run)
            assert call["output"]["content"].startswith("Outcome unknown")
            assert (call["output"]["isError"], back.called) == (True, [])


async def test_a_call_that_must_not_run_twice_is_not_sent_again_after_a_restart_either() -> None:
    journal, gone, back = KeptJournal(), Editor(), Editor({"content": "again"})
    async with running(editing_agent(), journal=journal) as daemon, editing(daemon, gone, ONCE) as caller:
        run = await caller.start("editing")
        await gone.until(called=1)
        await daemon.close()
    async with running(editing_agent(), journal=journal) as daemon, editing(daemon, back, ONCE) as caller:
        await caller.call("run/attach", runId=run)
        call = await result_of(caller, run)
        assert call["output"]["content"].startswith("Outcome unknown")
        assert back.called == []


async def test_a_call_that_must_not_run_twice_and_was_never_sent_waits_for_a_client() -> None:
    editor, asks = Editor({"content": "opened"}), Policy((Rule("open_file", "ask"),))
    async with running(editing_agent(policy=asks)) as daemon, calling(daemon) as person:
        async with editing(daemon, Editor(), ONCE) as caller:
            run = await caller.start("editing")
        await allow(person, run)
        async with editing(daemon, editor, ONCE, attach=[{"runId": run, "after": 0}]) as caller:
            assert (await result_of(caller, run))["output"]["content"] == "opened"


async def test_a_call_that_nobody_answers_ends_at_its_deadline() -> None:
    clock, editor = FrozenClock(), Editor()
    async with (
        running(editing_agent(), clock=clock) as daemon,
        editing(daemon, editor, {**OPEN_FILE, "timeoutMs": 30_000}) as caller,
    ):
        run = await caller.start("editing")
        await editor.until(called=1)
        clock.advance(31)
        call = await result_of(caller, run)
        assert "gave no answer within 30 seconds" in call["output"]["content"]
        await editor.until(cancelled=1)


async def test_a_run_that_is_cancelled_cancels_the_request() -> None:
    editor = Editor()
    async with running(editing_agent()) as daemon, editing(daemon, editor) as caller:
        run = await caller.start("editing")
        await editor.until(called=1)
        await caller.call("run/cancel", runId=run)
        call = await result_of(caller, run)
        await editor.until(cancelled=1)
        assert call["output"]["isError"]


async def test_an_agents_own_tool_stays_and_the_client_hears_that_its_own_is_left_out() -> None:
    own, editor = RecordingTool("open_file", results=["by the agent"]), Editor()
    async with running(editing_agent(tools=[own])) as daemon, editing(daemon, editor) as caller:
        started = await caller.call("run/start", agent="editing", input="hi")
        call = await result_of(caller, started["runId"])
        assert started["toolsLeftOut"] == ["open_file"]
        assert (call["output"]["content"], len(own.calls), editor.called) == ("by the agent", 1, [])


async def test_the_rules_of_the_agent_hold_for_tools_of_clients() -> None:
    editor, policy = Editor(), Policy((Rule("*", "deny", {"path": "*.py"}, "not the sources"),))
    async with running(editing_agent(policy=policy)) as daemon, editing(daemon, editor) as caller:
        call = await result_of(caller, await caller.start("editing"))
        assert "not the sources" in call["output"]["content"]
        assert editor.called == []


async def test_a_replay_takes_what_the_client_said_and_calls_nobody() -> None:
    editor = Editor({"content": "opened"})
    async with running(editing_agent()) as daemon, editing(daemon, editor) as caller:
        run = await caller.start("editing")
        await caller.read(run)
        again = (await caller.call("run/replay", runId=run))["runId"]
        call = await result_of(caller, again)
        assert (call["output"]["content"], len(editor.called)) == ("opened", 1)


@pytest.mark.parametrize(
    ("tools", "path"),
    [
        ([{**OPEN_FILE, "name": "open file"}], "tools.0.name"),
        ([{**OPEN_FILE, "name": ""}], "tools.0.name"),
        ([{**OPEN_FILE, "name": "x" * 65}], "tools.0.name"),
        ([{**OPEN_FILE, "name": "öffnen"}], "tools.0.name"),
        ([OPEN_FILE, OPEN_FILE], "tools"),
        ([{"name": "open_file", "inputSchema": SCHEMA}], "tools.0.description"),
        ([{"name": "open_file", "description": ""}], "tools.0.inputSchema"),
        ([{**OPEN_FILE, "description": "x" * 5000}], "tools.0.description"),
        ([{**OPEN_FILE, "inputSchema": "object"}], "tools.0.inputSchema"),
        ([{**OPEN_FILE, "inputSchema": {"type": "array"}}], "tools.0.inputSchema.type"),
        (
            [{**OPEN_FILE, "inputSchema": {"properties": {"n": {"type": "int"}}}}],
            "tools.0.inputSchema.properties.n.type",
        ),
        ([{**OPEN_FILE, "inputSchema": {"$ref": "http://127.0.0.1/x"}}], "tools.0.inputSchema.$ref"),
        ([{**OPEN_FILE, "inputSchema": {"title": "x" * 70_000}}], "tools.0.inputSchema"),
        ([{**OPEN_FILE, "name": f"t{n}", "inputSchema": {"title": "x" * 60_000}} for n in range(5)], "tools"),
        ([{**OPEN_FILE, "effect": "twice"}], "tools.0.effect"),
        ([{**OPEN_FILE, "timeoutMs": 0}], "tools.0.timeoutMs"),
        ([{**OPEN_FILE, "name": f"t{number}"} for number in range(129)], "tools"),
        ({"name": "open_file"}, "tools"),
        (["open_file"], "tools.0"),
    ],
)
async def test_tools_that_can_be_none_are_refused_in_the_handshake_which_may_be_tried_again(
    tools: Any, path: str
) -> None:
    async with running() as daemon, calling(daemon, greet=False) as caller:
        with pytest.raises(RpcError) as refused:
            await caller.shake_hands(capabilities={"tools": {}}, tools=tools)
        assert (refused.value.code, refused.value.data["errors"][0]["path"]) == (-32602, path)
        await caller.shake_hands(capabilities={"tools": {}}, tools=[OPEN_FILE])


async def test_a_client_that_offers_tools_and_cannot_be_asked_is_told_so() -> None:
    async with running() as daemon, calling(daemon, greet=False) as caller:
        with pytest.raises(RpcError) as refused:
            await caller.shake_hands(tools=[OPEN_FILE])
        assert refused.value.data["errors"][0]["path"] == "capabilities.tools"


async def test_a_schema_without_a_type_is_one_of_an_object() -> None:
    agent, editor = editing_agent({"arguments": {}}), Editor({"content": "opened"})
    async with running(agent) as daemon, editing(daemon, editor, {**OPEN_FILE, "inputSchema": {}}) as caller:
        assert (await result_of(caller, await caller.start("editing")))["output"]["content"] == "opened"
