"""tool/…: which tools there are."""

from agiwo_protocol import tool
from agiwo_protocol.contract import Page

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import page
from agiwod.runtime.tools import known_tools


@methods.on(tool.LIST)
async def list_tools(connection: Connection, params: Page) -> tool.ListResult:
    """The tools that agents may name, and what is wrong with others."""
    tools, faults = await known_tools()
    shown, cursor = page([*tools, *(await connection.foreign()).tools()], params, lambda each: each.definition.name)
    return tool.ListResult(
        tools=[encode.tool_object(each) for each in shown],
        faults=[encode.tool_fault(each) for each in faults],
        next_cursor=cursor,
    )
