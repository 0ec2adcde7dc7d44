"""tool/…: which tools there are, and calling one."""

from agiwo.errors import ToolError
from agiwo_protocol import tool
from agiwo_protocol.contract import Page
from agiwo_protocol.errors import InvalidParams

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import page
from agiwod.runtime.tool_calls import Wanted
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


@methods.on(tool.INVOKE)
async def call_tool(connection: Connection, params: tool.InvokeParams) -> tool.CallResult:
    """Call a tool outside of any run."""
    project, servers = (await connection.place()).project, (await connection.foreign()).servers
    wanted = Wanted(params.name, params.arguments, params.approved)
    try:
        result = await connection.daemon.tool_calls.make(wanted, servers, project and project.root)
    except ToolError as error:
        errors = [{"path": "arguments", "message": str(error)}]
        raise InvalidParams("the tool does not take the call", errors=errors) from None
    return tool.CallResult(
        content=result.content,
        content_for_user=result.content_for_user,
        value=result.output,
        is_error=not result.is_success,
    )
