"""Clients that can be asked: the daemon asks them about the runs that concern them, and loses nothing when they go."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from agent_lab import Careful
from agiwo.agent import Agent
from agiwo.testing import ScriptedModel
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.peer import Peer
from daemon_lab import PATIENCE, Caller, KeptJournal, calling, running

pytestmark = pytest.mark.anyio

ALLOW = {"optionId": "allow_once"}


def careful_agent(tool: Careful, id: str = "careful") -> Agent:
    turns = [{"toolCalls": [{"name": tool.name, "arguments": {"n": 1}}]}, {"text": "Done."}]
    return Agent(id, "Asks first.", ScriptedModel(turns=turns, repeat=True), [tool])


class Person:
    """Somebody at a client, who says what is put into `says`; with nothing there, nothing."""

    def __init__(self, *says: Any) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.cancelled = 0
        self._says: asyncio.Queue[Any] = asyncio.Queue()
        self._news = asyncio.Event()
        for each in says:
            self._says.put_nowait(each)

    async def serve(self, peer: Peer, request: Request) -> Any:
        assert request.method == "approval/request"
        assert isinstance(request.params, dict)
        self.asked.append(request.params)
        self._news.set()
        try:
            return await self._says.get()
        except asyncio.CancelledError:
            self.cancelled += 1
            self._news.set()
            raise

    async def until(self, *, asked: int = 0, cancelled: int = 0) -> None:
        """Return once this person was asked so often, and told so often that it is over."""
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < asked or self.cancelled < cancelled:
                self._news.clear()
                await self._news.wait()


async def questions(caller: Caller, run: str) -> list[Any]:
    """What the run waits for, once it does."""
    async with asyncio.timeout(PATIENCE):
        while not (found := (await caller.call("approval/list", runId=run))["approvals"]):
            pass
    return found


@pytest.mark.parametrize(
    ("reply", "calls", "outcome"),
    [
        (ALLOW, [{"n": 1}], "allow_once"),
        ({"optionId": "allow_once", "arguments": {"n": 2}}, [{"n": 2}], "allow_once"),
        ({"optionId": "deny", "reason": "no"}, [], "deny"),
    ],
)
async def test_what_a_client_says_when_it_is_asked_is_the_answer(reply: Any, calls: list[Any], outcome: str) -> None:
    tool, person = Careful(), Person(reply)
    async with running(careful_agent(tool)) as daemon, calling(daemon, serve=person.serve) as caller:
        run = await caller.start("careful")
        stream = await caller.read(run)
        (asked,) = person.asked
        (event,) = [each for each in stream.frames if each["type"] == "approval/resolved"]
        assert (event["data"]["outcome"], event["data"]["by"], tool.calls) == (outcome, "test", calls)
        assert (asked["runId"], asked["subject"]["arguments"]) == (run, {"n": 1})


async def test_a_client_that_did_not_say_so_is_not_asked_and_one_that_follows_nothing_neither() -> None:
    bystander = Person()
    async with (
        running(careful_agent(Careful())) as daemon,
        calling(daemon) as caller,
        calling(daemon, serve=bystander.serve) as other,
    ):
        run = await caller.start("careful")
        await questions(caller, run)
        await other.call("ping")
        assert bystander.asked == []


async def test_who_attaches_or_waits_is_asked_what_is_open() -> None:
    attached, waiting, late = Person(), Person(), Person(ALLOW)
    async with (
        running(careful_agent(Careful())) as daemon,
        calling(daemon) as caller,
        calling(daemon, serve=attached.serve) as one,
        calling(daemon, serve=waiting.serve) as two,
        calling(daemon, serve=late.serve, greet=False) as three,
        asyncio.TaskGroup() as tasks,
    ):
        run = await caller.start("careful")
        (approval,) = await questions(caller, run)
        await one.call("run/attach", runId=run)
        wait = tasks.create_task(two.call("run/wait", runId=run))
        await attached.until(asked=1)
        await waiting.until(asked=1)
        assert [*attached.asked, *waiting.asked] == [approval, approval]
        await three.shake_hands(capabilities={"approvals": {}}, attach=[{"runId": run, "after": 0}])
        assert (await wait)["status"] == "completed"
        await attached.until(cancelled=1)
        await waiting.until(cancelled=1)


async def test_a_client_that_answers_too_late_changes_nothing() -> None:
    class Slow(Person):
        async def serve(self, peer: Peer, request: Request) -> Any:
            try:
                return await super().serve(peer, request)
            except asyncio.CancelledError:
                return {"optionId": "deny"}

    tool, person = Careful(), Slow()
    async with running(careful_agent(tool)) as daemon, calling(daemon, serve=person.serve) as caller:
        run = await caller.start("careful")
        await person.until(asked=1)
        done = await caller.call("approval/respond", approvalId=person.asked[0]["approvalId"], **ALLOW)
        assert done["status"] == "resolved"
        await caller.read(run)
        assert len(tool.calls) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        {"optionId": "perhaps"},
        {"optionId": "deny", "arguments": {}},
        {"optionId": "allow_once", "arguments": {"n": "many"}},
        {"arguments": {}},
        "yes",
        ["allow_once"],
        {},
        None,
    ],
)
async def test_an_answer_that_makes_no_sense_or_is_none_leaves_the_question_open(nonsense: Any) -> None:
    class Counting(Careful):
        def get_parameters(self) -> dict[str, Any]:
            return {"type": "object", "properties": {"n": {"type": "integer"}}}

    tool, person = Counting(), Person(nonsense, ALLOW)
    async with running(careful_agent(tool)) as daemon, calling(daemon, serve=person.serve) as caller:
        run = await caller.start("careful")
        await person.until(asked=1)
        await caller.call("run/detach", runId=run)
        assert len(await questions(caller, run)) == 1
        assert tool.calls == []
        caller.expect(run, 0)
        await caller.call("run/attach", runId=run)
        await caller.read(run)
        assert (len(person.asked), len(tool.calls)) == (2, 1)


async def test_a_client_that_follows_no_more_is_asked_no_more_and_again_when_it_comes_back() -> None:
    person = Person()
    async with running(careful_agent(Careful())) as daemon, calling(daemon, serve=person.serve) as caller:
        run = await caller.start("careful")
        await person.until(asked=1)
        await caller.call("run/detach", runId=run)
        await person.until(cancelled=1)
        caller.expect(run, 0)
        await caller.call("run/attach", runId=run)
        await person.until(asked=2)


async def test_a_client_that_vanishes_loses_nothing_even_with_a_restart_in_between() -> None:
    journal, tool, gone, back = KeptJournal(), Careful(), Person(), Person(ALLOW)
    async with running(careful_agent(tool), journal=journal) as daemon, calling(daemon, serve=gone.serve) as caller:
        run = await caller.start("careful")
        await gone.until(asked=1)
    async with (
        running(careful_agent(tool), journal=journal) as daemon,
        calling(daemon, serve=back.serve) as caller,
    ):
        await caller.call("run/attach", runId=run)
        await caller.read(run)
        assert (back.asked, len(tool.calls)) == (gone.asked, 1)


async def test_who_follows_a_run_is_asked_by_the_runs_below_it() -> None:
    tool, person = Careful(), Person(ALLOW)
    child = careful_agent(tool, "child")
    turns = [{"toolCalls": [{"name": "child", "arguments": {"task": "look"}}]}, {"text": "Done."}]
    parent = Agent("parent", "Has others do it.", ScriptedModel(turns=turns), [child.as_tool()])
    async with running(parent, child) as daemon, calling(daemon, serve=person.serve) as caller:
        run = await caller.start("parent")
        await caller.read(run)
        assert [asked["runId"] == run for asked in person.asked] == [False]
        assert len(tool.calls) == 1


async def test_a_tree_that_is_followed_asks_about_each_call_once() -> None:
    tool, person = Careful(), Person()
    child = careful_agent(tool, "child")
    turns = [{"toolCalls": [{"name": "child", "arguments": {"task": "look"}}]}, {"text": "Done."}]
    parent = Agent("parent", "Has others do it.", ScriptedModel(turns=turns), [child.as_tool()])
    async with running(parent, child) as daemon, calling(daemon, serve=person.serve) as caller:
        run = await caller.start("parent", attach=False)
        await caller.call("run/attach", runId=run, scope="tree")
        await person.until(asked=1)
        await caller.call("approval/respond", approvalId=person.asked[0]["approvalId"], **ALLOW)
        await caller.read(run)
        assert (len(person.asked), len(tool.calls)) == (1, 1)
