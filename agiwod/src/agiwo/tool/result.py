"""What a tool call gives: text for the model, and beside it what people and programs may want. Knows no tool."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from agiwo.errors import ToolError
from agiwo.schema.run import TerminationReason
from agiwo.tool.storable import json_of, text_of

MODEL_LIMIT = 100_000
"""Characters of one result that a model is sent, about 25,000 tokens; the record of the call holds all of it."""

WHOLE = 1024 * 1024
"""Bytes of an output that a record takes as it is."""


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
        text = json_of(value)
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
            return ToolResult.from_json(orjson.loads(json_of(self._cleaned().to_json())))
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
        text = json_of(self.output)
        return self.output if len(text) <= WHOLE else text.decode()

    def output_size(self) -> int:
        """Bytes of the output as JSON, or characters when it is text."""
        if isinstance(self.output, str):
            return len(self.output)
        return len(json_of(self.output)) if self.output is not None else 0

    def _cleaned(self) -> "ToolResult":
        """With text where untyped tools gave something else, and no more of it than can be kept."""
        cleaned = {
            "content": text_of(self.content),
            "content_for_user": None if self.content_for_user is None else text_of(self.content_for_user),
            "error": None if self.error is None else text_of(self.error),
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
