"""The tools that a client offers in its handshake, as agents can have them; or what is wrong with them. Calls none."""

from collections.abc import Sequence
from typing import Final

from agiwo.agent.output_schema import OutputSchema
from agiwo.errors import SchemaInvalid
from agiwo.schema.tool import ToolDefinition
from agiwo.tool.nesting import write_json
from agiwo.tool.thread import in_thread
from agiwo_protocol.connection import InitializeParams
from agiwo_protocol.errors import InvalidParams
from agiwo_protocol.tool import Offered

_ALL: Final = 256 * 1024
"""Bytes of all tools of a client: each run that it starts keeps them, and its model reads them."""


async def offered_tools(client: InitializeParams) -> tuple[ToolDefinition, ...]:
    """The tools that a client offers.

    Raises:
        InvalidParams: one of them can be none, or the client cannot be asked.
    """
    if client.tools and client.capabilities.tools is None:
        raise _invalid("capabilities.tools", "a client that offers tools has to declare this capability: {}")
    # In a thread: a large schema takes long enough to be felt by everybody else.
    return await in_thread(lambda: _looked_at(client.tools)) if client.tools else ()


def _looked_at(tools: Sequence[Offered]) -> tuple[ToolDefinition, ...]:
    found = tuple(_definition(tool, f"tools.{number}.inputSchema") for number, tool in enumerate(tools))
    size = sum(len(tool.description) + len(write_json(tool.parameters)) for tool in found)
    if size > _ALL:
        raise _invalid("tools", f"all of them together have {size} bytes; at most {_ALL} are taken")
    return found


def _definition(tool: Offered, path: str) -> ToolDefinition:
    schema = {"type": "object", **tool.input_schema}
    if schema["type"] != "object":
        raise _invalid(f"{path}.type", 'the arguments of a tool are an object: "type": "object"')
    try:
        parameters = OutputSchema.looked_at(schema).schema
    except SchemaInvalid as error:
        raise _invalid(f"{path}.{error.path}" if error.path else path, error.fault) from None
    seconds = None if tool.timeout_ms is None else tool.timeout_ms / 1000
    is_read = tool.effect == "read"
    return ToolDefinition(tool.name, tool.description, parameters, is_read, seconds, effect=tool.effect)


def _invalid(path: str, message: str) -> InvalidParams:
    return InvalidParams("the tools cannot be used", errors=[{"path": path, "message": message}])
