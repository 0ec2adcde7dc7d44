"""approval/…: calls that wait for somebody's word."""

from agiwo.errors import ToolError
from agiwo.schema.approval import Answer
from agiwo_protocol import approval
from agiwo_protocol.errors import InvalidParams

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods


@methods.on(approval.LIST)
async def list_approvals(connection: Connection, params: approval.ListParams) -> approval.ListResult:
    """The open questions, oldest first."""
    found = await connection.daemon.approvals.list(params.run_id)
    return approval.ListResult(approvals=[encode.approval_object(each) for each in found])


@methods.on(approval.RESPOND)
async def respond(connection: Connection, params: approval.RespondParams) -> approval.RespondResult:
    """Answer one; the first answer counts."""
    answer = Answer(params.option_id, params.reason or "", params.arguments, by=connection.client_name)
    try:
        return encode.resolution(await connection.daemon.approvals.respond(params.approval_id, answer))
    except ToolError as error:
        raise InvalidParams(
            str(error), errors=[{"path": "arguments", "message": "the tool does not take them"}]
        ) from None
