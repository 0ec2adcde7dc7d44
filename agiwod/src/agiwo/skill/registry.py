"""The skills there are at one moment, and what was left out and why. Never changes; a later moment has another one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from agiwo.skill.errors import SkillNotFoundError
from agiwo.skill.skill import SkillContent


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was looked at and is no skill to be used: where it is, and why not."""

    path: Path
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True)
class SkillRegistry:
    """Skills by name, in the order of their names."""

    skills: Mapping[str, SkillContent] = field(default_factory=dict[str, SkillContent])
    skipped: tuple[Skipped, ...] = ()

    def __iter__(self) -> Iterator[SkillContent]:
        return iter(self.skills.values())

    def __len__(self) -> int:
        return len(self.skills)

    def get(self, name: str) -> SkillContent:
        """The skill of that name.

        Raises:
            SkillNotFoundError: there is none; the message names what comes close.
        """
        if name not in self.skills:
            raise SkillNotFoundError(name, near(name, self.skills))
        return self.skills[name]

    def matching(self, patterns: Iterable[str]) -> list[SkillContent]:
        """The skills whose name matches one of the patterns (`*`, `?`, `[abc]`)."""
        wanted = tuple(patterns)
        return [skill for skill in self if any(fnmatchcase(skill.name, pattern) for pattern in wanted)]


def near(word: str, known: Iterable[str]) -> str:
    """What somebody may have meant who wrote `word`."""
    names = list(known)
    found = get_close_matches(word, names, n=1)
    if found:
        return f"did you mean {found[0]!r}?"
    more = f" and {len(names) - 50} more" if len(names) > 50 else ""
    return f"there are {', '.join(names[:50])}{more}" if names else "there are none"
