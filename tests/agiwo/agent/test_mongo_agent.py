"""Agents, scheduled agents and traces in a real MongoDB, by the names that the options have for it."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from agiwo import Agent, AgentOptions, RunStepStorageConfig, SchedulerConfig, TraceStorageConfig
from agiwo.observability import MongoTraceStorage
from agiwo.scheduler import AgentStateStorageConfig, Scheduler
from agiwo.testing import ScriptedModel
from mongo_lab import Mongod, database_of

pytestmark = [pytest.mark.anyio, pytest.mark.mongo]

HI: dict[str, Any] = {"turns": [{"text": "Hi."}], "repeat": True}


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A database of the test's own, named as a user names one."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return {name: value for name, value in database_of(tmp_path).items() if name != "lock_dir"}


@pytest.fixture
def standalone() -> Generator[str]:
    server = Mongod(standalone=True)
    yield server.uri
    server.stop()


async def test_a_session_goes_on_and_traces_are_found_in_the_next_process(address: dict[str, Any]) -> None:
    options = AgentOptions(
        run_step_storage=RunStepStorageConfig("mongodb", address),
        trace_storage=TraceStorageConfig(
            "mongodb", {"mongo_uri": address["uri"], "db_name": address["db_name"], "collection_name": "seen"}
        ),
    )
    runs: list[str] = []
    for _ in range(2):
        agent = Agent("a", "", ScriptedModel(**HI), options=options)
        runs.append((await agent.run("Go.", session_id="s")).run_id)
        assert [run.id for run in await agent.run_step_storage.list_runs(session_id="s")] == runs[::-1]
        await agent.close()

    store = MongoTraceStorage(address["uri"], address["db_name"], "seen")
    assert [(trace.run_id, trace.status) for trace in await store.get_recent()] == [(run, "ok") for run in runs[::-1]]
    await store.close()


async def test_two_agents_that_name_one_database_share_it(address: dict[str, Any]) -> None:
    options = AgentOptions(run_step_storage=RunStepStorageConfig("mongodb", address))
    one, two = (Agent(name, "", ScriptedModel(**HI), options=options) for name in ("one", "two"))
    for agent in (one, two):
        assert (await agent.run("Go.", session_id="s")).response == "Hi."
    assert len(await one.run_step_storage.list_runs(session_id="s")) == 2
    for agent in (one, two):
        await agent.close()


async def test_a_scheduled_agent_is_there_for_the_next_scheduler(address: dict[str, Any]) -> None:
    config = SchedulerConfig(state_storage=AgentStateStorageConfig("mongodb", address))
    agent = Agent("root", "", ScriptedModel(**HI))
    async with Scheduler(config, agents=[agent]) as scheduler:
        state = await scheduler.submit(agent, "Go.", persistent=True)
        assert (await scheduler.wait_for(state)).response == "Hi."
    async with Scheduler(config, agents=[agent]) as scheduler:
        await scheduler.submit_task(state, "Again.")
        assert (await scheduler.wait_for(state)).response == "Hi."
        assert [each.id for each in await scheduler.list()] == [state]
    await agent.close()


async def test_traces_need_no_transactions(standalone: str) -> None:
    options = AgentOptions(trace_storage=TraceStorageConfig("mongodb", {"mongo_uri": standalone}))
    agent = Agent("a", "", ScriptedModel(**HI), options=options)
    run = await agent.run("Go.")
    await agent.close()
    store = MongoTraceStorage(standalone)
    assert [trace.run_id for trace in await store.get_recent()] == [run.run_id]
    await store.close()
