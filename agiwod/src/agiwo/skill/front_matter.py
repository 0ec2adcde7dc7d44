"""The front matter of a `SKILL.md` as text with lines, and what follows it. Knows YAML; knows no rule about skills."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml

from agiwo.skill.errors import SkillParseError
from agiwo.skill.finding import Finding

LARGEST: Final = 64 * 1024
"""Characters of a front matter; what is longer is no description of anything."""

_MARK: Final = "---"

_UNQUOTED = re.compile(r"(?P<key>[A-Za-z][\w-]*):[ \t]+(?P<value>[^\s\"'|>\[{&*!%@`].*?)[ \t]*")
"""A line of a key and a text without quotes around it."""

_DEEP = re.compile(r"(?:[\[{]\s*){20}")


@dataclass(frozen=True, slots=True)
class Value:
    """What stands under a key, as it is written; `is_text` is False where YAML means a number, a date or the like.

    A table is its `members`, of whom only the texts are kept. What is neither has neither.
    """

    line: int
    text: str | None = None
    members: Mapping[str, "Value"] | None = None
    is_text: bool = True


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields by name, the text behind them, and what was put right so that they could be read."""

    fields: Mapping[str, Value]
    body: str
    body_line: int
    findings: Sequence[Finding] = field(default_factory=list[Finding])


def read_front_matter(text: str) -> FrontMatter:
    """The front matter and the body of a file.

    Raises:
        SkillParseError: there is none, it has no end, or it is no YAML that gives names to things.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != _MARK:
        raise SkillParseError("it does not begin with front matter; the first line has to be ---", 1)
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _MARK), None)
    if end is None:
        raise SkillParseError("its front matter has no end; a line --- has to follow the last field", 1)
    head = lines[1:end]
    if sum(map(len, head)) > LARGEST:
        raise SkillParseError(f"its front matter is longer than {LARGEST:,} characters", 1)
    fields, findings = _read(head)
    return FrontMatter(fields, "\n".join(lines[end + 1 :]), end + 2, findings)


def _read(lines: list[str]) -> tuple[dict[str, Value], list[Finding]]:
    changed = list[int]()
    try:
        node = _composed(lines)
    except yaml.YAMLError as error:
        fault = _fault(error)
        quoted, changed = _quoted(lines)
        try:
            node = _composed(quoted)
        except yaml.YAMLError:
            raise fault from None
    if not isinstance(node, yaml.MappingNode):
        raise SkillParseError("its front matter has no fields; they are written as name: value", 2)
    reading = _Nodes()
    fields = reading.fields(node)
    told = [Finding("rule", "a value with ': ' in it has to stand in quotes", line) for line in changed]
    return fields, [*told, *reading.findings]


def _composed(lines: list[str]) -> yaml.Node | None:
    """The lines as nodes. No objects are made of them, whatever they ask for."""
    text = "\n".join(lines)
    try:
        if _DEEP.search(text):
            raise RecursionError  # which takes the reader a second to find out
        return yaml.SafeLoader(text).get_single_node()
    except RecursionError:
        raise SkillParseError("its front matter is nested too deeply", 2) from None
    except ValueError as error:  # an escape that stands for no character
        raise SkillParseError(f"its front matter is no YAML: {error}", 2) from None


def _fault(error: yaml.YAMLError) -> SkillParseError:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return SkillParseError(f"its front matter is no YAML: {error.problem}", error.problem_mark.line + 2)
    return SkillParseError(f"its front matter is no YAML: {str(error).splitlines()[0]}", 2)


def _quoted(lines: list[str]) -> tuple[list[str], list[int]]:
    """The lines with quotes around values that YAML would take for more than a text, and the numbers of those lines."""
    result, changed = list(lines), list[int]()
    for number, line in enumerate(lines):
        found = _UNQUOTED.fullmatch(line)
        if found and (": " in found["value"] or found["value"].endswith(":")):
            result[number] = f"{found['key']}: {json.dumps(found['value'], ensure_ascii=False)}"
            changed.append(number + 2)
    return result, changed


class _Nodes:
    """Makes values of nodes. One that is met twice is a reference: with those a short text can be a very long one."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._met: set[int] = set()

    def fields(self, node: yaml.MappingNode) -> dict[str, Value]:
        """The values of a table by name."""
        fields: dict[str, Value] = {}
        for key, value in node.value:
            line = key.start_mark.line + 2
            if not isinstance(key, yaml.ScalarNode):
                self.findings.append(Finding("rule", "a field's name has to be a text; it is left out", line))
            elif key.value in fields:
                self.findings.append(Finding("rule", f"the field {key.value!r} is there twice; the first counts", line))
            else:
                fields[_sayable(key.value)] = self._value(value, line)
        return fields

    def _value(self, node: yaml.Node, line: int) -> Value:
        if id(node) in self._met:
            raise SkillParseError("its front matter has a reference (*name), which is not taken", line)
        self._met.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return Value(line, members=self.fields(node))
        if isinstance(node, yaml.ScalarNode):
            return Value(line, _sayable(node.value), is_text=node.tag == "tag:yaml.org,2002:str")
        return Value(line, is_text=False)


def _sayable(text: str) -> str:
    """The text without what only an escape can put there: halves of characters, and characters that command."""
    whole = text.encode(errors="replace").decode()
    return "".join(" " if unicodedata.category(char) == "Cc" and char != "\n" else char for char in whole)
