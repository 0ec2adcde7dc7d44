"""The daemon in numbers: what stands, who is there, how far behind the slowest is, and how quick the store is."""

import pytest
from agiwo.agent import Agent
from agiwo.observability.metrics import Reading
from agiwod.runtime.daemon import Daemon
from daemon_lab import LiveModel, calling, running, scripted

pytestmark = pytest.mark.anyio


async def numbers(daemon: Daemon) -> dict[str, Reading]:
    return {reading.about.name: reading for reading in await daemon.metrics.read()}


async def test_runs_clients_and_commits_are_counted():
    model = LiveModel()
    async with running(Agent("slow", "", model), scripted("echo")) as daemon, calling(daemon) as caller:
        await caller.read(await caller.start("echo"))
        run = await caller.start("slow")
        await model.asked.wait()
        found = await numbers(daemon)
        model.say("Hi.", None)
        await caller.read(run)  # its end, too: nothing is left to be sent
        after = await numbers(daemon)

    standing = {point.values: point.number for point in found["agiwo.runs"].points}
    assert standing == {("queued",): 0, ("running",): 1, ("waiting",): 0, ("sleeping",): 0, ("suspended",): 0}
    assert {point.number for point in after["agiwo.runs"].points} == {0}
    assert [point.number for point in found["agiwo.clients"].points] == [1]
    assert [point.number for point in after["agiwo.client.lag"].points] == [0]
    [commits] = found["agiwo.store.commit.duration"].spreads
    assert sum(commits.counts) >= 4
    agents = {spread.values: sum(spread.counts) for spread in after["gen_ai.invoke_agent.duration"].spreads}
    assert agents == {("echo", "completed"): 1, ("slow", "completed"): 1}
