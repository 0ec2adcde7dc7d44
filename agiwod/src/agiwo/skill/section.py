"""What a system prompt says of the skills of a run. Knows no files."""

from collections.abc import Sequence
from typing import Final

from agiwo.schema.skill import SkillEntry

_HEAD: Final = (
    "<skills>\nEach skill holds instructions for one kind of task. Before you begin a task that one of them is for, "
    "call the tool Skill with its name, and then do what it says."
)


def skills_section(entries: Sequence[SkillEntry]) -> str:
    """The catalogue: a line a skill; empty when there are none."""
    if not entries:
        return ""
    lines = (f"- {entry.name}: {entry.description}" for entry in entries)
    return "\n".join([_HEAD, *lines, "</skills>"])
