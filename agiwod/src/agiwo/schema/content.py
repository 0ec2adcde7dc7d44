"""What an agent is told: text, or parts that may be pictures, sound, film and files. Knows no provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

import orjson

from agiwo.errors import ConfigError


class ContentType(StrEnum):
    """What a part is."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class ContentPart:
    """One part: `text` when it is text, else a `url`, or the content itself as base64 in `data` with its `mime_type`.

    `detail` is how closely a model should look at an image: low, high or auto.
    """

    type: ContentType | str
    text: str | None = None
    url: str | None = None
    mime_type: str | None = None
    detail: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data: str | None = None

    def __post_init__(self) -> None:
        if self.type not in tuple(ContentType):
            known = ", ".join(ContentType)
            raise ConfigError(f"a content part's type is {self.type!r}; it must be one of {known}")
        if self.type == ContentType.TEXT and self.text is None:
            raise ConfigError("a content part of the type text needs text")
        if self.type != ContentType.TEXT and not (self.url or self.data):
            raise ConfigError(f"a content part of the type {self.type} needs url or data")

    def to_json(self) -> dict[str, Any]:
        """As it stands in records: camelCase, without what is not set."""
        named = {
            "text": self.text,
            "url": self.url,
            "data": self.data,
            "mimeType": self.mime_type,
            "detail": self.detail,
            "metadata": dict(self.metadata) or None,
        }
        return {"type": str(self.type), **{name: value for name, value in named.items() if value is not None}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ContentPart":
        """The inverse of `to_json`; the type of its content may also be called `mime_type`, as here."""
        return cls(
            data["type"],
            data.get("text"),
            data.get("url"),
            data.get("mimeType", data.get("mime_type")),
            data.get("detail"),
            data.get("metadata", {}),
            data.get("data"),
        )


UserInput = str | Sequence[ContentPart | Mapping[str, Any]]
"""What an agent is asked: text, or content parts, as objects or as the JSON that stands in records."""

_WHAT_IT_IS = "an input is text or a list of content parts"


def stored_input(user_input: UserInput) -> str | list[dict[str, Any]]:
    """The input as it is recorded; one part of text alone is just its text.

    Raises:
        ConfigError: it is neither text nor a list of content parts, or what is in it cannot be recorded.
    """
    said = user_input if isinstance(user_input, str) else _stored_parts(user_input)
    try:
        orjson.dumps(said)
    except TypeError as error:
        raise ConfigError(f"the input cannot be recorded: {error}") from None
    return said


def _stored_parts(user_input: object) -> str | list[dict[str, Any]]:
    if not isinstance(user_input, Sequence) or isinstance(user_input, bytes) or not user_input:
        raise ConfigError(f"{_WHAT_IT_IS}, and this one is {user_input!r:.100}")
    parts = [_stored_part(part) for part in cast(Sequence[object], user_input)]
    if len(parts) == 1 and parts[0]["type"] == ContentType.TEXT:
        return str(parts[0]["text"])
    return parts


def _stored_part(part: object) -> dict[str, Any]:
    if isinstance(part, Mapping) and "type" in part:
        part = ContentPart.from_json(cast(Mapping[str, Any], part))
    if isinstance(part, ContentPart):
        return part.to_json()
    raise ConfigError(f"{_WHAT_IT_IS}, and this one holds {part!r:.100}")


def read_input(stored: str | Sequence[Mapping[str, Any]]) -> str | list[ContentPart]:
    """The inverse of `stored_input`, for those who are told what was asked."""
    return stored if isinstance(stored, str) else [ContentPart.from_json(part) for part in stored]
