"""The messages of one run: which came, which an operation took, which topics take no more. Writes nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from agiwo.durable import Message, matches
from agiwo.engine.operation import Operation
from agiwo.schema.record import Record

MAIL: Final = "mail"
"""Type of the internal record of a message; its key is `mail/ID`."""


class Mailbox:
    """A run's mail, as its records say it, and as the operations under way will."""

    def __init__(self) -> None:
        self.arriving: dict[str, str] = {}
        self._messages: list[Message] = []
        self._taken: set[str] = set()
        self._closed: set[str] = set()
        self._news = asyncio.Event()

    def recall(self, record: Record) -> None:
        """Take up what a record says of the mail."""
        data = record.data
        if record.type == MAIL:
            self._messages.append(Message(data["id"], data["topic"], data["data"], record.at))
        if drained := data.get("drained"):
            self._taken.update(drained)
        if reopened := data.get("reopened"):
            self._closed.difference_update(reopened)
        if closed := data.get("closed"):
            self._closed.update(closed)

    def ring(self) -> None:
        """Mail has come: let those know who wait for it."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def news(self) -> None:
        """Return when mail comes."""
        await self._news.wait()

    def waiting(self, topic: str, match: Mapping[str, Any] | None = None) -> list[Message]:
        """Messages for `topic` that nobody took, oldest first."""
        return [m for m in self._messages if m.topic == topic and m.id not in self._taken and matches(m.data, match)]

    def is_open(self, topic: str) -> bool:
        """Whether messages are taken for `topic`."""
        return topic not in self._closed

    def take(self, operation: Operation, message: Message) -> None:
        """Give a message to an operation, whose record will name it."""
        self._taken.add(message.id)
        operation.drained.append(message.id)

    def close(self, operation: Operation, topic: str) -> bool:
        """Take no more messages for `topic`; False, and nothing is closed, when some wait or are being recorded."""
        if self.waiting(topic) or topic in self.arriving.values():
            return False
        self._closed.add(topic)
        operation.closed.append(topic)
        return True

    def reopen(self, operation: Operation, topic: str) -> None:
        """Take messages for `topic` again."""
        if topic in self._closed:
            self._closed.discard(topic)
            operation.reopened.append(topic)

    def put_back(self, operation: Operation) -> None:
        """Undo what an operation did: its record will not name it."""
        self._taken.difference_update(operation.drained)
        self._closed.difference_update(operation.closed)
        self._closed.update(operation.reopened)
        for names in (operation.drained, operation.closed, operation.reopened):
            names.clear()
