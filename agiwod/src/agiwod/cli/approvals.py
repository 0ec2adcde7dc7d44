"""`agiwod approvals`: the tool calls that wait for somebody's word, and giving it."""

import json
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson, group_that_lists

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agiwo_client import Client
    from agiwo_protocol.approval import Approval, RespondParams, RespondResult

_ID = Annotated[
    str, typer.Argument(metavar="ID", help="The question, or as much of its id as tells it from the others.")
]


def list_approvals(as_json: AsJson = False) -> None:
    """List the calls that wait, oldest first, with all of their arguments."""
    from agiwo_protocol import approval

    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(approval.LIST, approval.ListParams()))
    if as_json:
        print(json.dumps(found.to_wire()))
    else:
        print("\n\n".join(_blocks(found.approvals)) or "no call waits for an answer")


def _blocks(approvals: "Sequence[Approval]") -> list[str]:
    from agiwod.cli.question import short, told

    ids = [each.approval_id for each in approvals]
    return [
        "\n".join([f"{short(each.approval_id, ids)}  {each.run_id}  {each.created_at[:19]}", *told(each)])
        for each in approvals
    ]


approvals = group_that_lists("The tool calls that wait for somebody's word.", list_approvals)
approvals.command("list")(list_approvals)


@approvals.command("allow")
def allow(
    id: _ID,
    session: Annotated[bool, typer.Option("--session", help="And every call of this tool in the session.")] = False,
    arguments: Annotated[
        str | None, typer.Option(metavar="JSON", help="Run it with these arguments instead of the model's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let the call run."""
    given = None if arguments is None else _read(arguments)
    _answer(id, as_json=as_json, option_id="allow_session" if session else "allow_once", arguments=given)


@approvals.command("deny")
def deny(
    id: _ID,
    reason: Annotated[str | None, typer.Option(help="Why; the model is told.")] = None,
    as_json: AsJson = False,
) -> None:
    """Do not let the call run."""
    _answer(id, as_json=as_json, option_id="deny", reason=reason)


def _read(text: str) -> dict[str, Any]:
    try:
        arguments: Any = json.loads(text)
    except ValueError as error:
        raise CommandFailed(f"--arguments is no JSON: {error}", code=ExitCode.USAGE) from None
    if not isinstance(arguments, dict):
        raise CommandFailed("--arguments is no JSON object", code=ExitCode.USAGE)
    return cast("dict[str, Any]", arguments)


def _answer(id: str, *, as_json: bool, **answer: Any) -> None:
    from agiwo_protocol import approval

    from agiwod.cli.talk import talk

    async def answering(client: "Client") -> "tuple[RespondParams, RespondResult]":
        params = approval.RespondParams(approval_id=await _whole(client, id), **answer)
        return params, await client.call(approval.RESPOND, params)

    params, result = talk(answering)
    if as_json:
        print(json.dumps({"approvalId": params.approval_id, **result.to_wire()}))
    _tell(result, is_silent=as_json)


async def _whole(client: "Client", given: str) -> str:
    """The id that is meant; what is none of the open questions may be one that is over, and is left to the daemon."""
    from agiwo_protocol import approval

    from agiwod.cli.question import matching

    found = (await client.call(approval.LIST, approval.ListParams())).approvals
    ids = matching(given, [each.approval_id for each in found]) if given else []
    if len(ids) > 1:
        raise CommandFailed(f"{given!r} may be each of {', '.join(ids)}", hint="give more of it", code=ExitCode.USAGE)
    return ids[0] if ids else given


def _tell(result: "RespondResult", *, is_silent: bool) -> None:
    from agiwod.cli.plain import visible
    from agiwod.cli.question import OUTCOMES

    if result.status == "already_resolved":
        by = f", by {visible(result.by)}" if result.by else ""
        raise CommandFailed(f"the question was over before: {OUTCOMES[result.outcome]}{by}")
    if not is_silent:
        print(OUTCOMES[result.outcome])
