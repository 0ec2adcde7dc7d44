"""What must not stand in a recording: secrets that are known, and what looks like one. Knows no file."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, cast

from agiwo.secret_shapes import SHAPES

_SHORTEST = 8
"""Shorter values are words rather than secrets, as they are for the engine's redactor."""


class Secrets:
    """Replaces each secret by `[redacted:NAME]`: those it was told by their names, others by what they look like."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        self.learn(secrets or {})

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Replace these too, in plain text and inside JSON that stands in a text."""
        for name, value in secrets.items():
            if len(value) >= _SHORTEST:
                self._names |= {value: name, json.dumps(value)[1:-1]: name}
        longest_first = sorted(self._names, key=len, reverse=True)
        known = "|".join(map(re.escape, longest_first)) or r"(?!)"
        shapes = (f"(?P<{name}>{shape})" for name, shape in SHAPES.items())
        self._pattern = re.compile("|".join([f"(?P<known>{known})", *shapes]), re.DOTALL)

    def text(self, text: str) -> str:
        """The text without the secrets."""
        return self._pattern.sub(self._instead, text)

    def data(self, data: Any) -> Any:
        """JSON data without the secrets, names of members included."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, Mapping):
            members = cast(Mapping[str, Any], data)
            return {self.text(name): self.data(value) for name, value in members.items()}
        if isinstance(data, list | tuple):
            return [self.data(value) for value in cast(Sequence[Any], data)]
        return data

    def pieces(self, pieces: Sequence[str]) -> list[str]:
        """The pieces of one text without the secrets in it: a secret may begin in one piece and end in a later one."""
        whole = "".join(pieces)
        clean = list(pieces)
        starts = list(accumulate(map(len, pieces), initial=0))
        for found in reversed(list(self._pattern.finditer(whole))):
            for place, cut in _cuts(starts, found.start(), found.end()):
                is_first = starts[place] <= found.start()
                instead = self._instead(found) if is_first else ""
                clean[place] = clean[place][: cut.start] + instead + clean[place][cut.stop :]
        return clean

    def _instead(self, found: re.Match[str]) -> str:
        name = self._names[found[0]] if found.lastgroup == "known" else found.lastgroup
        return f"[redacted:{name}]"


def _cuts(starts: Sequence[int], start: int, end: int) -> Iterator[tuple[int, slice]]:
    """Which part of which piece lies between two places of the whole text."""
    for place, begin in enumerate(starts[:-1]):
        stop = starts[place + 1]
        if begin < end and start < stop:
            yield place, slice(max(start - begin, 0), min(end, stop) - begin)
