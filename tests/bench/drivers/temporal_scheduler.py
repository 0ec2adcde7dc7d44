"""Temporal's dev server, in memory: each agent is a workflow, and each answer of its model an activity."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from drivers.crowd import Crowd, until
from temporal_server import dev_server
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE, PATIENCE = "bench", timedelta(seconds=60)


class Counted:
    """The crowd that the workflows tell of themselves: the server makes them, so they cannot be given it."""

    crowd = Crowd()


@activity.defn
async def work() -> str:
    """Think."""
    return await Counted.crowd.work()


@activity.defn
async def say(text: str) -> str:
    """What a model says at once."""
    return text


@workflow.defn
class Child:
    """Works."""

    @workflow.run
    async def run(self) -> str:
        """Once."""
        return await workflow.execute_activity(work, start_to_close_timeout=PATIENCE)


@workflow.defn
class Nap:
    """Starts a child and waits for it, again and again."""

    @workflow.run
    async def run(self, times: int) -> None:
        """So many times."""
        for _ in range(times):
            await workflow.execute_child_workflow(Child.run)
            if not workflow.unsafe.is_replaying():
                Counted.crowd.note_wake()


@workflow.defn
class Spawning:
    """Starts children and waits for all."""

    @workflow.run
    async def run(self, children: int) -> None:
        """So many."""
        await workflow.execute_activity(say, "go", start_to_close_timeout=PATIENCE)
        await asyncio.gather(*(workflow.execute_child_workflow(Child.run) for _ in range(children)))
        await workflow.execute_activity(say, "all done", start_to_close_timeout=PATIENCE)


@workflow.defn
class Sleeper:
    """Sleeps."""

    @workflow.run
    async def run(self, seconds: int) -> None:
        """Once."""
        await workflow.execute_activity(say, "sleep", start_to_close_timeout=PATIENCE)
        if not workflow.unsafe.is_replaying():
            Counted.crowd.asleep += 1
        await workflow.sleep(seconds)
        await workflow.execute_activity(say, "awake", start_to_close_timeout=PATIENCE)
        Counted.crowd.awake += 1


class Driver:
    """Workflows of one worker, and a server that outlives it."""

    def __init__(self, crowd: Crowd) -> None:
        Counted.crowd = self._crowd = crowd
        self._server = ExitStack()
        self._address = ""

    @asynccontextmanager
    async def opened(self, folder: Path, at_once: int) -> AsyncGenerator[None]:
        """A worker that goes on with what the server has."""
        self._address = self._address or self._server.enter_context(dev_server())
        self._client = await Client.connect(self._address)
        worker = Worker(
            self._client,
            task_queue=QUEUE,
            workflows=[Child, Nap, Spawning, Sleeper],
            activities=[work, say],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=at_once,
        )
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(worker)
            yield

    async def run(self, task: str) -> None:
        """Let a workflow do it to its end."""
        kind, number, _ = task.removeprefix("@").split()
        wanted = {"nap": Nap.run, "crowd": Spawning.run}[kind]
        await self._client.execute_workflow(wanted, int(number), id=task, task_queue=QUEUE)

    async def sleep(self, begin: int, end: int, seconds: int) -> None:
        """Put workflows to sleep; return when all are."""
        for number in range(begin, end):
            await self._client.start_workflow(Sleeper.run, seconds, id=f"sleeper-{number}", task_queue=QUEUE)
        await until(end, lambda: self._crowd.asleep)
