"""The effect that describes a child run: the agent behind a tool, and what it is asked to do. Starts no run."""

from collections.abc import Mapping
from typing import Any

from agiwo import ids
from agiwo.agent.as_tool import AgentTool
from agiwo.durable import StepResult, StepScope
from agiwo.errors import ToolError
from agiwo.schema.budget import Budget
from agiwo.tool.arguments import ArgumentSchema, parse_arguments


class ChildStep:
    """Knows the agents behind one agent's tools."""

    def __init__(self, tools: Mapping[str, AgentTool]) -> None:
        self._tools = tools

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        """The child run that the call in `arg` asks for, in a session of its own.

        Raises:
            ToolError: the arguments are wrong, or the agent is not there any more.
        """
        tool = self._tools.get(arg["name"])
        if tool is None:
            raise ToolError(f"there is no agent behind {arg['name']!r} any more")
        arguments = parse_arguments(arg["arguments"])
        ArgumentSchema(tool.name, tool.get_parameters()).check(arguments)
        session = ids.derived("ses", scope.run.id, scope.key)
        budget = Budget.from_json(arg["budget"]) if "budget" in arg else None
        return StepResult(tool.child_spec(arguments, scope.run.spec, session, budget).to_json())
