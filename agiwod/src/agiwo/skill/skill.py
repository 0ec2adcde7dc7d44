"""A skill as it was read from its directory. Reads one `SKILL.md`, whatever may stand in its place."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from agiwo.errors import ToolError
from agiwo.skill.errors import SkillParseError
from agiwo.skill.finding import Finding
from agiwo.skill.manifest import SkillMetadata, read_manifest
from agiwo.skill.source import Kind
from agiwo.tool.workspace import Workspace

FILE: Final = "SKILL.md"

LARGEST: Final = 1024 * 1024
"""Bytes of a `SKILL.md`; what is longer no model reads."""


class Stamp(NamedTuple):
    """Tells one content of a file from another, without reading it. `changed` is in nanoseconds."""

    device: int
    inode: int
    mode: int
    size: int
    written: int
    changed: int


@dataclass(frozen=True, slots=True)
class SkillContent:
    """A skill: what it says of itself, its text, and where it is. `version` names the content of its `SKILL.md`.

    `real` is where it was without links when it was read.
    """

    metadata: SkillMetadata
    body: str
    root: Path
    real: Path
    version: str
    source: Kind = "configured"
    findings: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """As it is called."""
        return self.metadata.name

    @property
    def path(self) -> Path:
        """Its `SKILL.md`."""
        return self.root / FILE

    @property
    def text(self) -> str:
        """What an agent is to do, with the skill's directory where the author wrote `{baseDir}`."""
        return self.body.replace("{baseDir}", str(self.root))

    def workspace(self) -> Workspace:
        """Its directory, to read the files beside its text.

        Raises:
            ToolError: a link stands there now, or on the way to it, that was not there when the skill was read.
        """
        found = Workspace(self.root)
        if found.root != self.real:
            raise ToolError(f"the directory of the skill {self.name!r} is another one by now: a link leads elsewhere")
        return found


def stamp_of(found: os.stat_result) -> Stamp:
    """The stamp of a file that looks so."""
    return Stamp(found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def read_skill(root: Path, source: Kind = "configured") -> SkillContent:
    """The skill in that directory. Blocks; raises rather than wait for a pipe, or take what may not be taken.

    Raises:
        SkillParseError: there is none that can be used.
    """
    data, _, real = read_file(root)
    return skill_of(data, root, source, real)


def read_file(root: Path, top: Path | None = None) -> tuple[bytes, Stamp | None, Path]:
    """What stands in the `SKILL.md` of a directory, its stamp, and where that is without links.

    There is no stamp when it was written to meanwhile. Below `top` there may be no links on the way.

    Raises:
        SkillParseError: it is not there, is no file, is too large, or lies elsewhere.
    """
    place = Workspace(root)
    if top and place.root != Path(os.path.realpath(top)) / root.relative_to(top):
        raise SkillParseError("its directory has become a link")
    try:
        with place.reading(FILE) as file:
            before = stamp_of(os.fstat(file.fileno()))
            data = file.read(LARGEST + 1)
            after = stamp_of(os.fstat(file.fileno()))
    except ToolError as error:
        raise SkillParseError(_why(root, error)) from None
    if len(data) > LARGEST:
        raise SkillParseError(f"it is larger than {LARGEST // 1024:,} KiB")
    return data, before if before == after else None, place.root


def skill_of(data: bytes, root: Path, source: Kind, real: Path) -> SkillContent:
    """The skill that these bytes describe.

    Raises:
        SkillParseError: they describe none.
    """
    manifest = read_manifest(data, root.name)
    version = hashlib.sha256(data).hexdigest()[:16]
    return SkillContent(manifest.metadata, manifest.body, root, real, version, source, manifest.findings)


def _why(root: Path, error: ToolError) -> str:
    path = root / FILE
    if path.is_symlink():
        try:
            is_inside = path.resolve(strict=True).is_relative_to(root.resolve())
        except (OSError, RuntimeError):
            return "it is a link that leads nowhere"
        if not is_inside:
            return "it is a link that leads out of the skill's directory"
    if path.exists() and not path.is_file():
        return "it is no regular file"
    return f"it cannot be read: {str(error).removeprefix(f'{FILE!r}').lstrip(': ')}"
