"""`agiwod sessions`: which conversations there are, what was said in them, and how to branch and forget them."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agiwod.cli.listing import AsJson, show_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agiwo_client import Client
    from agiwo_protocol import session

sessions = typer.Typer(help="The conversations: list, show, fork, rewind and forget them.", no_args_is_help=True)

_SESSION = Annotated[str, typer.Argument(metavar="SESSION", help="The conversation's id.")]
_RUN = Annotated[str, typer.Option("--at", metavar="RUN", help="The run that the history is to end with.")]
_SEQ = Annotated[int | None, typer.Option(min=0, help="The last event of that run that counts; 0: not even its first.")]


@sessions.command("list")
def list_sessions(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the one used last first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the conversations, the one used last first."""
    from agiwo_protocol import session

    head = ("session", "agent", "used", "last run")
    show_answer(session.LIST, session.ListParams(limit=limit), head, _rows, as_json=as_json)


def _rows(found: "session.ListResult") -> "Iterator[tuple[str, ...]]":
    for each in found.sessions:
        yield each.session_id, each.agent_id, each.updated_at[:19], each.head or ""


@sessions.command("show")
def show_session(session_id: _SESSION, as_json: AsJson = False) -> None:
    """Show what was said and done in a conversation."""
    from agiwo_protocol import session

    from agiwod.cli.plain import without_controls
    from agiwod.cli.talk import talk
    from agiwod.cli.telling import summary

    async def ask(client: "Client") -> tuple[dict[str, Any], list[session.HistoryItem]]:
        found = await client.call(session.GET, session.SessionParams(session_id=session_id))
        return found.to_wire(), await history_of(client, session_id)

    found, items = talk(ask)
    if as_json:
        print(json.dumps({**found, "items": [each.to_wire() for each in items]}))
        return
    for run in dict.fromkeys(each.run_id for each in items):
        print(f"\n{run}")
        print("\n".join(without_controls(summary(each.item)) for each in items if each.run_id == run))


async def history_of(client: "Client", session_id: str) -> list["session.HistoryItem"]:
    """All that was said and done in a conversation, oldest first."""
    from agiwo_protocol import session

    items: list[session.HistoryItem] = []
    cursor = None
    while True:
        asked = session.HistoryParams(session_id=session_id, cursor=cursor, limit=1000)
        page = await client.call(session.HISTORY, asked)
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


@sessions.command("fork")
def fork_session(session_id: _SESSION, at: _RUN, seq: _SEQ = None, as_json: AsJson = False) -> None:
    """Begin a conversation that goes on from a point of this one; this one stays as it is."""
    from agiwo_protocol import session

    from agiwod.cli.talk import talk

    params = session.ForkParams(session_id=session_id, at=at, seq=seq)
    fork = talk(lambda client: client.call(session.FORK, params))
    print(json.dumps(fork.to_wire()) if as_json else fork.session_id)


@sessions.command("rewind")
def rewind_session(session_id: _SESSION, at: _RUN, seq: _SEQ = None, as_json: AsJson = False) -> None:
    """Go back to a point of a conversation; the runs behind it stay, and can be forked."""
    from agiwo_protocol import session

    from agiwod.cli.talk import talk

    params = session.RewindParams(session_id=session_id, at=at, seq=seq)
    rewound = talk(lambda client: client.call(session.REWIND, params))
    print(json.dumps(rewound.to_wire()) if as_json else f"{session_id} goes on from {at}")


@sessions.command("delete")
def delete_session(session_id: _SESSION, as_json: AsJson = False) -> None:
    """Forget a conversation and all its runs, for good; not while one is going, or while a fork needs it."""
    from agiwo_protocol import session

    from agiwod.cli.talk import talk

    gone = talk(lambda client: client.call(session.DELETE, session.SessionParams(session_id=session_id)))
    print(json.dumps(gone.to_wire()) if as_json else f"{session_id} is gone, with {gone.runs} runs")
