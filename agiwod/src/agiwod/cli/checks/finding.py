"""What a check has found, and what all checks know before they look. Looks at nothing itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agiwo_protocol.paths import Paths

if TYPE_CHECKING:
    from agiwod.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how a thing is, and unless it is ok, what to do."""

    area: str
    state: Literal["ok", "warning", "fault"]
    message: str
    todo: str | None = None


def ok(area: str, message: str) -> Finding:
    """As it should be."""
    return Finding(area, "ok", message)


def warning(area: str, message: str, todo: str) -> Finding:
    """The daemon works, and somebody should look."""
    return Finding(area, "warning", message, todo)


def fault(area: str, message: str, todo: str) -> Finding:
    """Something does not work."""
    return Finding(area, "fault", message, todo)


@dataclass(frozen=True, slots=True)
class Patient:
    """A daemon's home. `status` is None when no daemon answers, `settings` when they cannot work: `errors` says why."""

    paths: Paths
    status: dict[str, Any] | None
    silence: str | None
    settings: "Settings | None"
    errors: tuple[str, ...] = ()
    reads_weights: bool = False


Check = Callable[[Patient], Iterator[Finding]]
