"""Keeps known secrets out of what is recorded and streamed. Does not guess at unknown ones."""

import re
from collections.abc import Mapping
from typing import Any, cast

_SHORTEST = 8
"""Shorter values are words rather than secrets, and would be replaced everywhere."""


class Redactor:
    """Replaces each known secret by `[redacted:NAME]`."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        named = {value: name for name, value in (secrets or {}).items() if len(value) >= _SHORTEST}
        self._names = named
        longest_first = sorted(named, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if named else None
        self.reach = max(map(len, named), default=1) - 1

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """The text without the secrets."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: f"[redacted:{self._names[found[0]]}]", text)

    def data(self, data: Any) -> Any:
        """JSON data without the secrets, names of members included."""
        if self._pattern is None:
            return data
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, Mapping):
            members = cast(Mapping[str, Any], data)
            return {self.text(name): self.data(value) for name, value in members.items()}
        if isinstance(data, (list, tuple)):
            return [self.data(value) for value in cast(list[Any], data)]
        return data

    def held(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a secret."""
        for length in range(min(self.reach, len(text)), 0, -1):
            end = text[-length:]
            if any(secret.startswith(end) for secret in self._names):
                return length
        return 0


class RedactedStream:
    """A stream of text without the secrets; holds back no more than the longest of them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, text: str) -> str:
        """What may be shown now that `text` has come."""
        text = self._redactor.text(self._held + text)
        keep = self._redactor.held(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self) -> str:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return held
