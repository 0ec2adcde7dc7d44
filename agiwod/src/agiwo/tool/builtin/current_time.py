"""What time it is, here or elsewhere. Sets no alarm."""

import difflib
import zoneinfo
from datetime import UTC, datetime, tzinfo
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.clock import Clock, SystemClock
from agiwo.errors import ToolError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult


class CurrentTime(BaseTool):
    """Tells the date and the time."""

    effect: Effect = "read"

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def get_name(self) -> str:
        """`current_time`."""
        return "current_time"

    def get_description(self) -> str:
        """What it tells."""
        return "Get the current date and time, in the local time zone or in any other."

    def get_parameters(self) -> dict[str, Any]:
        """A zone and a format, both optional."""
        zone = {"type": "string", "description": "IANA name, such as Europe/Berlin or UTC; local if left out"}
        form = {"type": "string", "enum": ["iso", "human"], "description": "iso (the default) or human"}
        return {"type": "object", "properties": {"timezone": zone, "format": form}}

    def is_concurrency_safe(self) -> bool:
        """Always: it changes nothing."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """The time, or an error result that names the nearest zones."""
        try:
            zone = _zone(parameters.get("timezone", ""))
        except ToolError as error:
            return ToolResult.failed(str(error))
        now = datetime.fromtimestamp(self._clock.now(), UTC).astimezone(zone)
        iso = now.isoformat(timespec="seconds")
        text = now.strftime("%A, %d %B %Y, %H:%M:%S %Z") if parameters.get("format") == "human" else iso
        return ToolResult(content=text, output={"iso": iso, "unix": self._clock.now()})


def _zone(name: str) -> tzinfo | None:
    """The zone of that name, None (local) for no name."""
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # also the name of a directory, or of no file at all
        raise ToolError(f"there is no time zone {name[:80]!r}{_nearest(name)}") from None


def _nearest(name: str) -> str:
    zones = sorted(zoneinfo.available_timezones())
    wanted = name.lower().replace(" ", "_")
    near = [zone for zone in zones if zone.lower().rpartition("/")[2] == wanted.rpartition("/")[2]]
    near = near or difflib.get_close_matches(name, zones, n=3)
    return f"; did you mean {' or '.join(near[:3])}?" if near else "; use an IANA name such as Europe/Berlin"
