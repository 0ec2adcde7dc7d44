"""What tools may do to the machine: what can be read, written and reached. Decides; the program `cage` enforces."""

import os
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from agiwo.errors import ConfigError
from agiwo.tool.sandbox.limits import Limits
from agiwo.tool.sandbox.places import (
    absent_places,
    hidden_places,
    kept_places,
    listening_sockets,
    repositories,
    shown_places,
)
from agiwo.tool.sandbox.walls import Walls

Mode = Literal["read-only", "workspace-write", "danger-full-access"]
"""Nothing can be written but temporary files; the workspace can, too; there are no walls."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How far commands and file tools reach. Whether they are asked about first is another question.

    With `mode` "workspace-write" they write below the workspace and `writable`, where git's hooks and settings and
    those of agiwo stay as they are, unless `writable` names them. Temporary files are gone with the command. They read
    everything but `hidden` and what is always hidden, keys and passwords of the home and what belongs to a daemon;
    what is `shown` can be read in there all the same.
    Without `network` they reach nothing outside. `env` names variables that they get besides those that all get.

    Where a system has no walls for that, commands run without them and the question whether they may run says so; with
    `must_hold` they do not run.
    """

    mode: Mode = "workspace-write"
    network: bool = False
    writable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    must_hold: bool = False

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ConfigError(f"a sandbox is one of {', '.join(get_args(Mode))}, and not {self.mode!r}")

    @property
    def has_walls(self) -> bool:
        """Whether it keeps commands from anything."""
        return self.mode != "danger-full-access"

    @property
    def is_required(self) -> bool:
        """Whether no command runs where there are no walls."""
        return self.must_hold and self.has_walls

    @property
    def can_write(self) -> bool:
        """Whether anything can be written."""
        return self.mode != "read-only"

    def narrowed(self, *places: str) -> "Narrow":
        """The same for a program that reads these places alone, and writes nothing."""
        return Narrow(replace(self, mode="read-only", network=False) if self.has_walls else self, places)

    def hides(self, place: Path, root: Path) -> bool:
        """Whether a place below the root, free of links, is not to be seen."""
        if not self.has_walls:
            return False
        hidden = map(_real, (*hidden_places(), *self.hidden))
        shown = (root, *map(_real, (*shown_places(), *self.shown)))
        return _nearest(place, hidden) > _nearest(place, shown)

    def lifts(self, place: Path) -> bool:
        """Whether `writable` names this place, or one above it: then it does not stay as it is."""
        return any(place.is_relative_to(_real(each)) for each in self.writable)

    def plan(self, root: Path, seconds: float, walls: Walls) -> dict[str, Any]:
        """What the program is told that runs a command below the root. Looks at the disk."""
        has_walls = self.has_walls and bool(walls)
        plan = self._places(root, walls) if has_walls else {}
        return plan | {
            "cwd": str(root),
            "network": self.network or not has_walls,
            "apart": has_walls and walls.has_namespaces,
            "landlock": has_walls and walls.landlock > 0,
            "namespaces": has_walls and walls.namespaces,
            "limits": self.limits.plan(seconds),
        }

    def _places(self, root: Path, walls: Walls) -> dict[str, Any]:
        own = self._writable(root)
        kept = [each for each in kept_places(own) if not self.lifts(Path(each))]
        hidden = {str(_real(each)) for each in (*hidden_places(), *self.hidden)}
        if walls.has_namespaces:
            hidden |= {each for each in map(os.path.realpath, listening_sockets()) if not _is_below(each, own)}
        return {
            "readable": ["/"],
            "writable": own,
            "scratch": self._scratch(own),
            "temporary": os.path.join(tempfile.gettempdir(), f"agiwo-{secrets.token_hex(6)}"),
            "pinned": [os.path.realpath(each) for each in repositories(own)],
            "kept": kept,
            "absent": [each for each in absent_places(own) if not self.lifts(Path(each))],
            "hidden": sorted(hidden - {str(root), *own}),
            "shown": [str(root), *map(str, map(_real, (*shown_places(), *self.shown)))],
        }

    def _writable(self, root: Path) -> list[str]:
        if not self.can_write:
            return []
        named = (str(_real(each)) for each in self.writable)
        return list(dict.fromkeys([str(root), *(each for each in named if os.path.exists(each))]))

    def _scratch(self, writable: Sequence[str]) -> list[str]:
        """Directories for temporary files, none inside another, and none that is written to anyhow."""
        found: list[str] = []
        for place in sorted({str(_real(each)) for each in ("/tmp", "/var/tmp", tempfile.gettempdir())}, key=len):
            if os.path.isdir(place) and not _is_below(place, [*found, *writable]):
                found.append(place)
        return found


@dataclass(frozen=True, slots=True)
class Narrow:
    """A sandbox for a program that needs to see very little."""

    sandbox: Sandbox
    readable: tuple[str, ...]

    @property
    def is_required(self) -> bool:
        """As of the sandbox."""
        return self.sandbox.is_required

    def plan(self, root: Path, seconds: float, walls: Walls) -> dict[str, Any]:
        """As that of a sandbox."""
        plan = self.sandbox.plan(root, seconds, walls)
        return plan | {"readable": [str(_real(each)) for each in self.readable]} if "readable" in plan else plan


def _real(place: str) -> Path:
    return Path(os.path.realpath(os.path.expanduser(place)))


def _nearest(place: Path, others: Iterable[Path]) -> int:
    """How long the path of the nearest of the others is that the place is in."""
    return max((len(str(each)) for each in others if place.is_relative_to(each)), default=0)


def _is_below(place: str, roots: Sequence[str]) -> bool:
    return any(place == each or place.startswith(each.rstrip("/") + "/") for each in roots)
