"""What must be true of every stream of a run's events, whoever reads it and from wherever."""

from collections.abc import Sequence

from agiwo.schema.event import ITEM_COMPLETED, ITEM_DELTA, ITEM_STARTED, Event


def check_stream(events: Sequence[Event], *, after: int = 0, is_over: bool = True) -> None:
    """Fail unless they follow `after` without a hole and, when the run is over, end with the one terminal event."""
    seq = after
    offsets: dict[tuple[str, int], int] = {}
    closed: set[str] = set()
    for event in events:
        if event.seq is None:
            assert event.after == seq, f"{event.type} follows {event.after}, and {seq} was the last"
            _check_ephemeral(event, offsets, closed)
        else:
            assert event.seq == seq + 1, f"{event.type} has the seq {event.seq} after {seq}"
            seq = event.seq
            if event.type == ITEM_COMPLETED and event.item:
                assert event.item not in closed, f"{event.item} is completed twice"
                closed.add(event.item)
    terminal = [event for event in events if event.is_terminal]
    assert len(terminal) == is_over, f"{len(terminal)} terminal events"
    assert not terminal or events[-1] is terminal[0], "something follows the terminal event"


def _check_ephemeral(event: Event, offsets: dict[tuple[str, int], int], closed: set[str]) -> None:
    if event.type not in (ITEM_STARTED, ITEM_DELTA):
        return
    assert event.item
    assert event.item not in closed, f"{event.type} of {event.item}, which is completed"
    if event.type == ITEM_DELTA:
        key = event.item, event.data["attempt"]
        assert event.data["offset"] == offsets.get(key, 0), f"{event.item}: a hole in its deltas"
        offsets[key] = event.data["offset"] + len(event.data["text"])


def text_of(events: Sequence[Event], item: str) -> str:
    """What a reader has of an item from its deltas: those of the highest attempt, joined."""
    deltas = [event for event in events if event.type == ITEM_DELTA and event.item == item]
    last = max((event.data["attempt"] for event in deltas), default=0)
    return "".join(event.data["text"] for event in deltas if event.data["attempt"] == last)
