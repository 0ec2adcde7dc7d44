"""A TOML file that knows on which line each of its keys stands. Knows nothing of what the keys mean."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, cast

from agiwo.errors import ConfigError

_DEEPEST = 100
"""Tables in tables, or lists in lists; settings have a handful."""

_TOKENS = re.compile(
    r""""{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|[\[\]{}\n]""", re.DOTALL
)
"""What tells where a statement ends: strings and comments as wholes, brackets, and the ends of lines."""


class TomlFile:
    """A file's values and lines. A missing file is an empty one. `text` is what stands in it, if somebody has read it.

    Raises: ConfigError, with the place, when the file cannot be read or is not TOML.
    """

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self._text = _read(path) if text is None else text
        try:
            self.values: dict[str, Any] = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}{_place(str(error), self._text)}") from error
        except RecursionError:
            raise ConfigError(f"{path} is nested too deeply") from None
        except ValueError as error:  # what TOML allows and Python does not read
            raise ConfigError(f"{path}{_longest_number(self._text)}: a number is too long: {error}") from None
        if _is_too_deep(self.values):
            raise ConfigError(f"{path} is nested too deeply")

    def where(self, key: tuple[str, ...]) -> str:
        """`FILE:LINE` of that key, or of the nearest table around it that has a line.

        The tables of an array go by their numbers: `("list", "0", "key")`.
        """
        while key and key not in self._lines:
            key = key[:-1]
        return f"{self.path}:{self._lines[key]}" if key else str(self.path)

    @cached_property
    def _lines(self) -> dict[tuple[str, ...], int]:
        lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        arrays = Counter[tuple[str, ...]]()
        for line, brackets, parsed in _statements(self._text):
            if brackets:
                name = next(key for key, value in _keys(parsed, ()) if not value)
                table = _numbered(name[:-1], arrays) + name[-1:]
                if brackets == 2:
                    lines.setdefault(table, line)
                    table = (*table, str(arrays[table]))
                    arrays[table[:-1]] += 1
                for length in range(1, len(table)):
                    lines.setdefault(table[:length], line)
                lines[table] = line
            else:
                for key, _ in _keys(parsed, table):
                    lines.setdefault(key, line)
        return lines


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _place(message: str, text: str) -> str:
    """`:LINE:COLUMN: what is wrong`. Python 3.11 tells the place in the message only."""
    found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if found is None:
        return f":{text.count(chr(10)) + 1}:1: {message}"
    return f":{found[1]}:{found[2]}: {message[: found.start()]}"


def _longest_number(text: str) -> str:
    """`:LINE` of the longest row of digits."""
    digits = max(re.finditer(r"[\d_]+", text), key=lambda found: len(found[0]))
    return f":{text.count(chr(10), 0, digits.start()) + 1}"


def _is_too_deep(values: Mapping[str, Any]) -> bool:
    level: list[Any] = [values]
    for _ in range(_DEEPEST):
        tables = [cast("dict[str, Any]", each).values() for each in level if isinstance(each, dict)]
        lists = [cast("list[Any]", each) for each in level if isinstance(each, list)]
        level = list(chain(*tables, *lists))
    return bool(level)


def _statements(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Every header and assignment: its line, with how many brackets it begins, and what it says by itself."""
    for line, statement in _runs(text):
        bare = statement.lstrip()
        if bare and not bare.startswith("#"):
            yield line, len(bare) - len(bare.lstrip("[")), tomllib.loads(statement)


def _runs(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a valid file, those together that belong together, each behind its number."""
    start, line, lines, depth = 0, 1, 0, 0
    for token in _TOKENS.finditer(text):
        lines += token[0].count("\n")
        depth += (token[0] in ("[", "{")) - (token[0] in ("]", "}"))
        if token[0] == "\n" and not depth:
            yield line, text[start : token.end()]
            start, line, lines = token.end(), line + lines, 0
    yield line, text[start:]


def _numbered(name: tuple[str, ...], arrays: Counter[tuple[str, ...]]) -> tuple[str, ...]:
    """The path of a table: behind each array on the way stands the number of the table that was begun last."""
    path: tuple[str, ...] = ()
    for key in name:
        path = (*path, key)
        if path in arrays:
            path = (*path, str(arrays[path] - 1))
    return path


def _keys(values: Mapping[str, Any], table: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        inner: Any = {} if value == [{}] else value  # the header of an array of tables
        yield (*table, key), inner
        if isinstance(inner, Mapping):
            yield from _keys(cast(Mapping[str, Any], inner), (*table, key))
