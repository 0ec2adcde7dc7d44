"""Finds skills below directories and reads them, again and again: what has not changed is not read twice.

What cannot be used is told, never passed over in silence; a skill whose file was broken keeps the text it had before.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agiwo.clock import Clock, SystemClock
from agiwo.skill.errors import SkillParseError
from agiwo.skill.finding import Finding
from agiwo.skill.registry import SkillRegistry, Skipped
from agiwo.skill.skill import FILE, SkillContent, Stamp, read_file, skill_of, stamp_of
from agiwo.skill.source import SkillSource

_DEEP: Final = 5
"""Levels below a source at which a skill may stand."""

_DIRECTORIES: Final = 5000
"""Directories of one source that are looked into."""

_PASSED_BY: Final = frozenset({"node_modules", "__pycache__"})

_FRESH: Final = 0.02
"""Seconds after a write in which the next one may follow: who writes a file in pieces pauses no longer than that."""

_BROKEN: Final = 0.3
"""The same for a file that cannot be used as it is: most likely somebody is not done with it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found in a directory: a skill, or why there is none; both when there was one before."""

    stamp: Stamp | None
    skill: SkillContent | None = None
    fault: SkillParseError | None = None


class SkillLoader:
    """Reads the skills of these sources. Of two with one name the one of the later source counts.

    `directories` are those that were looked into, each with what tells it from another of its name. A skill that comes,
    goes or changes is a change of what is in one of them.
    """

    def __init__(self, sources: Iterable[str | Path | SkillSource], clock: Clock | None = None) -> None:
        self.sources = tuple(SkillSource.at(source) for source in sources)
        self.is_settled = True
        self.directories: frozenset[tuple[Path, int, int]] = frozenset()
        self._clock = clock or SystemClock()
        self._known: dict[Path, _Known] = {}

    def load(self, *, patient: bool = False) -> SkillRegistry:
        """The skills there are now. Blocks for as long as the disks take.

        A file that is being written to may be met half-written. With `patient` such a file stays what it was, and
        `is_settled` is False: then look again soon. Else it counts as it is.
        """
        self.is_settled = True
        skipped: list[Skipped] = []
        taken: dict[str, SkillContent] = {}
        seen: dict[Path, _Known] = {}
        looked: set[Path] = set()
        for source in self.sources:
            own: dict[str, SkillContent] = {}
            for root in _roots(source, skipped, looked):
                known = seen[root] = self._look(root, source, patient=patient)
                if known.fault and not known.skill:
                    skipped.append(Skipped(root / FILE, str(known.fault), known.fault.line))
                if known.skill:
                    _take(known.skill, own, skipped)
            for key, skill in own.items():
                if key in taken:
                    skipped.append(_hidden(taken[key], skill))
                taken[key] = skill
        self._known, self.directories = seen, frozenset(_told_apart(looked))
        ordered = sorted(taken.values(), key=lambda skill: skill.name)
        return SkillRegistry({skill.name: skill for skill in ordered}, tuple(skipped))

    def _look(self, root: Path, source: SkillSource, *, patient: bool) -> _Known:
        before = self._known.get(root)
        stamp = _stamp(root)
        if before and before.stamp == stamp and stamp is not None:
            return before
        age = self._clock.now() - stamp.changed / 1e9 if patient and stamp else -1
        if 0 <= age < _FRESH:
            return self._later(before)
        try:
            data, read, real = read_file(root, source.path)
            if read is None and patient:
                return self._later(before)
            return _Known(read, skill_of(data, root, source.kind, real))
        except SkillParseError as fault:
            return self._later(before) if 0 <= age < _BROKEN else _broken(before, fault, stamp)

    def _later(self, before: _Known | None) -> _Known:
        self.is_settled = False
        return before or _Known(None)


def _broken(before: _Known | None, fault: SkillParseError, stamp: Stamp | None) -> _Known:
    """What is known of a skill whose file cannot be used: the text from before holds, and says so."""
    if before is None or before.skill is None:
        return _Known(stamp, None, fault)
    found = tuple(each for each in before.skill.findings if each.weight != "fatal")
    told = Finding("fatal", f"{fault}; the version from before is used", fault.line)
    return _Known(stamp, replace(before.skill, findings=(told, *found)), fault)


def _take(skill: SkillContent, own: dict[str, SkillContent], skipped: list[Skipped]) -> None:
    key = skill.name.casefold()
    if key in own:
        skipped.append(_hidden(skill, own[key]))
    else:
        own[key] = skill


def _hidden(loser: SkillContent, winner: SkillContent) -> Skipped:
    return Skipped(loser.path, f"the name {loser.name!r} is that of another skill, which is used: {winner.path}")


def _stamp(root: Path) -> Stamp | None:
    try:
        return stamp_of(os.stat(root / FILE))
    except (OSError, ValueError):
        return None


def _told_apart(directories: Iterable[Path]) -> Iterator[tuple[Path, int, int]]:
    for path in directories:
        with suppress(OSError):
            found = os.stat(path)
            yield path, found.st_dev, found.st_ino


def _roots(source: SkillSource, skipped: list[Skipped], looked: set[Path]) -> Iterator[Path]:
    """The directories with a `SKILL.md`, by path. Below one of them there is no other. `looked` gets all there were."""
    top = source.path
    if not os.path.isdir(top):  # unlike that of a Path, it has an answer for any path
        if source.kind == "configured" or os.path.lexists(top):
            skipped.append(Skipped(top, "there is no such directory"))
        return
    waiting, visited = [(top, 0)], 0
    while waiting:
        directory, depth = waiting.pop()
        visited += 1
        if visited > _DIRECTORIES:
            skipped.append(Skipped(top, f"more than {_DIRECTORIES:,} directories; the others are not looked into"))
            return
        entries = _entries(directory, skipped, looked)
        if any(entry.name == FILE for entry in entries):
            yield directory
            continue
        below = [directory / entry.name for entry in entries if _is_to_be_seen(entry, directory, top, skipped)]
        if depth < _DEEP:
            waiting += [(path, depth + 1) for path in reversed(below)]


def _entries(directory: Path, skipped: list[Skipped], looked: set[Path]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            looked.add(directory)
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        skipped.append(Skipped(directory, f"it cannot be looked into: {error.strerror}"))
        return []


def _is_to_be_seen(entry: os.DirEntry[str], directory: Path, top: Path, skipped: list[Skipped]) -> bool:
    """Whether skills may stand below. A link within the source leads to what is found anyway."""
    path = directory / entry.name
    if entry.name.startswith(".") or entry.name in _PASSED_BY:
        return False
    if entry.name.lower() == FILE.lower():
        skipped.append(Skipped(path, f"it has to be named {FILE}"))
        return False
    if entry.is_symlink() and _leads_out(path, top):
        skipped.append(Skipped(path, "it is a link that leads out of the directory of skills"))
    return entry.is_dir(follow_symlinks=False)


def _leads_out(path: Path, top: Path) -> bool:
    """Whether a link leads to a directory elsewhere; one that leads nowhere, or where we may not look, does not."""
    return os.path.isdir(path) and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(top))
