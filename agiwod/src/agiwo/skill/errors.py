"""What can be wrong with skills.

SkillError
├── SkillNotFoundError     no skill of that name can be used; also a `NotFound`
└── SkillParseError        a `SKILL.md` that cannot be used; `line` is where, if it is in one place
"""

from agiwo.errors import AgiwoError, NotFound


class SkillError(AgiwoError):
    """Root of all errors about skills."""


class SkillNotFoundError(SkillError, NotFound):
    """There is no skill of that name, or none that the caller may use."""

    def __init__(self, name: str, hint: str = "") -> None:
        NotFound.__init__(self, "skill", name, hint)


class SkillParseError(SkillError):
    """A `SKILL.md` that cannot be used. The message says why."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line
