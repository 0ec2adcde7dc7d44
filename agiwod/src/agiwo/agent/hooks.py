"""The ten places at which an agent's user may look on or take part, and how a hook is called. Knows not when."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from inspect import isawaitable
from typing import Any

from agiwo.errors import ConfigError
from agiwo.loop.hooks import DECIDING
from agiwo.schema.content import ContentPart
from agiwo.schema.memory import MemoryRecord
from agiwo.schema.step import StepRecord
from agiwo.schema.stream import RunOutput, StreamEvent
from agiwo.schema.text import words_of
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.result import ToolResult

Asked = str | list[ContentPart]
"""What the agent was asked."""

Arguments = dict[str, Any]
Messages = list[dict[str, Any]]


@dataclass
class AgentHooks:
    """Plain async functions, each optional.

    Four decide, inside recorded steps, so a replay after a crash does not call them again:

    * `on_before_run` may return a string that takes the place of the input. When it raises, the run fails.
    * `on_memory_retrieve` returns memories; the relevant ones are told to the model with the input.
    * `on_before_llm_call` may return the messages of that one request. When it raises, the run fails.
    * `on_before_tool_call` may return the arguments of that call. When it raises, that is what the call gave.

    The others look on, in the order in which things were recorded: `on_after_llm_call` and `on_after_tool_call`,
    `on_step` after either and for what the user says, `on_event` for every event of a run and of those below it,
    `on_after_run` and then `on_memory_write` (when there is a response) at the end. They see what happens while this
    process is at work on the run, each thing once; they cannot hold it up or make it fail. One that raises is logged
    and told as an event; one that hangs is given up, and not asked again by that run.
    """

    on_before_run: Callable[[Asked, ExecutionContext], Awaitable[str | None]] | None = None
    on_after_run: Callable[[RunOutput, ExecutionContext], Awaitable[Any]] | None = None
    on_before_tool_call: Callable[[str, str, Arguments], Awaitable[Arguments | None]] | None = None
    on_after_tool_call: Callable[[str, str, Arguments, ToolResult], Awaitable[Any]] | None = None
    on_before_llm_call: Callable[[Messages], Awaitable[Messages | None]] | None = None
    on_after_llm_call: Callable[[StepRecord], Awaitable[Any]] | None = None
    on_step: Callable[[StepRecord], Awaitable[Any]] | None = None
    on_event: Callable[[StreamEvent], Awaitable[Any]] | None = None
    on_memory_write: Callable[[Asked, RunOutput, ExecutionContext], Awaitable[Any]] | None = None
    on_memory_retrieve: Callable[[Asked, ExecutionContext], Awaitable[Sequence[MemoryRecord]]] | None = None

    def __post_init__(self) -> None:
        if self.__dict__ != _NONE:  # which most agents have
            self._check()

    def _check(self) -> None:
        for name, hook in vars(self).items():
            if hook is not None and not callable(hook):
                raise ConfigError(f"{name} is {hook!r:.100}; it must be an async function, or None")

    @property
    def deciding(self) -> frozenset[str]:
        """The names of those that are there and have steps of their own."""
        return frozenset(name for name in DECIDING if getattr(self, name) is not None)

    @property
    def observes(self) -> bool:
        """Whether one is there that only looks on."""
        return any(getattr(self, name) is not None for name in OBSERVING)


_NONE = {each.name: None for each in fields(AgentHooks)}

OBSERVING = ("on_after_run", "on_after_tool_call", "on_after_llm_call", "on_step", "on_event", "on_memory_write")
"""The hooks that look on."""


async def call_hook(hook: Callable[..., object], *args: object) -> Any:
    """What the hook returns.

    Raises:
        TypeError: it is not async; and whatever it raises itself.
        RuntimeError: it raised what would end the process.
    """
    try:
        returned = hook(*args)
        if not isawaitable(returned):
            raise TypeError("it must be an async function (async def)")
        return await returned
    except (Exception, CancelledError):
        raise
    except BaseException as error:  # as with tools: one that calls sys.exit must not end the process
        raise RuntimeError(f"{type(error).__name__}: {words_of(error)}") from error
