"""`agiwod runs`: which there are, what they said, and a hand on those that still go."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agiwod.cli.listing import AsJson, show_answer

if TYPE_CHECKING:
    from agiwo_client import Client
    from agiwo_protocol import run

runs = typer.Typer(help="The runs: list, show, follow and cancel them.", no_args_is_help=True)

_RUN = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]

_LONGEST_ANSWER = 60
"""Characters of an answer in the list."""


@runs.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the runs, newest first."""
    from agiwo_protocol import run

    head = ("run", "agent", "status", "created", "tokens", "answer")
    show_answer(run.LIST, run.ListParams(limit=limit), head, lambda found: map(_row, found.runs), as_json=as_json)


def _row(run: "run.Run") -> tuple[str, ...]:
    said = run.error.message if run.error else run.response or ""
    answer = said if len(said) <= _LONGEST_ANSWER else f"{said[: _LONGEST_ANSWER - 1]}…"
    tokens = str(run.usage.input_tokens + run.usage.output_tokens)
    return run.run_id, run.agent_id, run.status, run.created_at[:19], tokens, answer


@runs.command("show")
def show_run(
    id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id or its trace's, or the beginning of one.")],
    as_json: AsJson = False,
) -> None:
    """Show a run and what was said and done in it so far."""
    from agiwod.cli.talk import talk

    async def ask(client: "Client") -> tuple[dict[str, Any], list["run.RunEvent"]]:
        from agiwo_protocol import run

        run_id = (await client.call(run.FIND, run.FindParams(id=id))).run_id
        found = await client.call(run.GET, run.RunParams(run_id=run_id))
        return found.to_wire(), await _events(client, run_id)

    found, events = talk(ask)
    if as_json:
        items = [{"itemId": each.item_id, **each.data} for each in events if each.type == "item/completed"]
        print(json.dumps({**found, "items": items}))
        return
    print("\n".join(_lines(found)))
    print("\n".join(_said(events)))


async def _events(client: "Client", run_id: str) -> list["run.RunEvent"]:
    from agiwo_protocol import run

    events: list[run.RunEvent] = []
    while True:
        after = events[-1].seq or 0 if events else 0
        page = await client.call(run.EVENTS, run.EventsParams(run_id=run_id, after=after, limit=1000))
        events += page.events
        if not page.events or (events[-1].seq or 0) >= page.head_seq:
            return events


def _lines(run: dict[str, Any]) -> list[str]:
    from agiwod.cli.telling import cost_of

    error: dict[str, Any] = run.get("error") or {}
    told: dict[str, Any] = {
        "run": run["runId"],
        "session": run["sessionId"],
        "agent": run["agentId"],
        "status": run["status"],
        "created": run["createdAt"],
        "ended": run.get("endedAt"),
        "tokens": f"{run['usage']['inputTokens']} in, {run['usage']['outputTokens']} out",
        "cost": next(iter(cost_of(run["usage"])), None),
        "error": error.get("message"),
    }
    return [f"{name:<8} {value}" for name, value in told.items() if value is not None]


def _said(events: list["run.RunEvent"]) -> list[str]:
    """The items as lines: who said what, and which tools were called."""
    from agiwod.cli.plain import without_controls
    from agiwod.cli.telling import summary

    return [f"\n{without_controls(summary(each.data))}" for each in events if each.type == "item/completed"]


@runs.command("attach")
def attach_run(
    run_id: _RUN,
    after: Annotated[int, typer.Option(min=0, help="The last seq that you have; what follows it is shown.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Every event, one JSON object a line.")] = False,
) -> None:
    """Follow a run: what was missed, then what happens. Ctrl-C cancels the run; twice leaves it running."""
    from agiwod.cli.follow import watch

    raise typer.Exit(watch(lambda client: client.attach(run_id, after), as_json=as_json))


@runs.command("cancel")
def cancel_run(run_id: _RUN, as_json: AsJson = False) -> None:
    """Ask a run to end, with the runs that it started."""
    from agiwo_protocol import run

    from agiwod.cli.talk import talk

    params = run.CancelParams(run_id=run_id, reason="cancelled in the terminal")
    result = talk(lambda client: client.call(run.CANCEL, params))
    if as_json:
        print(json.dumps(result.to_wire()))
    else:
        print(f"{run_id} was asked to end" if result.accepted else f"{run_id} has ended before: {result.status}")


@runs.command("resume")
def resume_run(run_id: _RUN, as_json: AsJson = False) -> None:
    """Try a run again that is suspended, such as for want of its agent."""
    from agiwo_protocol import run

    from agiwod.cli.talk import talk

    result = talk(lambda client: client.call(run.RESUME, run.RunParams(run_id=run_id)))
    if as_json:
        print(json.dumps(result.to_wire()))
    else:
        print(f"{run_id} is tried again" if result.accepted else f"{run_id} is not suspended: {result.status}")
