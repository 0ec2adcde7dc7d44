"""A transcript: what is said to a server, line by line, and what it has to answer. Says nothing itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import agiwo_protocol
import orjson

_PACKAGE: Final = Path(agiwo_protocol.__file__).parent

BUNDLED: Final = (_PACKAGE / "conformance", _PACKAGE.parents[1] / "conformance")
"""Where those are that come with the protocol: in its wheel, and in a checkout."""

VERBS: Final = ("send", "raw", "expect", "await", "follow", "on", "hangup", "ended", "oversize")
"""What a line may do."""


class BadTranscript(Exception):
    """A file is no transcript; the message has the place."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line: its number, what it does, and with what."""

    line: int
    verb: str
    what: Any


@dataclass(frozen=True, slots=True)
class Transcript:
    """A file of steps. `needs` is what not everybody who runs it has; `framing` is the only one that it is for."""

    path: Path
    about: str
    needs: frozenset[str]
    framing: str | None
    steps: Sequence[Step]

    @property
    def name(self) -> str:
        """What it is called: its file's name."""
        return self.path.stem


def read_transcript(path: Path) -> Transcript:
    """The transcript in a file.

    Raises:
        BadTranscript: it is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadTranscript(f"{path} cannot be read: {error}") from None
    parsed = [(number, _object(path, number, line)) for number, line in enumerate(lines, 1) if line.strip()]
    head = parsed[0][1] if parsed else {}
    if "about" not in head:
        raise BadTranscript(f'{path}:1: a transcript begins with {{"about": "…"}}')
    steps = [_step(path, number, value) for number, value in parsed[1:]]
    return Transcript(path, head["about"], frozenset(head.get("needs", ())), head.get("framing"), steps)


def bundled() -> list[Transcript]:
    """Those that come with the protocol, in their order."""
    return [read_transcript(path) for path in sorted(file for place in BUNDLED for file in place.glob("*.ndjson"))]


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadTranscript(f"{path}:{number}: {error}") from None
    if not isinstance(value, dict):
        raise BadTranscript(f"{path}:{number}: a line is an object")
    return cast("dict[str, Any]", value)


def _step(path: Path, number: int, value: dict[str, Any]) -> Step:
    verb = next(iter(value), "")
    if len(value) != 1 or verb not in VERBS:
        raise BadTranscript(f"{path}:{number}: a line does one of {', '.join(VERBS)}")
    return Step(number, verb, value[verb])
