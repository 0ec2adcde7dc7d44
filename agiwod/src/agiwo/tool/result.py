"""What a tool call gives: text for the model, and beside it what people and programs may want. Knows no tool."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import orjson

from agiwo.errors import ToolError
from agiwo.schema.run import TerminationReason
from agiwo.tool.nesting import write_json

MODEL_LIMIT = 100_000
"""Characters of one result that a model is sent, about 25,000 tokens; the record of the call holds all of it."""

_WHOLE = 1024 * 1024
"""Bytes of an output that a record takes as it is."""

_STORED = 64 * 1024 * 1024
"""Characters of one text that are kept at all."""


@dataclass(frozen=True)
class ToolResult:
    """The outcome of one call.

    `content` is what the model reads, `content_for_user` what a person is shown instead, `output` the same as JSON
    data. `error` is set when the call failed. A `termination_reason` ends the run. The executor fills in the name, the
    id, the arguments and the times, so a tool may leave them out.
    """

    tool_name: str = ""
    tool_call_id: str = ""
    input_args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    content: str = ""
    output: Any = None
    start_time: float = 0.0
    end_time: float = 0.0
    duration: float = 0.0
    content_for_user: str | None = None
    error: str | None = None
    is_success: bool = True
    termination_reason: TerminationReason | None = None

    @classmethod
    def of(cls, value: object) -> "ToolResult":
        """A plain value as a result: text as it is, any other JSON value as JSON text with the value as `output`.

        Raises: ToolError when the value is not JSON.
        """
        if isinstance(value, ToolResult):
            return value
        if isinstance(value, str):
            return cls(content=value)
        text = _json(_finite(value))
        return cls(content=text.decode(), output=orjson.loads(text))

    @classmethod
    def failed(cls, error: str, *, content_for_user: str | None = None) -> "ToolResult":
        """A call that failed, told to the model in words it can act on."""
        return cls(content=f"Error: {error}", content_for_user=content_for_user, error=error, is_success=False)

    @classmethod
    def aborted(cls, reason: str = "the call was cancelled") -> "ToolResult":
        """A call that was ended from outside before it had a result."""
        return cls(content=f"Aborted: {reason}", error=reason, is_success=False)

    def storable(self) -> "ToolResult":
        """The same result as a journal gives it back, or an error result that says why it cannot be stored."""
        try:
            return ToolResult.from_json(orjson.loads(_json(self._cleaned().to_json())))
        except (ToolError, ValueError) as error:
            failed = ToolResult.failed(str(error))
            return replace(
                failed,
                tool_name=self.tool_name,
                tool_call_id=self.tool_call_id,
                start_time=self.start_time,
                end_time=self.end_time,
                duration=self.duration,
            )

    def for_model(self, limit: int = MODEL_LIMIT) -> str:
        """The content as far as a model is sent it: of a longer one both ends, and how much is left out."""
        if len(self.content) <= limit:
            return self.content
        head, tail = self.content[: limit * 3 // 4], self.content[-(limit // 4) :]
        left_out = len(self.content) - len(head) - len(tail)
        return f"{head}\n[… {left_out:,} of {len(self.content):,} characters left out …]\n{tail}"

    def spoolable_output(self) -> Any:
        """The output; as one JSON text when it is long, because only text can be moved out of a record."""
        if self.output is None or isinstance(self.output, str):
            return self.output
        text = _json(self.output)
        return self.output if len(text) <= _WHOLE else text.decode()

    def output_size(self) -> int:
        """Bytes of the output as JSON."""
        return len(_json(self.output)) if self.output is not None else 0

    def _cleaned(self) -> "ToolResult":
        """With text where untyped tools gave something else, and no more of it than can be kept."""
        cleaned = {
            "content": _bounded(_text(self.content)),
            "content_for_user": None if self.content_for_user is None else _bounded(_text(self.content_for_user)),
            "error": None if self.error is None else _bounded(_text(self.error)),
            "output": None if self.output is None else _finite(self.output),
            "is_success": bool(self.is_success),
        }
        changed = {name: value for name, value in cleaned.items() if value is not getattr(self, name)}
        return replace(self, **changed) if changed else self

    def to_json(self) -> dict[str, Any]:
        """As it stands in records: camelCase, without what is not set."""
        optional = {
            "output": self.output,
            "contentForUser": self.content_for_user,
            "error": self.error,
            "terminationReason": self.termination_reason,
        }
        return {
            "toolName": self.tool_name,
            "toolCallId": self.tool_call_id,
            "inputArgs": dict(self.input_args),
            "content": self.content,
            "startTime": self.start_time,
            "endTime": self.end_time,
            "duration": self.duration,
            "isSuccess": self.is_success,
            **{key: value for key, value in optional.items() if value is not None},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ToolResult":
        """The inverse of `to_json`."""
        reason = data.get("terminationReason")
        return cls(
            data["toolName"],
            data["toolCallId"],
            data["inputArgs"],
            data["content"],
            data.get("output"),
            data["startTime"],
            data["endTime"],
            data["duration"],
            data.get("contentForUser"),
            data.get("error"),
            data["isSuccess"],
            TerminationReason(reason) if reason else None,
        )


def _text(content: object) -> str:
    """Text that every reader can decode: objects as JSON, half a surrogate pair as the sign for no character."""
    if not isinstance(content, str):
        return _json(_finite(content)).decode()
    try:
        content.encode()
    except UnicodeEncodeError:
        return content.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return content


def _bounded(text: str) -> str:
    if len(text) <= _STORED:
        return text
    return f"{text[:_STORED]}\n[… {len(text) - _STORED:,} more characters were dropped …]"


def _finite(value: object) -> object:
    """The value with words in place of the numbers that JSON has none for; what holds none comes back as it is."""
    try:
        return _worded(value) if b"null" in write_json(value) else value
    except TypeError:
        return value  # whoever writes it says what is wrong


def _worded(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {name: _worded(member) for name, member in cast(dict[str, object], value).items()}
    if isinstance(value, list | tuple):
        return [_worded(member) for member in cast(Sequence[object], value)]
    return value


def _json(value: object) -> bytes:
    try:
        return write_json(value)
    except TypeError as error:
        raise ToolError(f"the tool's result cannot be stored: {error}") from error
