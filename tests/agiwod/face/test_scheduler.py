"""Scheduled agents and schedules over the wire: begun once, looked at from anywhere, ended for good."""

from itertools import groupby
from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.llm.base import Model
from agiwo.testing import FrozenClock, ScriptedModel
from agiwo_protocol import errors, event, run, scheduler
from daemon_lab import Caller, KeptJournal, LiveModel, calling, running

pytestmark = pytest.mark.anyio

Turn = dict[str, Any]


def call(name: str, **arguments: Any) -> Turn:
    return {"name": name, "arguments": arguments}


def spawning(*tasks: str, **sleep: Any) -> list[Turn]:
    """An agent that starts one of `worker` for each task, and sleeps until they have ended."""
    spawns = [call("spawn_agent", task=task, agent="worker", child_id=f"boss_{task}") for task in tasks]
    return [{"toolCalls": spawns}, {"toolCalls": [call("sleep_and_wait", wake_type="waitset", **sleep)]}]


def agent(id: str, *turns: Turn, model: Model | None = None, repeat: bool = False) -> Agent:
    return Agent(id, f"is {id}", model or ScriptedModel(turns=list(turns), repeat=repeat))


def worker() -> Agent:
    return agent("worker", {"text": "done", "usage": {"inputTokens": 3, "outputTokens": 4}}, repeat=True)


async def refused(caller: Caller, method: str, **params: Any) -> errors.RpcError:
    with pytest.raises(errors.RpcError) as refusal:
        await caller.call(method, **params)
    return refusal.value


async def wait(caller: Caller, state: str, **params: Any) -> Any:
    return await caller.call("scheduler/wait", stateId=state, **params)


async def test_a_tree_is_submitted_waited_for_and_shown() -> None:
    boss = agent("boss", *spawning("a", "b"), {"text": "both are done"})
    async with running(boss, worker()) as daemon, calling(daemon) as caller:
        submitted = await caller.call("scheduler/submit", agent="boss", input="do it")
        assert scheduler.SubmitResult.model_validate(submitted)
        state = submitted["stateId"]
        ended = await wait(caller, state)
        assert (ended["status"], ended["response"], ended["runId"]) == (
            "completed",
            "both are done",
            submitted["runId"],
        )
        states = (await caller.call("scheduler/tree", stateId=state))["states"]
        assert [each["stateId"] for each in states] == [state, "boss_a", "boss_b"]
        assert [each.get("parentStateId") for each in states] == [None, state, state]
        child = scheduler.State.model_validate(states[1])
        assert (child.status, child.task, child.result, child.tokens, child.depth) == ("completed", "a", "done", 7, 1)
        assert (await caller.call("scheduler/tree", stateId=state, limit=2))["omitted"]


async def test_a_sleeper_says_what_it_waits_for() -> None:
    boss = agent("boss", *spawning("a", timeout=60), {"text": "over"})
    live = LiveModel()
    clock = FrozenClock()
    async with running(boss, agent("worker", model=live), clock=clock) as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["scheduler"])
        state = (await caller.call("scheduler/submit", agent="boss", input="do it", persistent=True))["stateId"]
        assert state == "boss"
        await caller.until(lambda: ("boss", "sleeping") in changes(caller))
        await live.asked.wait()
        clock.advance(15)
        found = scheduler.State.model_validate(await caller.call("scheduler/get", stateId=state))
        assert (found.status, found.run_status, found.elapsed_ms) == ("sleeping", "sleeping", 15_000)
        assert found.wake == scheduler.Wake(type="waitset", states=["boss_a"], timeout_at="2023-11-14T22:14:20Z")
        live.say("found it", None)
        await wait(caller, state)
        found = scheduler.State.model_validate(await caller.call("scheduler/get", stateId=state))
        assert (found.status, found.wake, found.wake_count) == ("sleeping", scheduler.Wake(type="task"), 1)


def told(caller: Caller) -> list[tuple[str, dict[str, Any]]]:
    """The types and the data of the daemon's events."""
    found = [each.params for each in caller.told if each.method == event.EVENT.name and isinstance(each.params, dict)]
    return [(each["type"], each["data"]) for each in found]


def changes(caller: Caller) -> list[tuple[str, str]]:
    """Which state was told to stand where."""
    return [(data["stateId"], data["status"]) for type, data in told(caller) if type == "state/changed"]


async def test_whoever_subscribes_hears_where_each_agent_stands() -> None:
    boss = agent("boss", *spawning("a"), {"text": "over"})
    async with running(boss, worker()) as daemon, calling(daemon) as watcher, calling(daemon) as caller:
        await watcher.call("event/subscribe", topics=["scheduler"])
        state = (await caller.call("scheduler/submit", agent="boss", input="go", stateId="me"))["stateId"]
        await watcher.until(lambda: ("me", "completed") in changes(watcher))
        of_boss = [status for id, status in changes(watcher) if id == state]
        of_worker = [status for id, status in changes(watcher) if id == "boss_a"]
        # Beside where each stands it is told that an answer of its model was counted.
        assert [status for status, _ in groupby(of_boss)] == ["queued", "running", "sleeping", "running", "completed"]
        assert of_worker == ["queued", "running", "running", "completed"]
        await caller.start("worker")
        assert {id for id, _ in changes(watcher)} == {"me", "boss_a"}


