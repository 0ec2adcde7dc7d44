"""Messages to runs: each is recorded once, in the mailbox of a run that still takes it. Reads none."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from agiwo.clock import Clock
from agiwo.engine.driver import Driver
from agiwo.engine.execution import Execution
from agiwo.engine.finish import OPEN
from agiwo.engine.mailbox import MAIL
from agiwo.engine.redact import Redactor
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.errors import Conflict
from agiwo.schema.event import NewEvent
from agiwo.schema.record import Batch, Entry


class Post:
    """Delivers messages to the runs that this process drives."""

    def __init__(self, storage: Storage, clock: Clock, redactor: Redactor, tasks: Tasks, driver: Driver) -> None:
        self._storage, self._clock, self._redactor, self._tasks = storage, clock, redactor, tasks
        self._driver = driver

    async def send(
        self, run: str, message: str, topic: str, data: Mapping[str, Any], event: NewEvent | None = None
    ) -> bool:
        """As `EmbeddedEngine.send_first`."""
        async with self._driver.awake(lambda: [run]) as executions:
            if not executions:
                await self._driver.refuse_unless_over(run)
                raise Conflict(f"run {run} has ended")
            (execution,) = executions
            key = f"{MAIL}/{message}"
            if key in execution.keyed:
                return False
            if not execution.mail.is_open(topic):
                raise Conflict(f"run {run} is finishing and takes no more messages on {topic!r}")
            payload = {"id": message, "topic": topic, "data": self._redactor.data(dict(data))}
            told = [execution.entry(event)] if event else []
            execution.mail.arriving[key] = topic
            delivery = self._tasks.start(self._deliver(execution, key, payload, told), f"{run} mail")
        return await asyncio.shield(delivery)

    async def _deliver(self, execution: Execution, key: str, payload: Mapping[str, Any], told: Sequence[Entry]) -> bool:
        letter = Entry(MAIL, payload, self._clock.now(), key, public=False)
        try:
            records = await self._storage.append_now(Batch(execution.id, (letter, *told), expect=OPEN))
        except Conflict:
            if key not in execution.keyed:  # it is no second sending of the same message
                raise
            return False
        finally:
            execution.mail.arriving.pop(key, None)
        execution.recall(records)
        execution.mail.ring()
        return True
