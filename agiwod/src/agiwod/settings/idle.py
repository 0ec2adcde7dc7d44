"""Settings that are understood and do nothing in this version, so that whoever has made them is told. Refuses none."""

from collections.abc import Iterator
from typing import Final

from agiwod.settings.layer import DEFAULT
from agiwod.settings.tables import Settings

_IDLE: Final = (("mcp", "servers"),)


def idle_settings(settings: Settings) -> Iterator[str]:
    """A sentence about each that somebody has made, with its place."""
    for path in _IDLE:
        origin = settings.origin(*path)
        if origin != DEFAULT:
            yield f"{origin}: {'.'.join(path)} has no effect in this version"
