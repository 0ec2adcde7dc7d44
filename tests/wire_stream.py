"""What must be true of every frame of a run that a client gets, checked as it comes."""

from collections.abc import Mapping
from typing import Any, Final

TERMINAL: Final = ("run/completed", "run/failed", "run/cancelled")


class WireStream:
    """One client's view of one run. `take` fails at the first frame that breaks the invariant of flow control."""

    def __init__(self, run: str, after: int = 0) -> None:
        self.run, self.seq = run, after
        self.frames: list[Mapping[str, Any]] = []
        self._texts: dict[tuple[str, int], str] = {}
        self._closed: set[str] = set()

    @property
    def is_over(self) -> bool:
        """Whether the terminal event came."""
        return bool(self.frames) and self.frames[-1]["type"] in TERMINAL

    @property
    def types(self) -> list[str]:
        """The types of all frames, in order."""
        return [frame["type"] for frame in self.frames]

    @property
    def durable(self) -> list[str]:
        """The types of the durable ones."""
        return [frame["type"] for frame in self.frames if "seq" in frame]

    @property
    def response(self) -> str:
        """What the terminal event says."""
        return self.frames[-1]["data"]["response"]

    @property
    def streamed(self) -> str:
        """What the deltas say, item by item."""
        return "".join(self._texts.values())

    def take(self, frame: Mapping[str, Any]) -> None:
        assert not self.is_over, f"{frame['type']} follows the terminal event"
        assert frame["runId"] == self.run
        if "seq" in frame:
            assert frame["seq"] == self.seq + 1, f"{frame['type']} has the seq {frame['seq']} after {self.seq}"
            assert "after" not in frame
            self.seq = frame["seq"]
        else:
            assert frame["after"] == self.seq, f"{frame['type']} follows {frame['after']}, and {self.seq} was the last"
        self._check_item(frame)
        self.frames.append(frame)

    def _check_item(self, frame: Mapping[str, Any]) -> None:
        item, data = frame.get("itemId", ""), frame["data"]
        if frame["type"] == "item/completed":
            assert item not in self._closed, f"{item} is completed twice"
            self._closed.add(item)
        elif frame["type"] in ("item/started", "item/delta"):
            assert item not in self._closed, f"{frame['type']} of {item}, which is completed"
        if frame["type"] == "item/delta":
            place = (item, data["attempt"])
            said = self._texts.get(place, "")
            assert data["offset"] == len(said), f"{item}: a delta at {data['offset']} after {len(said)} characters"
            self._texts[place] = said + data["text"]
