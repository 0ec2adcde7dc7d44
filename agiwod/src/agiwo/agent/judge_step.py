"""The effect that judges a tool call: the rules, and the tool itself, say whether it may run. Asks nobody."""

from typing import Any

from agiwo.durable import StepResult, StepScope
from agiwo.errors import ToolError
from agiwo.loop.plan import hosted_as, hosted_tools
from agiwo.schema.tool import ToolCall
from agiwo.tool.arguments import parse_arguments
from agiwo.tool.executor import ToolExecutor


class JudgeStep:
    """Judges the tool calls of one agent."""

    def __init__(self, executor: ToolExecutor) -> None:
        self._executor = executor

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        """The verdict on the call in `arg`, and its arguments as somebody who is asked should see them."""
        call, executor = ToolCall(arg["id"], arg["name"], arg["arguments"]), self._executor
        await executor.ready(call.name)
        plan = scope.run.spec.plan
        hosted = hosted_as(plan, call.name)
        if hosted is None:
            definition, verdict = executor.definitions.get(call.name), executor.judge(call)
        else:
            definition = next(each for each in hosted_tools(plan) if each.name == call.name)
            verdict = executor.judge_hosted(definition, call, asks=hosted.asks, root=hosted.root)
        version = definition.version if definition else ""
        try:
            arguments = parse_arguments(arg["arguments"])
        except ToolError:
            arguments = {}
        judged = {"action": verdict.action, "reason": verdict.reason, "arguments": arguments}
        return StepResult({**judged, "version": version} if version else judged)
