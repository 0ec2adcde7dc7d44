"""Keeps known secrets out of what is recorded and streamed. Does not guess at unknown ones."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from agiwo.schema.slices import texts

_SHORTEST = 8
"""Shorter values are words rather than secrets, and would be replaced everywhere."""


class Redactor:
    """Replaces each known secret by `[redacted:NAME]`."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        self.learn(secrets or {})

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Replace these too from now on, beside those that were known."""
        named = self._names | {
            form: name for name, value in secrets.items() if len(value) >= _SHORTEST for form in _forms(value)
        }
        self._names = named
        self._firsts = {secret[0] for secret in named}
        longest_first = sorted(named, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if named else None
        self.reach = max(map(len, named), default=1) - 1

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """The text without the secrets."""
        if self._pattern is None or not self._is_in(text):
            return text
        return self._pattern.sub(lambda found: f"[redacted:{self._names[found[0]]}]", text)

    def long_text(self, text: str) -> str:
        """The text without the secrets, in slices: for a thread beside the event loop's."""
        if not self._is_in(text):
            return text
        stream = RedactedStream(self)
        pieces = [stream.feed(piece) for piece in texts(text)]
        return "".join([*pieces, stream.end()])

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

    def _is_in(self, text: str) -> bool:
        return any(secret in text for secret in self._names)

    def end_of_certain(self, text: str) -> int:
        """Up to where `text` can be judged: what follows may be the beginning of a secret that goes on later."""
        beginnings = [at for at in range(max(0, len(text) - self.reach), len(text)) if self._begins_at(text, at)]
        if not beginnings or self._pattern is None:
            return len(text)
        judged = 0
        for found in self._pattern.finditer(text):
            if any(judged <= at <= found.start() for at in beginnings):
                break
            judged = found.end()
        return next((at for at in beginnings if at >= judged), len(text))

    def _begins_at(self, text: str, at: int) -> bool:
        if text[at] not in self._firsts:
            return False
        end = text[at:]
        return any(secret.startswith(end) and len(secret) > len(end) for secret in self._names)


def _forms(secret: str) -> set[str]:
    """How a secret may be written: as it is, in an address, and inside of JSON that stands in a text."""
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}


class RedactedStream:
    """A stream of text without the secrets; holds back no more than the longest of them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, text: str) -> str:
        """What may be shown now that `text` has come."""
        text = self._held + text
        end = self._redactor.end_of_certain(text)
        self._held = text[end:]
        return self._redactor.text(text[:end])

    def end(self) -> str:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return self._redactor.text(held)
