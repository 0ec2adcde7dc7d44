"""The events of one run as every reader may count on them: without a hole, and with one end. Knows no connection."""

from collections.abc import Iterable, Mapping
from typing import Any

from agiwo_protocol.run import TERMINAL_EVENTS


class RunEvents:
    """A reader of a run from a seq on."""

    def __init__(self, run: str, after: int = 0) -> None:
        self.run, self.is_over = run, False
        self.seq: int = after
        self._types: list[str] = []
        self._offsets: dict[tuple[str, int], int] = {}
        self._done: set[str] = set()

    def take(self, event: Mapping[str, Any]) -> str | None:
        """What is wrong with the next event, None when nothing is. Those of other runs are left alone."""
        if event["runId"] != self.run:
            return None
        self._types.append(event["type"])
        if ("seq" in event) == ("after" in event):
            return "an event has either `seq` or `after`"
        return self._take_durable(event) if "seq" in event else self._take_passing(event)

    def _take_durable(self, event: Mapping[str, Any]) -> str | None:
        if event["seq"] != self.seq + 1:
            return f"seq {event['seq']} comes after seq {self.seq}"
        self.seq = event["seq"]
        self.is_over = event["type"] in TERMINAL_EVENTS
        if event["type"] == "item/completed":
            self._done.add(event.get("itemId", ""))
        return None

    def _take_passing(self, event: Mapping[str, Any]) -> str | None:
        if event["after"] != self.seq:
            return f"an event that follows seq {event['after']} comes after seq {self.seq}"
        if event["type"] != "item/delta":
            return None
        item, data = event["itemId"], event["data"]
        if item in self._done:
            return f"a delta of item {item} comes after the completed item"
        begun = self._offsets.get((item, data["attempt"]), 0)
        if data["offset"] != begun:
            return f"offset {data['offset']} of item {item} comes where {begun} should"
        self._offsets[item, data["attempt"]] = begun + len(data["text"])
        return None

    def lacks(self, types: Iterable[str]) -> str | None:
        """Which of the types did not come in this order, None when all did."""
        came = iter(self._types)
        missing = next((type for type in types if type not in came), None)
        return missing and f"{missing} did not come where it should among {', '.join(self._types)}"
