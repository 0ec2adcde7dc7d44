"""A piece of a model's streamed answer, the same for every provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agiwo.schema.run import Usage


@dataclass(slots=True)
class StreamChunk:
    """One piece of an answer. Text pieces are appended; `tool_calls` are fragments that key on their `index`.

    A fragment is `{"index", "id"?, "function": {"name"?, "arguments"?}}`. `usage` is the whole of this request so far:
    the latest replaces earlier ones. `finish_reason` comes once; an answer without it is not complete.
    """

    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    signature: str | None = None
