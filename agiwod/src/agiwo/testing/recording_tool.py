"""A tool for tests that remembers its calls. Does nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult


class RecordingTool(BaseTool):
    """A tool that takes any arguments, remembers its calls, and gives the results it was told to give.

    `results` are given in order, the last one again and again: values as a function would return them, or exceptions,
    which are raised. With a `gate` every call waits until the gate is open. `started` is set by the first call.
    """

    def __init__(
        self,
        name: str = "record",
        *,
        results: Sequence[object] = ("recorded",),
        gate: asyncio.Event | None = None,
        effect: Effect = "once",
        concurrency_safe: bool = True,
        timeout_seconds: float | None = 30,
    ) -> None:
        self._name, self._results, self._gate, self._safe = name, results, gate, concurrency_safe
        self.effect, self.timeout_seconds = effect, timeout_seconds
        self.calls: list[dict[str, Any]] = []
        self.contexts: list[ExecutionContext] = []
        self.started = asyncio.Event()

    def get_name(self) -> str:
        """As given."""
        return self._name

    def get_description(self) -> str:
        """That it records."""
        return "Records that it was called."

    def get_parameters(self) -> dict[str, Any]:
        """Any object."""
        return {"type": "object", "properties": {}}

    def is_concurrency_safe(self) -> bool:
        """As given."""
        return self._safe

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """Remember the call, wait for the gate, and give the next result."""
        result = self._results[min(len(self.calls), len(self._results) - 1)]
        self.calls.append({name: value for name, value in parameters.items() if name != "tool_call_id"})
        self.contexts.append(context)
        self.started.set()
        if self._gate is not None:
            await self._gate.wait()
        if isinstance(result, Exception):
            raise result
        return ToolResult.of(result)
