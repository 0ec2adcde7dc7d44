"""Skills: what somebody wrote down for a kind of task, in `SKILL.md`, for agents to read when such a task comes.

A name is loaded when it is first asked for: who has no skills pays for none of this.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from agiwo.skill.errors import SkillError, SkillNotFoundError, SkillParseError
    from agiwo.skill.loader import SkillLoader
    from agiwo.skill.manager import SkillManager
    from agiwo.skill.manifest import SkillMetadata
    from agiwo.skill.registry import SkillRegistry
    from agiwo.skill.skill import SkillContent
    from agiwo.skill.skillset import Skillset
    from agiwo.skill.source import SkillSource
    from agiwo.skill.tool import SkillTool

__all__ = [
    "SkillContent",
    "SkillError",
    "SkillLoader",
    "SkillManager",
    "SkillMetadata",
    "SkillNotFoundError",
    "SkillParseError",
    "SkillRegistry",
    "SkillSource",
    "SkillTool",
    "Skillset",
]

_HOMES: Final = {
    "SkillContent": "skill",
    "SkillError": "errors",
    "SkillLoader": "loader",
    "SkillManager": "manager",
    "SkillMetadata": "manifest",
    "SkillNotFoundError": "errors",
    "SkillParseError": "errors",
    "SkillRegistry": "registry",
    "SkillSource": "source",
    "SkillTool": "tool",
    "Skillset": "skillset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
