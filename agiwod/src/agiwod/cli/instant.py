"""Times and spans of time as people write them. Pure."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


@lru_cache(maxsize=4096)
def seconds(moment: str) -> float:
    """A time of the wire in seconds since the epoch."""
    return datetime.fromisoformat(moment).timestamp()


def span_of(text: str) -> float:
    """The seconds of `500ms`, `2s`, `1.5m`, `3h` or `7d`.

    Raises:
        ValueError: it is something else.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no span of time; write 500ms, 2s, 1.5m, 3h or 7d")
    return float(found[1]) * _UNITS[found[2]]


def moment_of(text: str, now: float) -> str:
    """A time for the wire: of `2026-11-22T10:00`, which is local when it names no zone, or of `3h`, which is ago.

    Raises:
        ValueError: it is something else.
    """
    if _SPAN.fullmatch(text.strip()):
        return datetime.fromtimestamp(now - span_of(text), UTC).isoformat()
    try:
        return datetime.fromisoformat(text.strip()).astimezone().isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is no time; write 2026-11-22T10:00, or how long ago, such as 3h") from None


def took(milliseconds: float | None) -> str:
    """A span of time in a few letters, as exactly as it matters; of what is not over three dots."""
    if milliseconds is None:
        return "…"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    from agiwod.cli.forest import span

    return span(milliseconds / 1000)
