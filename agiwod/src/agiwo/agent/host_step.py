"""The effect that puts a call to the client that hosts its tool: looks at the arguments, and asks nobody."""

from typing import Any

from agiwo.agent.output_schema import OutputSchema
from agiwo.durable import StepResult, StepScope
from agiwo.errors import ToolError
from agiwo.loop.plan import hosted_tools
from agiwo.schema.hosted import HostedCall
from agiwo.tool.arguments import parse_arguments
from agiwo.tool.thread import in_thread


async def host(scope: StepScope, arg: Any) -> StepResult:
    """The call in `arg` as its client is to get it.

    Raises:
        ToolError: its arguments do not fit the tool.
    """
    tool = next(each for each in hosted_tools(scope.run.spec.plan) if each.name == arg["name"])
    arguments, schema = parse_arguments(arg["arguments"]), OutputSchema(tool.parameters)
    # In a thread, and bounded: the schema comes from a client, and the arguments from a model.
    if faults := await in_thread(lambda: schema.faults(arguments)):
        listed = "".join(f"\n- {fault}" for fault in faults)
        raise ToolError(f"the arguments do not fit the parameters of {tool.name}:{listed}")
    call = HostedCall(scope.run.id, f"{scope.run.id}.{arg['item']}", arg["id"], tool.name, arguments, tool.effect)
    return StepResult(call.to_json())
