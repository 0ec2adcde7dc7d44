"""The skills that agents would have: those that can be used, and what is wrong with the others."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agiwod.cli.checks.finding import Finding, Patient, ok, warning

if TYPE_CHECKING:
    from agiwo.skill.registry import SkillRegistry

    from agiwod.settings import Settings


def check_skills(patient: Patient) -> Iterator[Finding]:
    """How many there are; what was left out, with file and line; and what agents name that is not there."""
    if patient.settings is None:
        return
    from agiwo.skill import SkillLoader

    from agiwod.shelf import skill_sources

    found = SkillLoader(skill_sources(patient.settings)).load()
    warned = [skill for skill in found if skill.findings]
    yield ok("skills", f"{len(found)} loaded, {len(warned)} with warnings, {len(found.skipped)} left out")
    for skill in warned:
        yield warning(f"skill {skill.name}", skill.findings[0].message, f"`agiwod skills check {skill.root}`")
    for left in found.skipped:
        yield warning("skill left out", str(left), f"`agiwod skills check {left.path.parent}`, or take it away")
    yield from _missing(patient.settings, found)


def _missing(settings: "Settings", found: "SkillRegistry") -> Iterator[Finding]:
    for name, agent in settings.agents.items():
        for pattern in agent.skills:
            if "*" not in pattern and not found.matching([pattern]):
                where = settings.origin("agents", name, "skills")
                message = f"{where}: [agents.{name}] names a skill that is not there: {pattern!r}"
                yield warning("skills", message, "write it, or take the name away: `agiwod config edit`")
