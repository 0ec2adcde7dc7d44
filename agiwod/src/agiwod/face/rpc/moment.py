"""A time on the wire: ISO 8601 in UTC. Reads no clock."""

from datetime import UTC, datetime


def moment(at: float) -> str:
    """Seconds since the epoch as `2026-11-22T10:00:00.123456Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
