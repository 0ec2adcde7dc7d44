"""The effect that says what a call comes to which the loop carries out: a child run, a sleep. Does none of it."""

from collections.abc import Mapping
from typing import Any

from agiwo.agent.carried_tool import CarriedTool
from agiwo.durable import StepResult, StepScope
from agiwo.errors import ToolError
from agiwo.tool.arguments import ArgumentSchema, parse_arguments


class PrepareStep:
    """Knows those tools of one agent whose calls the loop carries out."""

    def __init__(self, tools: Mapping[str, CarriedTool]) -> None:
        self._tools = tools
        self._schemas = {name: ArgumentSchema(name, tool.get_parameters()) for name, tool in tools.items()}

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        """What the call in `arg` comes to, as its tool says.

        Raises:
            ToolError: the arguments are wrong, or the tool is not there any more.
        """
        tool = self._tools.get(arg["name"])
        if tool is None:
            raise ToolError(f"there is no tool {arg['name']!r} any more")
        arguments = parse_arguments(arg["arguments"])
        self._schemas[tool.name].check(arguments)
        return StepResult(await tool.prepare(arguments, scope, arg))
