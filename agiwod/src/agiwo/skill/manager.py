"""The skills of some directories, kept up to date for all who use them. Watches nothing by itself.

What holds at a moment is one immutable registry; a reload puts another in its place, at once and as a whole. A run
names the versions that it began with, and gets their text also after a reload.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agiwo.skill.attic import Attic
from agiwo.skill.errors import SkillNotFoundError
from agiwo.skill.loader import SkillLoader
from agiwo.skill.registry import SkillRegistry, Skipped, near
from agiwo.skill.section import skills_section
from agiwo.skill.skill import SkillContent
from agiwo.skill.skillset import Skillset
from agiwo.skill.source import SkillSource
from agiwo.tool.thread import in_thread

if TYPE_CHECKING:
    from agiwo.skill.tool import SkillTool

_KEPT: Final = 4 * 1024 * 1024
"""How much is kept of texts that were replaced, for runs that began before and may still ask; the oldest go first."""

_ASIDE: Final = 4096
"""What a skill weighs besides its text, by which short ones would never be too many."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SkillChanges:
    """What a reload has changed: names of skills, and what cannot be used now and was not told before."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    faults: tuple[Skipped, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.faults)


class SkillManager:
    """The skills below these directories. Of two with one name, the one of the later directory counts.

    Without somebody who watches the directories (`is_watched`) it looks at them, when asked what there is, for files
    that have changed. In the directory `attic` it keeps the texts for runs that go on after a restart.
    """

    def __init__(
        self,
        skills_dirs: Iterable[str | Path | SkillSource] = (),
        *,
        is_watched: bool = False,
        attic: Path | None = None,
    ) -> None:
        self.is_watched, self._attic = is_watched, None if attic is None else Attic(attic)
        self.registry = SkillRegistry()
        self._loader = SkillLoader(skills_dirs)
        self._loading, self._has_looked = threading.Lock(), False
        self._kept: OrderedDict[tuple[str, str], SkillContent] = OrderedDict()
        self._size = 0

    @property
    def sources(self) -> tuple[SkillSource, ...]:
        """Where skills are looked for, the one that counts least first."""
        return self._loader.sources

    @sources.setter
    def sources(self, sources: Iterable[SkillSource]) -> None:
        with self._loading:
            loader = SkillLoader(sources)
            if loader.sources != self._loader.sources:
                self._loader = loader

    @property
    def _is_fresh(self) -> bool:
        return self.is_watched and self._has_looked

    @property
    def is_settled(self) -> bool:
        """Whether no file was being written to when they were last looked at."""
        return self._loader.is_settled

    @property
    def directories(self) -> frozenset[tuple[Path, int, int]]:
        """The directories that were looked into, as `SkillLoader.directories`."""
        return self._loader.directories

    async def initialize(self) -> None:
        """Look at the directories for the first time; whoever asks for skills before finds them just as well."""
        await self.reload()

    async def reload(self, *, patient: bool = False) -> SkillChanges:
        """Look at the directories again, in a thread; what has changed. `patient` is as in `SkillLoader.load`."""
        return await in_thread(lambda: self.look(patient=patient))

    def look(self, *, patient: bool = False) -> SkillChanges:
        """The same, in the caller's thread."""
        with self._loading:
            before, after = self.registry, self._loader.load(patient=patient)
            self._keep(before, after)
            self.registry, self._has_looked = after, True
        changes = _changes(before, after)
        for fault in changes.faults:
            log.warning("a skill cannot be used: %s", fault)
        return changes

    def current(self) -> SkillRegistry:
        """The skills there are now, as far as it can be told without waiting for somebody else who is looking."""
        if not self._is_fresh and not self._loading.locked():
            self.look()
        return self.registry

    def select(self, *patterns: str) -> Skillset:
        """The skills whose names match one of the patterns (all, without any), as an agent has them."""
        return Skillset(self, patterns or ("*",))

    def get_skill_tool(self) -> "SkillTool":
        """The tool with which a model reads any of them."""
        return self.select().tool

    def render_skills_section(self) -> str:
        """What a system prompt says of them; empty when there are none."""
        return skills_section(self.select().entries())

    def find(self, name: str, version: str) -> tuple[SkillContent, bool]:
        """The skill in that version, and whether it is that one: else it is the present one, which came since. Blocks.

        Raises:
            SkillNotFoundError: neither is there.
        """
        if not self._is_fresh:
            self.look()
        present = self.registry.skills
        now = present.get(name)
        if now is not None and now.version == version:
            return now, True
        kept = self._kept.get((name, version))
        if kept is not None:
            return kept, True
        if self._attic and (old := self._attic.get(name, version)):
            return old, True
        if now is not None:
            return now, False
        raise SkillNotFoundError(name, f"it is not there any more; {near(name, present)}")

    def _keep(self, replaced: SkillRegistry, present: SkillRegistry) -> None:
        """Have the texts at hand that are in the registry no more, and those that are, after a restart."""
        for skill in present if self._attic else ():
            if self._attic and replaced.skills.get(skill.name) is not skill:
                self._attic.put(skill)
        for skill in replaced:
            now, key = present.skills.get(skill.name), (skill.name, skill.version)
            if (now is None or now.version != skill.version) and key not in self._kept:
                self._kept[key] = skill
                self._size += _weight(skill)
        while self._size > _KEPT:
            self._size -= _weight(self._kept.popitem(last=False)[1])


def _weight(skill: SkillContent) -> int:
    return _ASIDE + len(skill.body)


def _changes(before: SkillRegistry, after: SkillRegistry) -> SkillChanges:
    old, new = before.skills, after.skills
    known = {*_faults(before)}
    return SkillChanges(
        tuple(name for name in new if name not in old),
        tuple(name for name, skill in new.items() if name in old and _differs(skill, old[name])),
        tuple(name for name in old if name not in new),
        tuple(fault for fault in _faults(after) if fault not in known),
    )


def _differs(skill: SkillContent, other: SkillContent) -> bool:
    return (skill.version, skill.root) != (other.version, other.root)


def _faults(registry: SkillRegistry) -> list[Skipped]:
    broken = [
        Skipped(skill.path, finding.message, finding.line)
        for skill in registry
        for finding in skill.findings
        if finding.weight == "fatal"
    ]
    return [*registry.skipped, *broken]
