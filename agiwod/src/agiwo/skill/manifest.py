"""What a `SKILL.md` says of its skill, held against the rules of the Agent Skills specification. Opens no file.

There is one parser. Who uses a skill is warned where a rule is broken; who checks one is told that it is an error.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agiwo.skill.errors import SkillParseError
from agiwo.skill.finding import Finding

if TYPE_CHECKING:
    from agiwo.skill.front_matter import FrontMatter

LONGEST_NAME: Final = 64
LONGEST_DESCRIPTION: Final = 1024
_LONGEST_COMPATIBILITY: Final = 500
_LONGEST_BODY: Final = 500
"""Lines that the specification advises a body to have at most."""

_FIELDS: Final = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")

_BOM: Final = "\ufeff"

_USABLE = re.compile(r"\w[\w .-]{0,199}")
"""What can be said as the name of a skill at all."""


@dataclass(frozen=True, slots=True)
class SkillMetadata:
    """What a skill says of itself. `allowed_tools` is kept for others; here it allows nothing."""

    name: str
    description: str
    license: str | None = None
    compatibility: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    allowed_tools: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A `SKILL.md` that can be used, and what is to be said of it."""

    metadata: SkillMetadata
    body: str
    findings: tuple[Finding, ...]


def read_manifest(data: bytes, directory: str) -> Manifest:
    """The manifest that these bytes are, of a skill in a directory of that name.

    Raises:
        SkillParseError: it cannot be used.
    """
    # Loaded with the first skill: reading YAML is a good part of a start, and not everybody has skills.
    from agiwo.skill.front_matter import read_front_matter

    text, findings = _decoded(data)
    front = read_front_matter(text)
    reading = _Reading(front, [*findings, *front.findings])
    metadata = reading.metadata(directory)
    return Manifest(metadata, front.body.strip("\n"), tuple(reading.findings))


def _decoded(data: bytes) -> tuple[str, list[Finding]]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SkillParseError("it is not UTF-8 text", line) from None
    findings: list[Finding] = []
    if text.startswith(_BOM):
        text = text.removeprefix(_BOM)
        findings.append(Finding("rule", "it begins with a byte order mark, which many readers do not take", 1))
    return text.replace("\r\n", "\n"), findings


class _Reading:
    """Takes the fields one by one, and notes what is wrong with each."""

    def __init__(self, front: "FrontMatter", findings: list[Finding]) -> None:
        self._front, self.findings = front, findings

    def metadata(self, directory: str) -> SkillMetadata:
        """All fields together.

        Raises:
            SkillParseError: the ones without which there is no skill are missing or are none.
        """
        name, description = self._name(directory), self._description()
        found = SkillMetadata(
            name,
            description,
            self._text("license"),
            self._compatibility(),
            self._table("metadata"),
            self._text("allowed-tools"),
        )
        for unknown in self._front.fields.keys() - set(_FIELDS):
            line = self._front.fields[unknown].line
            self._note(f"the field {unknown[:100]!r} is not known; there are {', '.join(_FIELDS)}", line)
        self._look_at_body()
        self.findings.sort(key=lambda finding: finding.line or 0)
        return found

    def _note(self, message: str, line: int | None) -> None:
        self.findings.append(Finding("rule", message, line))

    def _line(self, key: str) -> int | None:
        found = self._front.fields.get(key)
        return found.line if found else None

    def _text(self, key: str) -> str | None:
        """The text under a key, with the spaces in it made one; None when there is none."""
        found = self._front.fields.get(key)
        if found is None:
            return None
        if found.text is None or not found.is_text:
            self._note(f"{key} has to be a text", found.line)
        return " ".join((found.text or "").split()) or None

    def _name(self, directory: str) -> str:
        given = self._text("name")
        if given is None:
            self._note(f"there is no name; the directory's is taken: {directory}", self._line("name") or 1)
        name, line = unicodedata.normalize("NFKC", given or directory), self._line("name")
        if not _USABLE.fullmatch(name):
            raise SkillParseError(f"{name[:100]!r} cannot be the name of a skill", line or 1)
        if len(name) > LONGEST_NAME:
            self._note(f"the name is longer than {LONGEST_NAME} characters", line)
        if not all(char.isalnum() or char == "-" for char in name) or name != name.lower():
            self._note(f"the name {name!r} may have lowercase letters, digits and '-' only", line)
        if name.startswith("-") or name.endswith("-") or "--" in name:
            self._note(f"the name {name!r} may have '-' between words only, and one at a time", line)
        if name != unicodedata.normalize("NFKC", directory):
            self._note(f"the name is {name!r}, and its directory is {directory!r}; they have to be the same", line)
        return name

    def _description(self) -> str:
        found = self._text("description")
        if found is None:
            line = self._line("description") or 1
            raise SkillParseError("there is no description, which tells when to use the skill", line)
        if len(found) > LONGEST_DESCRIPTION:
            line = self._line("description")
            self._note(f"the description is longer than {LONGEST_DESCRIPTION:,} characters; it is shown cut off", line)
        return found

    def _compatibility(self) -> str | None:
        found = self._text("compatibility")
        if found is not None and len(found) > _LONGEST_COMPATIBILITY:
            line = self._line("compatibility")
            self._note(f"compatibility is longer than {_LONGEST_COMPATIBILITY} characters", line)
        return found

    def _table(self, key: str) -> dict[str, str]:
        found = self._front.fields.get(key)
        if found is not None and found.members is None:
            self._note(f"{key} has to be a table of texts", found.line)
        table: dict[str, str] = {}
        for name, value in ((found and found.members) or {}).items():
            if value.text is None or not value.is_text:
                self._note(f"{key}.{name[:100]} has to be a text; put it in quotes", value.line)
            if value.text is not None:
                table[name] = value.text
        return table

    def _look_at_body(self) -> None:
        body, line = self._front.body, self._front.body_line
        if not body.strip():
            self.findings.append(Finding("advice", "nothing follows the front matter: it says what, and not how", line))
        elif (lines := body.strip("\n").count("\n") + 1) > _LONGEST_BODY:
            message = f"the text has {lines} lines; beyond {_LONGEST_BODY}, files beside it serve better"
            self.findings.append(Finding("advice", message, line))
