"""The skills that one agent may use: a part of what a manager has. Reads nothing itself."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Final

from agiwo.schema.skill import SkillEntry
from agiwo.skill.manifest import LONGEST_DESCRIPTION

if TYPE_CHECKING:
    from agiwo.skill.manager import SkillManager
    from agiwo.skill.tool import SkillTool

_MOST: Final = 200
"""Skills that a run is told of. Each costs its model some fifty tokens in every request."""

log = logging.getLogger(__name__)


class Skillset:
    """What an agent is given as its `skills`: those of the manager whose names match one of the patterns."""

    def __init__(self, manager: "SkillManager", patterns: tuple[str, ...] = ("*",)) -> None:
        self.manager, self.patterns = manager, patterns

    @cached_property
    def tool(self) -> "SkillTool":
        """With which the agent's model reads them."""
        from agiwo.skill.tool import SkillTool

        return SkillTool(self)

    def entries(self) -> tuple[SkillEntry, ...]:
        """The catalogue as it is now: what a run that begins now is told, and which versions it gets."""
        found = self.manager.current().matching(self.patterns)
        if len(found) > _MOST:
            log.warning("%d skills are too many for one agent: the first %d are told", len(found), _MOST)
        return tuple(
            SkillEntry(skill.name, skill.metadata.description[:LONGEST_DESCRIPTION], skill.version)
            for skill in found[:_MOST]
        )
