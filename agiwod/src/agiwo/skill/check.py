"""Skills held against the specification for those who write them: what users are warned of is an error here."""

from dataclasses import dataclass
from pathlib import Path

from agiwo.skill.finding import Finding
from agiwo.skill.loader import SkillLoader
from agiwo.skill.registry import Skipped
from agiwo.skill.skill import FILE


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be said of one place; `name` is that of a skill which can be used."""

    path: Path
    name: str | None
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        """Whether it keeps to the specification; it may still be better."""
        return all(finding.strict_severity != "error" for finding in self.findings)


def check_skills(path: str | Path) -> list[Checked]:
    """The skill at that path, or each one below it, by path; whatever is there, there is something to say of it."""
    given = Path(path).expanduser().absolute()
    top = given.parent if given.name == FILE else given
    found = SkillLoader([top]).load()
    checked = [Checked(skill.path, skill.name, skill.findings) for skill in found]
    checked += [_left_out(each) for each in found.skipped]
    if not checked:
        checked = [_left_out(Skipped(top, f"there is no {FILE} here or below"))]
    return sorted(checked, key=lambda each: each.path)


def _left_out(skipped: Skipped) -> Checked:
    return Checked(skipped.path, None, (Finding("fatal", skipped.reason, skipped.line),))