async def test_the_same_key_submits_once() -> None:
    async with running(worker()) as daemon, calling(daemon) as caller:
        first = await caller.call("scheduler/submit", agent="worker", input="go", idempotencyKey="k")
        again = await caller.call("scheduler/submit", agent="worker", input="go", idempotencyKey="k")
        assert again == {**first, "deduplicated": True}
        other = await caller.call("scheduler/submit", agent="worker", input="go", idempotencyKey="l")
        assert other["stateId"] != first["stateId"]


async def test_a_persistent_agent_does_task_after_task() -> None:
    async with running(worker()) as daemon, calling(daemon) as caller:
        first = await caller.call("scheduler/submit", agent="worker", input="one", persistent=True)
        assert first["stateId"] == "worker"
        two = await caller.call("scheduler/submitTask", stateId="worker", input="two", idempotencyKey="k")
        again = await caller.call("scheduler/submitTask", stateId="worker", input="two", idempotencyKey="k")
        assert (again["runId"], again["deduplicated"]) == (two["runId"], True)
        assert (await wait(caller, "worker"))["runId"] == two["runId"]
        assert (await wait(caller, "worker", taskId=first["runId"]))["runId"] == first["runId"]
        twice = await refused(caller, "scheduler/submit", agent="worker", input="one", persistent=True)
        assert (twice.code, twice.kind) == (-32005, "conflict")
        assert (await caller.call("scheduler/shutdown", stateId="worker"))["accepted"]
        await wait(caller, "worker")
        assert (await caller.call("scheduler/get", stateId="worker"))["status"] == "completed"
        late = await refused(caller, "scheduler/submitTask", stateId="worker", input="three")
        assert late.kind == "conflict"


async def test_tasks_wait_for_their_turn_and_a_cancel_ends_them_all() -> None:
    live = LiveModel()
    async with running(agent("worker", model=live)) as daemon, calling(daemon) as caller:
        await caller.call("scheduler/submit", agent="worker", input="one", persistent=True)
        await live.asked.wait()
        await caller.call("scheduler/submitTask", stateId="worker", input="two")
        found = await caller.call("scheduler/get", stateId="worker")
        assert (found["status"], found["task"], found["queued"]) == ("running", "one", 1)
        assert await caller.call("scheduler/cancel", stateId="worker", reason="enough") == {
            "accepted": True,
            "status": "cancelled",
        }
        assert (await wait(caller, "worker"))["status"] == "cancelled"
        assert not (await caller.call("scheduler/cancel", stateId="worker"))["accepted"]


async def test_waiting_may_end_before_the_task() -> None:
    live = LiveModel()
    async with running(agent("worker", model=live)) as daemon, calling(daemon) as caller:
        state = (await caller.call("scheduler/submit", agent="worker", input="one"))["stateId"]
        late = await refused(caller, "scheduler/wait", stateId=state, timeoutMs=1)
        assert late.kind == "deadline_exceeded"
        foreign = await caller.start("worker")
        assert (await refused(caller, "scheduler/wait", stateId=state, taskId=foreign)).data["type"] == "task"


async def test_states_are_listed_in_pages_and_by_what_they_are() -> None:
    boss = agent("boss", *spawning("a", "b"), {"text": "over"})
    async with running(boss, worker()) as daemon, calling(daemon) as caller:
        await caller.call("scheduler/submit", agent="boss", input="go", stateId="me")
        await wait(caller, "me")
        await caller.call("scheduler/submit", agent="worker", input="go", persistent=True)
        await wait(caller, "worker")
        await caller.call("scheduler/addCron", agent="worker", input="go", cron="0 9 * * *")

        async def listed(**params: Any) -> list[str]:
            return [each["stateId"] for each in (await caller.call("scheduler/list", **params))["states"]]

        assert set(await listed()) == {"me", "boss_a", "boss_b", "worker"}
        assert set(await listed(parentStateId="me")) == {"boss_a", "boss_b"}
        assert await listed(roots=True) == ["worker", "me"]
        assert await listed(statuses=["sleeping"]) == await listed(agentId="worker", roots=True) == ["worker"]
        page = await caller.call("scheduler/list", limit=3)
        rest = await caller.call("scheduler/list", cursor=page["nextCursor"])
        assert (len(page["states"]), len(rest["states"])) == (3, 1)
        assert [each["stateId"] for each in (await caller.call("scheduler/tree"))["states"]] == ["worker"]


