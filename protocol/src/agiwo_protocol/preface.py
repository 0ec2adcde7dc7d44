"""The one line that may open a connection and name its face. Standard library only; knows no face."""

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


def read_preface(line: bytes) -> Preface:
    """The line `AGIWOD/1 face=mcp cwd=%2Fhome …` understood.

    Raises:
        UnsupportedVersion: it is of another version.
        InvalidRequest: it is no opening line, or too long.
    """
    if len(line) > MAX_PREFACE or not line.startswith(OPENING) or not line.isascii():
        raise InvalidRequest("the first line is neither JSON nor an opening line such as `AGIWOD/1 face=rpc`")
    version, *words = line.decode("ascii").split()
    if version != f"AGIWOD/{_VERSION}":
        raise UnsupportedVersion(f"{version} is not spoken here", supported=[int(_VERSION)])
    pairs = [word.partition("=") for word in words]
    values = {name: unquote(value) for name, _, value in pairs}
    return Preface(values.pop("face", "rpc"), values)
