"""The effects of the hooks that decide: each runs inside a recorded step, so a replay does not call it again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from types import UnionType
from typing import Any, cast

import orjson

from agiwo.agent.execution_context import context_of
from agiwo.agent.hooks import AgentHooks, call_hook
from agiwo.durable import Effect, StepResult, StepScope
from agiwo.errors import EffectFailed, ToolError
from agiwo.schema.content import read_input
from agiwo.schema.event import LOG
from agiwo.schema.memory import MemoryRecord
from agiwo.schema.text import words_of
from agiwo.tool.arguments import parse_arguments

log = logging.getLogger(__name__)

FAILED = "hook_failed"
"""The kind of error of a run whose hook raised."""


class HookSteps:
    """The effects of one agent's hooks. A hook that is not there any more decides nothing."""

    def __init__(self, hooks: AgentHooks) -> None:
        self._hooks = hooks

    @property
    def effects(self) -> Mapping[str, Effect]:
        """Those that are steps of their own, by name."""
        # Made for who asks: kept in here they would be a ring, which only the garbage collector can take apart.
        return {
            "before_run": self._before_run,
            "memory_retrieve": self._memory_retrieve,
            "before_tool_call": self._before_tool_call,
        }

    async def before_llm_call(self, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The messages of a request, as the hook wants them.

        Raises:
            EffectFailed: the hook raised.
        """
        if self._hooks.on_before_llm_call is None:
            return list(messages)
        given = cast(list[dict[str, Any]], deepcopy(list(messages)))
        changed = await _call("on_before_llm_call", self._hooks.on_before_llm_call, given)
        if changed is None:
            return list(messages)
        messages = _checked("on_before_llm_call", changed, list, "a list of messages")
        return [_checked_message(each) for each in messages or [None]]

    async def _before_run(self, scope: StepScope, arg: Any) -> StepResult:
        hook = self._hooks.on_before_run
        if hook is None:
            return StepResult(None)
        replaced = await _call("on_before_run", hook, read_input(arg["input"]), context_of(scope))
        return StepResult(None if replaced is None else _checked("on_before_run", replaced, str, "a string"))

    async def _memory_retrieve(self, scope: StepScope, arg: Any) -> StepResult:
        hook = self._hooks.on_memory_retrieve
        if hook is None:
            return StepResult([])
        try:
            found = await _call("on_memory_retrieve", hook, read_input(arg["input"]), context_of(scope))
            memories = [_checked_memory(each) for each in _checked("on_memory_retrieve", found or [], list, "a list")]
        except EffectFailed as error:
            scope.notice(LOG, {"level": "error", "hook": "on_memory_retrieve", "message": str(error)})
            return StepResult([])
        return StepResult([{"content": memory.content, "score": memory.relevance_score} for memory in memories])

    async def _before_tool_call(self, scope: StepScope, arg: Any) -> StepResult:
        """The arguments that the hook gives instead, as text; arguments that cannot be read are no hook's business."""
        hook = self._hooks.on_before_tool_call
        if hook is None:
            return StepResult(None)
        try:
            arguments = parse_arguments(arg["arguments"])
        except ToolError:
            return StepResult(None)
        changed = await _call("on_before_tool_call", hook, arg["id"], arg["name"], arguments)
        if changed is None:
            return StepResult(None)
        replaced = _checked("on_before_tool_call", changed, dict, "a dict of arguments")
        try:
            return StepResult(orjson.dumps(replaced).decode())
        except TypeError as error:
            raise EffectFailed(FAILED, f"the hook on_before_tool_call returned what is not JSON: {error}") from error


async def _call(name: str, hook: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    # The border to code that is not ours.
    try:
        return await call_hook(hook, *args)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise EffectFailed(FAILED, f"the hook {name} cancelled itself") from None
    except Exception as error:
        log.warning("the hook %s raised", name, exc_info=error)
        raise EffectFailed(FAILED, f"the hook {name} raised {type(error).__name__}: {words_of(error)}") from error


def _checked(name: str, value: Any, type_: type[Any] | UnionType, wanted: str) -> Any:
    if not isinstance(value, type_):
        raise EffectFailed(FAILED, f"the hook {name} returned {type(value).__name__}; it must return {wanted}")
    return value


def _checked_message(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not isinstance(cast(dict[str, Any], value).get("role"), str):
        raise EffectFailed(FAILED, "the hook on_before_llm_call returned messages without a role, or none at all")
    return cast(Mapping[str, Any], value)


def _checked_memory(value: object) -> MemoryRecord:
    memory: MemoryRecord = _checked("on_memory_retrieve", value, MemoryRecord, "MemoryRecords")
    _checked("on_memory_retrieve", memory.content, str, "MemoryRecords with text")
    _checked("on_memory_retrieve", memory.relevance_score, float | int | None, "MemoryRecords with a number as score")
    return memory