async def test_what_is_long_is_cut_where_many_are_shown() -> None:
    async with running(agent("worker", {"text": "y" * 600})) as daemon, calling(daemon) as caller:
        parts = [{"type": "text", "text": "x" * 600}, {"type": "image", "url": "http://127.0.0.1/i.png"}]
        await caller.call("scheduler/submit", agent="worker", input=parts, stateId="me")
        await wait(caller, "me")
        (short,) = (await caller.call("scheduler/list"))["states"]
        whole = await caller.call("scheduler/get", stateId="me")
        assert (len(short["task"]), len(short["result"])) == (500, 500)
        assert (whole["task"], whole["result"]) == (f"{'x' * 600} [image]", "y" * 600)


@pytest.mark.parametrize(
    ("method", "params", "kind", "type"),
    [
        ("scheduler/submit", {"agent": "nobody", "input": "go"}, "not_found", "agent"),
        ("scheduler/submitTask", {"stateId": "nobody", "input": "go"}, "not_found", "state"),
        ("scheduler/get", {"stateId": "nobody"}, "not_found", "state"),
        ("scheduler/tree", {"stateId": "nobody"}, "not_found", "state"),
        ("scheduler/wait", {"stateId": "nobody"}, "not_found", "state"),
        ("scheduler/cancel", {"stateId": "nobody"}, "not_found", "state"),
        ("scheduler/shutdown", {"stateId": "nobody"}, "not_found", "state"),
        ("scheduler/list", {"cursor": "nobody"}, "not_found", "state"),
        ("scheduler/addCron", {"agent": "nobody", "input": "go", "cron": "* * * * *"}, "not_found", "agent"),
        ("scheduler/removeCron", {"cronId": "nobody"}, "not_found", "schedule"),
    ],
)
async def test_what_there_is_not_is_named(method: str, params: dict[str, Any], kind: str, type: str) -> None:
    async with running(worker()) as daemon, calling(daemon) as caller:
        found = await refused(caller, method, **params)
        assert (found.kind, found.data["type"]) == (kind, type)


async def test_a_scheduled_agent_goes_on_in_the_next_daemon() -> None:
    journal = KeptJournal()
    live = LiveModel()
    turns = [*spawning("a"), {"text": "it is done"}]
    first = [agent("boss", *turns), agent("worker", model=live)]
    async with running(*first, journal=journal) as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["scheduler"])
        await caller.call("scheduler/submit", agent="boss", input="go", stateId="me")
        await caller.until(lambda: ("me", "sleeping") in changes(caller))
        await live.asked.wait()
    async with running(agent("boss", *turns), worker(), journal=journal) as daemon, calling(daemon) as caller:
        ended = await wait(caller, "me")
        assert ended["response"] == "it is done"
        assert run.Run.model_validate(ended).status == "completed"


async def test_a_schedule_is_added_fires_and_is_removed() -> None:
    clock = FrozenClock()
    async with running(worker(), clock=clock) as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["scheduler", "run"])
        asked = {"agent": "worker", "input": "go", "cron": "0 9 * * *", "timezone": "Europe/Berlin"}
        added = await caller.call("scheduler/addCron", cronId="daily", **asked)
        assert scheduler.Cron.model_validate(added).next_at == "2023-11-15T09:00:00+01:00"
        twice = await refused(caller, "scheduler/addCron", cronId="daily", **asked)
        assert twice.kind == "conflict"
        await caller.until(lambda: "run/sleeping" in [type for type, _ in told(caller)])
        await caller.call("ping")
        clock.advance(24 * 3600)
        await caller.until(lambda: any(status == "completed" for _, status in changes(caller)))
        (found,) = (await caller.call("scheduler/listCrons"))["crons"]
        assert (found["fired"], found["nextAt"]) == (1, "2023-11-16T09:00:00+01:00")
        state = found["last"]["stateId"]
        assert (state, found["last"]["skipped"]) == ("daily@2023-11-15T09:00:00+01:00", False)
        assert (await wait(caller, state))["response"] == "done"
        assert await caller.call("scheduler/removeCron", cronId="daily") == {"cronId": "daily"}
        assert (await caller.call("scheduler/listCrons"))["crons"] == []


async def test_a_schedule_that_names_no_time_says_why() -> None:
    async with running(worker()) as daemon, calling(daemon) as caller:
        asked = {"agent": "worker", "input": "go"}
        wrong = await refused(caller, "scheduler/addCron", cron="0 25 * * *", **asked)
        assert (wrong.code, wrong.data["errors"][0]["path"]) == (-32602, "cron")
        assert "'25' is no hour" in wrong.data["errors"][0]["message"]
        nowhere = await refused(caller, "scheduler/addCron", cron="0 9 * * *", timezone="Atlantis", **asked)
        assert nowhere.data["errors"][0]["path"] == "timezone"
