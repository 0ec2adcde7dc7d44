"""The files beside a skill's text, by path. Opens none of them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agiwo.errors import ToolError
from agiwo.skill.skill import FILE, SkillContent
from agiwo.tool.builtin.list_files import PASSED_BY

MOST: Final = 1000
"""Files that are looked at: a skill that has more has them for programs."""


def files_of(skill: SkillContent) -> Iterator[str]:
    """The files below a skill's directory, its `SKILL.md` not among them. Links are not followed, also to get there."""
    try:
        root = skill.workspace().root
    except ToolError:
        return
    yield from _below(root)


def _below(root: Path) -> Iterator[str]:
    waiting, found = [Path()], 0
    while waiting and found < MOST:
        below = waiting.pop()
        for entry in _entries(root / below):
            path = below / entry.name
            if entry.is_dir(follow_symlinks=False) and entry.name not in PASSED_BY:
                waiting.append(path)
            elif entry.is_file(follow_symlinks=False) and path != Path(FILE):
                found += 1
                yield path.as_posix()


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    """What is in a directory, by name; nothing when it cannot be read or is gone by now."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
