"""Fakes that anybody may use who tests an agent. Needs no test framework."""

import asyncio
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.llm.scripted import ScriptedModel
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult

__all__ = ["FrozenClock", "RecordingTool", "ScriptedModel"]


@dataclass(order=True)
class _Due:
    when: float
    order: int
    call: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Do not make the call."""
        self.call = None


class FrozenClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._due: list[_Due] = []
        self._order = count()

    def now(self) -> float:
        """The time at which the clock stands."""
        return self._now

    def call_at(self, when: float, call: Callable[[], None]) -> _Due:
        """Make `call` in the `advance` that reaches `when`; calls that are due already wait for the next one."""
        due = _Due(when, next(self._order), call)
        heapq.heappush(self._due, due)
        return due

    def advance(self, seconds: float) -> None:
        """Move the clock, and make the calls that come due on the way, each at its own time and in order."""
        end = self._now + seconds
        while self._due and self._due[0].when <= end:
            due = heapq.heappop(self._due)
            self._now = max(self._now, due.when)
            if due.call is not None:
                due.call()
        self._now = end


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
