"""The order of a session's runs: one after the other. Knows no journal."""

from collections.abc import Sequence


class Lanes:
    """One lane a session: the run in front may go, the others wait in line."""

    def __init__(self) -> None:
        self._lanes: dict[str, list[str]] = {}

    def enter(self, session: str, run: str) -> bool:
        """Put a run in line; True when it is in front."""
        lane = self._lanes.setdefault(session, [])
        if run not in lane:
            lane.append(run)
        return lane[0] == run

    def leave(self, session: str, run: str) -> str | None:
        """Take a run out of its line; the run that is in front because of that, if any."""
        lane = self._lanes.get(session)
        if not lane or run not in lane:
            return None
        was_in_front = lane[0] == run
        lane.remove(run)
        if not lane:
            del self._lanes[session]
            return None
        return lane[0] if was_in_front else None

    def runs(self, session: str) -> Sequence[str]:
        """Who is in line, the one in front first."""
        return tuple(self._lanes.get(session, ()))
