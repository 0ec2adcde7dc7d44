"""Scheduled agents in the hands of a client, with a daemon of its own that is killed in between."""

import asyncio
from pathlib import Path

import pytest
from agiwo_client import Client, Events, RpcError, connect
from agiwo_protocol import scheduler
from live_daemon import PATIENCE, living

pytestmark = pytest.mark.anyio

AGENTS = {"worker": {"text": "done"}, "slow": {"text": "a b c d e f g h", "deltas": 8, "delayMs": 40}}


async def told(events: Events, type: str, status: str | None = None) -> None:
    """Return when the daemon has told that."""
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if (event.type, event.data.get("status")) == (type, status):
                return


async def standing(client: Client, state: str) -> scheduler.Status:
    return (await (await client.state(state)).get()).status


async def test_a_persistent_agent_is_given_tasks_and_ended(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS), connect(home=tmp_path, autostart=False) as client:
        state = await client.submit("worker", "one", persistent=True)
        first = await state.wait(timeout=PATIENCE)
        second = await state.submit_task("two")
        assert (await state.wait()).run_id == state.run_id == second != first.run_id
        assert [each.state_id for each in await state.tree()] == [state.id] == ["worker"]
        again = await client.state("worker")
        assert (await again.wait()).run_id == second
        assert (await again.shutdown(), await again.shutdown()) == (True, False)
        await again.wait()
        with pytest.raises(RpcError, match="takes no more tasks"):
            await state.submit_task("three")
        with pytest.raises(RpcError, match="no state 'nobody'"):
            await client.state("nobody")


@pytest.mark.soak  # two lives of a daemon
async def test_waiting_and_hearing_go_on_over_a_daemon_that_was_killed(tmp_path: Path) -> None:
    async with (
        living(tmp_path, AGENTS) as daemon,
        connect(home=tmp_path, autostart=False) as client,
        client.events("scheduler") as events,
    ):
        state = await client.submit("slow", "go", state_id="me")
        waiting = asyncio.create_task(state.wait())
        await told(events, "state/changed", "running")
        daemon.process.kill()
        await told(events, "event/lost")
        await daemon.end()
        await daemon.start()
        await told(events, "event/lost")
        assert (await waiting).response == "a b c d e f g h"
        assert await standing(client, "me") == "completed"
        assert not await state.cancel()
