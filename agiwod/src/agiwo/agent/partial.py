"""What of a run's output is there while its model still says it. Knows no reader."""

from collections.abc import Iterable
from typing import Any

from agiwo.agent.json_answer import PartialJson
from agiwo.schema.event import ITEM_COMPLETED, ITEM_DELTA
from agiwo.schema.stream import StreamEvent


class Partials:
    """The output of one run as one reader sees it grow. `kind` is what the schema says that it is."""

    def __init__(self, run: str, kind: str | None) -> None:
        self._run, self._kind = run, kind
        self._place: tuple[str | None, int] = (None, 0)
        self._json = PartialJson(kind)

    def mark(self, events: Iterable[StreamEvent]) -> None:
        """Give each event that brings more of the output as much of it as there is then."""
        for event in events:
            event.partial = self._of(event)

    def _of(self, event: StreamEvent) -> Any:
        if event.run_id != self._run:
            return None
        data = event.data
        if event.name == ITEM_DELTA and data["kind"] == "text":
            return self._at(event.step_id, data["attempt"]).feed(data["text"])
        if event.name == ITEM_COMPLETED and data["kind"] == "agentMessage" and isinstance(data["text"], str):
            return self._at(event.step_id, self._place[1]).end(data["text"])
        return None

    def _at(self, item: str | None, attempt: int) -> PartialJson:
        if self._place != (item, attempt):
            self._place, self._json = (item, attempt), PartialJson(self._kind)
        return self._json
