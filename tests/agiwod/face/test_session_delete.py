"""session/delete: what goes with a session, and when it stays."""

import math
from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.record import RunHead, State
from agiwo_protocol.errors import Conflict, NotFound, RpcError
from daemon_lab import Caller, LiveModel, calling, parent_of, running, scripted

pytestmark = pytest.mark.anyio


async def refusal(caller: Caller, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError) as refused:
        await caller.call(method, **params)
    return refused.value


async def said_in(caller: Caller, session: str, agent: str = "echo") -> str:
    """A run of the session that has ended."""
    run = await caller.start(agent, sessionId=session)
    await caller.read(run)
    return run


async def test_a_deleted_session_is_gone_with_its_runs_and_the_others_stay() -> None:
    async with running() as daemon, calling(daemon) as caller:
        runs = [await said_in(caller, "mine"), await said_in(caller, "mine")]
        kept = await said_in(caller, "other")
        assert await caller.call("session/delete", sessionId="mine") == {"sessionId": "mine", "runs": 2}
        for method in ("session/get", "session/history", "session/delete"):
            assert isinstance(await refusal(caller, method, sessionId="mine"), NotFound)
        for run in runs:
            assert isinstance(await refusal(caller, "run/events", runId=run), NotFound)
        assert [each["runId"] for each in (await caller.call("run/list"))["runs"]] == [kept]
        assert [each["sessionId"] for each in (await caller.call("session/list"))["sessions"]] == ["other"]


async def test_a_session_of_that_name_begins_anew_and_remembers_nothing() -> None:
    async with running() as daemon, calling(daemon) as caller:
        await said_in(caller, "mine")
        await caller.call("session/delete", sessionId="mine")
        await said_in(caller, "mine")
        assert len((await caller.call("session/history", sessionId="mine"))["items"]) == 2


async def test_an_empty_session_can_be_deleted_too() -> None:
    async with running() as daemon, calling(daemon) as caller:
        await caller.call("session/create", agent="echo", sessionId="mine")
        assert await caller.call("session/delete", sessionId="mine") == {"sessionId": "mine", "runs": 0}
        assert isinstance(await refusal(caller, "session/get", sessionId="mine"), NotFound)


async def test_what_agents_below_have_done_goes_too_and_not_by_itself() -> None:
    agents = (scripted("root"), scripted("leaf"))
    async with running(*agents, programs={"root": parent_of("leaf", "leaf")}) as daemon, calling(daemon) as caller:
        root = await caller.start("root", sessionId="mine")
        await caller.read(root)
        (below, _) = (await caller.call("run/list", parentRunId=root))["runs"]
        error = await refusal(caller, "session/delete", sessionId=below["sessionId"])
        assert isinstance(error, Conflict)
        assert root in error.message
        assert (await caller.call("session/delete", sessionId="mine"))["runs"] == 3
        assert (await caller.call("run/list"))["runs"] == []
        assert (await caller.call("session/list"))["sessions"] == []


async def test_a_session_with_a_run_that_goes_on_stays() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live", sessionId="mine")
        error = await refusal(caller, "session/delete", sessionId="mine")
        assert (error.kind, run in error.message) == ("conflict", True)
        model.say("well", None)
        assert (await caller.read(run)).response == "well"
        assert (await caller.call("session/delete", sessionId="mine"))["runs"] == 1


async def test_a_session_stays_while_a_fork_has_its_history_from_it() -> None:
    async with running() as daemon, calling(daemon) as caller:
        run = await said_in(caller, "mine")
        await caller.call("session/fork", sessionId="mine", at=run, newSessionId="fork")
        error = await refusal(caller, "session/delete", sessionId="mine")
        assert (error.kind, "fork" in error.message) == ("conflict", True)
        assert await caller.call("session/delete", sessionId="fork") == {"sessionId": "fork", "runs": 0}
        assert (await caller.call("session/delete", sessionId="mine"))["runs"] == 1


async def test_a_session_whose_agent_takes_tasks_stays_until_that_is_shut_down() -> None:
    async with running() as daemon, calling(daemon) as caller:
        submitted = await caller.call("scheduler/submit", agent="echo", input="hi", persistent=True, sessionId="mine")
        await caller.call("scheduler/wait", stateId=submitted["stateId"])
        assert isinstance(await refusal(caller, "session/delete", sessionId="mine"), Conflict)
        await caller.call("scheduler/cancel", stateId=submitted["stateId"])
        assert (await caller.call("session/delete", sessionId="mine"))["runs"] == 1
        assert (await caller.call("scheduler/list"))["states"] == []


class Forgetting(MemoryJournal):
    """A journal whose session `mine` is forgotten right behind the next look at what runs and agents there are."""

    is_next = False

    async def runs(self, **asked: Any) -> list[RunHead]:
        found = await super().runs(**asked)
        await self._forget()
        return found

    async def states(self, **asked: Any) -> list[State]:
        found = await super().states(**asked)
        await self._forget()
        return found

    async def _forget(self) -> None:
        if self.is_next:
            self.is_next = False
            await self.forget(["mine"], math.inf)


@pytest.mark.parametrize("method", ["run/list", "scheduler/list", "scheduler/tree"])
async def test_what_is_deleted_while_it_is_listed_is_no_fault(method: str) -> None:
    journal = Forgetting()
    async with running(journal=journal) as daemon, calling(daemon) as caller:
        for session in ("mine", "other"):
            submitted = await caller.call("scheduler/submit", agent="echo", input="go", sessionId=session)
            await caller.call("run/wait", runId=submitted["runId"])
        journal.is_next = True
        listed = await caller.call(method)
        assert not journal.is_next
        assert "other" in str(listed) or method == "scheduler/tree"  # of what has not ended
        assert [each["sessionId"] for each in (await caller.call("run/list"))["runs"]] == ["other"]
