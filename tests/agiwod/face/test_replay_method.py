"""`run/replay` over the wire: the new run is followed like one that was started."""

import pytest
from daemon_lab import calling, running

pytestmark = pytest.mark.anyio


async def test_a_replayed_run_is_followed_from_its_first_event_on() -> None:
    async with running() as daemon, calling(daemon) as caller:
        run = await caller.start()
        await caller.call("run/wait", runId=run)
        started = await caller.call("run/replay", runId=run)
        assert started["runId"] != run
        assert started["deduplicated"] is False
        assert (await caller.read(started["runId"])).response == "hello world"


async def test_a_replayed_run_that_is_not_attached_is_not_told_of() -> None:
    async with running() as daemon, calling(daemon) as caller:
        run = await caller.start(attach=False)
        await caller.call("run/wait", runId=run)
        started = await caller.call("run/replay", runId=run, attach=False)
        await caller.call("run/wait", runId=started["runId"])
        assert caller.told == []
