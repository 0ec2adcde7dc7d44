"""DBOS over SQLite: each agent is a workflow, and each answer of its model a step."""
# pyright: basic, reportMissingImports=false
# What this imports is installed in another interpreter, so no type of it is known here.

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing

from dbos import DBOS, SetWorkflowID
from drivers.crowd import until

SLEPT = "SELECT count(*) FROM operation_outputs WHERE function_name = 'DBOS.sleep'"


class Driver:
    """Workflows of one process, which start each other directly: no queue's polling stands between them."""

    def __init__(self, crowd):
        self._crowd, self._slots = crowd, asyncio.Semaphore()

        @DBOS.step()
        async def work():
            async with self._slots:
                return await crowd.work()

        @DBOS.step()
        async def say(text):
            return text

        @DBOS.workflow()
        async def child():
            return await work()

        @DBOS.workflow()
        async def nap(times):
            for _ in range(times):
                await (await DBOS.start_workflow_async(child)).get_result()
                crowd.note_wake()

        @DBOS.workflow()
        async def spawning(children):
            await say("go")
            handles = [await DBOS.start_workflow_async(child) for _ in range(children)]
            for each in handles:
                await each.get_result()
            await say("all done")

        @DBOS.workflow()
        async def sleeper(seconds):
            await say("sleep")
            crowd.asleep += 1
            await DBOS.sleep_async(seconds)
            await say("awake")
            crowd.awake += 1

        self._workflows = {"nap": nap, "crowd": spawning}
        self._sleeper = sleeper

    @asynccontextmanager
    async def opened(self, folder, at_once):
        """DBOS, with whatever of the file has not ended."""
        self._slots, self._file = asyncio.Semaphore(at_once), folder / "dbos.sqlite"
        url = f"sqlite:///{self._file}"
        DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "application_version": "1"})
        DBOS.launch()
        try:
            yield
        finally:
            DBOS.destroy()

    async def run(self, task):
        """Let a workflow do it to its end."""
        kind, number, _ = task.removeprefix("@").split()
        await (await DBOS.start_workflow_async(self._workflows[kind], int(number))).get_result()

    async def sleep(self, begin, end, seconds):
        """Put workflows to sleep; return when all are."""
        for number in range(begin, end):
            with SetWorkflowID(f"sleeper-{number}"):
                await DBOS.start_workflow_async(self._sleeper, seconds)
        await until(end, lambda: self._crowd.asleep)
        with closing(sqlite3.connect(self._file)) as db:
            await until(end, lambda: db.execute(SLEPT).fetchone()[0])
