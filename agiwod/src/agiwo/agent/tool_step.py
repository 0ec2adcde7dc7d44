"""The effect of a tool call. What the tool does wrong is a result that the model can read."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from agiwo.agent.execution_context import context_of
from agiwo.durable import StepResult, StepScope
from agiwo.failpoint import reach
from agiwo.loop.items import tool_call_item
from agiwo.schema.tool import ToolCall
from agiwo.tool.executor import ToolExecutor


class ToolStep:
    """Runs the tool calls of one agent."""

    def __init__(self, executor: ToolExecutor) -> None:
        self._executor = executor

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        """The result of the call in `arg`, and its completed item."""
        item = f"{scope.run.id}.{arg['item']}"
        scope.open(item, "toolCall", callId=arg["id"], name=arg["name"])
        call = ToolCall(arg["id"], arg["name"], arg["arguments"])
        approval = arg.get("approval")
        context = replace(context_of(scope), tell=_telling(scope, item))
        reach("tool/began")
        result = await self._executor.execute(call, context, approved=approval is not None)
        reach("tool/ended")
        output = {"content": result.content, "isError": not result.is_success}
        if result.content_for_user is not None:
            output["contentForUser"] = result.content_for_user
        if result.output is not None:
            output["value"] = result.spoolable_output()
        value = {"content": _changed(approval) + result.for_model(), "isError": not result.is_success}
        if result.termination_reason is not None:
            value["termination"] = str(result.termination_reason)
        return StepResult(value, [tool_call_item(item, arg, output, round(1000 * result.duration))])


def _telling(scope: StepScope, item: str) -> Callable[[str], None]:
    """What shows the readers of the run what a call says while it goes on, from whichever thread it says so."""
    loop, own = asyncio.get_running_loop(), threading.get_ident()

    def tell(text: str) -> None:
        if threading.get_ident() == own:
            scope.delta(item, "toolOutput", text)
        else:
            loop.call_soon_threadsafe(scope.delta, item, "toolOutput", text)

    return tell


def _changed(approval: Mapping[str, Any] | None) -> str:
    """What the model must know of a call that somebody allowed with other arguments than its own."""
    if not approval or "arguments" not in approval:
        return ""
    return f"(Somebody changed the arguments of this call to {orjson.dumps(approval['arguments']).decode()}.)\n"
