"""Skills: what somebody wrote down for a kind of task, for agents to read."""

from typing import Literal

from pydantic import Field

from agiwo_protocol.contract import Count, Empty, Method, Name, Page, Wire


class Diagnostic(Wire):
    """What is to be said of a `SKILL.md`, and of which line of it."""

    severity: Literal["error", "warning"]
    message: str
    line: Count | None = None


class Skill(Wire):
    """A skill. `path` is its `SKILL.md`; `version` changes whenever that does.

    An error among the diagnostics says that the file was broken: what is told is the version from before.
    """

    name: str
    description: str
    path: str
    source: Literal["bundled", "user", "project", "configured"]
    version: str
    diagnostics: list[Diagnostic] = Field(default_factory=list[Diagnostic])


class Skipped(Wire):
    """What was looked at and is not used, and why."""

    path: str
    reason: str
    line: Count | None = None


class ListResult(Wire):
    """A page of skills by name, and what was left out."""

    skills: list[Skill]
    skipped: list[Skipped] = Field(default_factory=list[Skipped])
    next_cursor: str | None = None


class SkillParams(Wire):
    """Names a skill."""

    name: Name


class SkillDetail(Skill):
    """A skill with its text, and the files that belong to it, relative to its directory."""

    body: str
    resources: list[str] = Field(default_factory=list[str])
    license: str | None = None
    compatibility: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict[str, str])


class ReloadResult(Wire):
    """The names of the skills that have changed since they were looked at before."""

    added: list[str]
    changed: list[str]
    removed: list[str]


class ValidateParams(Wire):
    """An absolute path, as the daemon sees it, of a skill or of a directory with skills in it."""

    path: Name


class Validated(Wire):
    """What is to be said of one place; with a name when there is a skill that can be used."""

    path: str
    name: str | None = None
    diagnostics: list[Diagnostic] = Field(default_factory=list[Diagnostic])


class ValidateResult(Wire):
    """Whether everything keeps to the specification, and what does not."""

    ok: bool
    results: list[Validated]


LIST = Method("skill/list", Page, ListResult, "The skills that agents may be given, and what was left out and why.")
GET = Method("skill/get", SkillParams, SkillDetail, "One skill, with its text.")
RELOAD = Method("skill/reload", Empty, ReloadResult, "Look at the directories of skills now.")
VALIDATE = Method(
    "skill/validate", ValidateParams, ValidateResult, "Hold skills against the specification, as their authors should."
)
