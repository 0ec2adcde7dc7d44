"""The one line that may open a connection and name its face. Standard library only; knows no face."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote

from agiwo_protocol.errors import InvalidRequest, UnsupportedVersion

OPENING: Final = b"AGIWOD/"
"""How the line begins."""

MAX_PREFACE: Final = 4 * 1024
"""Bytes of the longest opening line."""

_VERSION: Final = "1"

_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Preface:
    """What the opener of a connection says: the face it wants, and further values (cwd, token, version)."""

    face: str = "rpc"
    values: Mapping[str, str] = field(default_factory=dict[str, str])

    def to_line(self) -> bytes:
        """The line as it is sent, with its newline."""
        pairs = {"face": self.face, **self.values}
        words = " ".join(f"{name}={quote(value, safe='')}" for name, value in pairs.items())
        return f"AGIWOD/{_VERSION} {words}\n".encode("ascii")


PLAIN: Final = Preface()
"""What a connection means that begins with no such line."""


def read_preface(line: bytes) -> Preface:
    """The line `AGIWOD/1 face=mcp cwd=%2Fhome …` understood.

    Raises:
        UnsupportedVersion: it is of another version.
        InvalidRequest: it is no opening line, too long, or its values cannot be read.
    """
    if len(line) > MAX_PREFACE:
        raise InvalidRequest(f"an opening line may have {MAX_PREFACE} bytes at most")
    if not line.startswith(OPENING) or not line.isascii():
        raise InvalidRequest("the first line is neither JSON nor an opening line such as `AGIWOD/1 face=rpc`")
    version, *words = line.decode("ascii").split()
    if version != f"AGIWOD/{_VERSION}":
        raise UnsupportedVersion(f"{version} is not spoken here", supported=[int(_VERSION)])
    values = dict(_pair(word) for word in words)
    return Preface(values.pop("face", "rpc"), values)


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not name or not equals or _BAD_ESCAPE.search(value):
        raise InvalidRequest("an opening line has `name=value` pairs, with the values percent-encoded")
    try:
        return name, unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest(f"the value of {name} in the opening line is not UTF-8") from None
