"""What a reader has of a run: the last seq, and how much of each open item. Decides what is new; reads nothing."""

from collections.abc import Mapping

from agiwo_protocol.run import TERMINAL_EVENTS, RunEvent


class Gap(Exception):
    """Something is missing before this event."""


class Position:
    """A place in a run's events that survives any number of connections.

    `seq` is the last durable event that was taken. Of an open item it knows the attempt and how many characters.
    """

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self.has_ended = False
        self._open: dict[str, tuple[int, int]] = {}

    def take(self, event: RunEvent) -> RunEvent | None:
        """The part of `event` that is new, or None when all of it is known.

        Raises:
            Gap: something before it did not arrive.
        """
        if event.seq is not None:
            return self._take_durable(event, event.seq)
        if event.type == "item/started" and event.item_id is not None:
            return self._take_start(event, event.item_id)
        if event.type == "item/delta" and event.item_id is not None:
            return self._take_delta(event, event.item_id, event.data)
        return event

    def _take_durable(self, event: RunEvent, seq: int) -> RunEvent | None:
        if seq <= self.seq:
            return None
        if seq != self.seq + 1:
            raise Gap(f"event {seq} of run {event.run_id} follows event {self.seq}")
        self.seq = seq
        self.has_ended = event.type in TERMINAL_EVENTS
        if event.type == "item/completed" and event.item_id is not None:
            self._open.pop(event.item_id, None)
        return event

    def _take_start(self, event: RunEvent, item: str) -> RunEvent | None:
        if item in self._open:
            return None
        self._open[item] = (0, 0)
        return event

    def _take_delta(self, event: RunEvent, item: str, data: Mapping[str, object]) -> RunEvent | None:
        attempt, offset, text = data.get("attempt"), data.get("offset"), data.get("text")
        if not isinstance(attempt, int) or not isinstance(offset, int) or not isinstance(text, str):
            return event
        known_attempt, length = self._open.get(item, (0, 0))
        if attempt < known_attempt:
            return None
        if attempt > known_attempt:
            length = 0
        if offset > length:
            raise Gap(f"item {item} goes on at character {offset}, but only {length} have come")
        if offset + len(text) <= length:
            return None
        self._open[item] = (attempt, offset + len(text))
        if offset == length:
            return event
        rest = {**data, "offset": length, "text": text[length - offset :]}
        return event.model_copy(update={"data": rest})
