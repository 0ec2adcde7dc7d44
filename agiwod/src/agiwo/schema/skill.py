"""A skill as the plan of a run names it: what the model is told of it, and which version it gets."""

from dataclasses import dataclass
from typing import Final

SKILL_TOOL: Final = "Skill"
"""The name of the tool with which a model reads its skills."""


@dataclass(frozen=True, slots=True)
class SkillEntry:
    """A line of the catalogue that a run began with. `version` names the text that the skill had then."""

    name: str
    description: str
    version: str
