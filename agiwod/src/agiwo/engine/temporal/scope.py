"""What an effect can do in an activity: stream to readers, tell, take mail from its run's workflow."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from agiwo.clock import Clock
from agiwo.durable import Message, RunView
from agiwo.engine.feed import Feed
from agiwo.engine.redact import Redactor
from agiwo.engine.storage import Storage
from agiwo.engine.streaming import Streaming
from agiwo.engine.temporal.coding import decode
from agiwo.errors import Interrupted
from agiwo.schema.event import RUN_RETRYING, NewEvent
from agiwo.schema.record import Batch, Entry

Update = Callable[[str, Sequence[Any]], Awaitable[Any]]
"""Asks the run's workflow for something, by name and arguments."""


class ActivityScope:
    """The `StepScope` of one attempt at a step. `attempts` counts the attempts at its items that it began."""

    def __init__(
        self,
        view: RunView,
        key: str,
        number: int,
        update: Update,
        storage: Storage,
        redactor: Redactor,
        clock: Clock,
        feed: Feed,
        attempt: int,
    ) -> None:
        self.run, self.key = view, key
        self.attempts = 0
        self.is_stopped = False
        self._number, self._update = number, update
        self._storage, self._redactor, self._clock = storage, redactor, clock
        self._first, self._feed = attempt, feed
        self.streaming = Streaming(feed, redactor, clock)

    @property
    def idempotency_key(self) -> str:
        """The run and the key: the same for every attempt at this step, and for no other step."""
        return f"{self.run.id}/{self.key}"

    def open(self, item: str, kind: str, **data: Any) -> None:
        """Begin an item, or take over one that another step of this attempt began."""
        self.streaming.open(item, kind, data, self._first + self.attempts, is_shown=not self.is_stopped)

    def delta(self, item: str, kind: str, text: str) -> None:
        """Add to an open item's stream; known secrets are held back and replaced."""
        if not self.is_stopped:
            self.streaming.delta(item, kind, text)

    def notice(self, type: str, data: Mapping[str, Any]) -> None:
        """Tell present readers something that is not kept."""
        self._feed.notice(type, self._redactor.data(data), self._clock.now())

    async def record(self, event: NewEvent) -> None:
        """Commit a durable event at once; `run/retrying` also ends the attempt that the step's items are in."""
        if self.is_stopped:
            raise Interrupted("cancel", "", self._clock.now())
        entry = Entry(event.type, self._redactor.data(event.data), self._clock.now(), None, True, event.item)
        self._feed.append(await self._storage.append(Batch(self.run.id, (entry,))))
        if event.type == RUN_RETRYING:
            self.begin_again()

    def begin_again(self) -> None:
        """What follows is a new attempt at the step's items."""
        self.attempts += 1
        self.streaming.drop()

    async def drain(self, topic: str) -> Sequence[Message]:
        """Take the messages that came for `topic`."""
        found = await self._update("drain", [self.key, self._number, topic])
        return [Message(**message) for message in decode(found)]

    async def close(self, topic: str) -> bool:
        """Accept no more messages for `topic`, unless some wait already."""
        return await self._update("close", [self.key, self._number, topic])
