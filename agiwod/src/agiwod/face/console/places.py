"""Where a tab is in everything that it reads, as the id of an event of its stream. Reads nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson
from agiwo.schema.event import TERMINAL_EVENTS

_LONGEST: Final = 64 * 1024
"""Characters of an id that is read: far more than a tab with all the runs that it may follow has."""


@dataclass(slots=True)
class Places:
    """The last seq of each run that the tab follows and has not read to its end, and of the events of a `daemon`."""

    daemon: str = ""
    events: int = 0
    runs: dict[str, int] = field(default_factory=dict[str, int])

    def note(self, method: str, params: Mapping[str, Any]) -> None:
        """The tab has been sent this notification."""
        if method == "daemon/event":
            self.events = params["seq"]
        elif method == "run/event" and "seq" in params:
            if params["type"] in TERMINAL_EVENTS:
                self.runs.pop(params["runId"], None)
            else:
                self.runs[params["runId"]] = params["seq"]

    def encode(self) -> str:
        """As one line, which `read` takes."""
        return orjson.dumps({"daemon": self.daemon, "events": self.events, "runs": self.runs}).decode()


def read(told: str) -> Places:
    """The places that an id tells of; those of a newcomer when it tells of none."""
    try:
        found = orjson.loads(told) if 0 < len(told) <= _LONGEST else None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        return Places()
    said = cast("dict[str, Any]", found)
    daemon, events, runs = said.get("daemon"), said.get("events"), said.get("runs")
    if not isinstance(daemon, str) or type(events) is not int or events < 0 or not isinstance(runs, dict):
        return Places()
    seqs = {run: seq for run, seq in cast("dict[str, Any]", runs).items() if type(seq) is int and seq >= 0}
    return Places(daemon, events, seqs)
