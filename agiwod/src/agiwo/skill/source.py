"""A directory in which skills are looked for, and whose it is. Looks at nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["bundled", "user", "project", "configured"]
"""Who put the skills there: this package, the user for all programs, a project, or somebody who named the place."""


@dataclass(frozen=True, slots=True)
class SkillSource:
    """A directory of skills. One that somebody named has to be there; the others may be missing."""

    path: Path
    kind: Kind = "configured"

    @classmethod
    def at(cls, path: "str | Path | SkillSource") -> "SkillSource":
        """The directory of that name, `~` meant as the user's home."""
        return path if isinstance(path, SkillSource) else cls(Path(path).expanduser().absolute())
