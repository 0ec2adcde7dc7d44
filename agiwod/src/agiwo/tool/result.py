"""What a tool call gives: text for the model, and beside it what people and programs may want. Knows no tool."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from agiwo.errors import ToolError
from agiwo.schema.run import TerminationReason


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
        text = _json(value)
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
            return ToolResult.from_json(orjson.loads(_json(self.to_json())))
        except (ToolError, ValueError) as error:
            failed = ToolResult.failed(str(error))
            return replace(
                self, content=failed.content, output=None, content_for_user=None, error=failed.error, is_success=False
            )

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
            "content": _text(self.content),
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
    # Untyped tools give objects here; the model is only ever sent text.
    return content if isinstance(content, str) else _json(content).decode()


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise ToolError(f"the tool's result cannot be stored: {error}") from error
