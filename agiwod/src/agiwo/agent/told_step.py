"""The effect of a tool call that something else than a tool has answered: a hook, a refusal, another agent."""

from typing import Any

from agiwo.durable import StepResult, StepScope
from agiwo.loop.items import tool_call_item


async def told(scope: StepScope, arg: Any) -> StepResult:
    """The output in `arg` as what the call gave, and its completed item."""
    output = arg["output"]
    item = tool_call_item(f"{scope.run.id}.{arg['item']}", arg["call"], output, arg.get("durationMs", 0))
    return StepResult({"content": output["content"], "isError": output["isError"]}, [item])
