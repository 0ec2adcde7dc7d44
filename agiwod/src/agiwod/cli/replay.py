"""`agiwod runs replay`: a finished run played again, or done once more by another model and compared."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from agiwod.cli.failure import CommandFailed, ExitCode

if TYPE_CHECKING:
    from agiwo_client import Client, Run
    from agiwo_protocol.run import RunEvent

    from agiwod.cli.asking import Questions

_PAGE = 1000


def replay(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run that has ended.")],
    model: Annotated[str | None, typer.Option(help="Do the run once more with this model, and compare.")] = None,
    start: Annotated[int, typer.Option("--from", min=1, help="The seq of the first event to play or to do anew.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Every event, one JSON object a line.")] = False,
) -> None:
    """Play a finished run again; asks no model. With --model, another one does it, with the recorded tool results."""
    from agiwod.cli.asking import Questions
    from agiwod.cli.follow import view
    from agiwod.cli.talk import talk

    questions = Questions()

    async def replaying(client: "Client") -> ExitCode:
        before = await _finished(client, run_id, start - 1 if model is None else 0)
        if model is not None:
            return await _compare(client, questions, before, model, start, as_json=as_json)
        with view(as_json=as_json) as shown:
            for event in before:
                shown.show(event)
        return ExitCode.OK

    raise typer.Exit(talk(replaying, on_approval=questions))


async def _compare(
    client: "Client", questions: "Questions", before: list["RunEvent"], model: str, start: int, *, as_json: bool
) -> ExitCode:
    """Show the run with the other model as it goes on, and the difference in the end, however it ends."""
    from agiwo_protocol import run

    from agiwod.cli.follow import follow, view

    params = run.ReplayParams(run_id=before[0].run_id, model=model, from_seq=start, attach=False)
    begun = await client.call(run.REPLAY, params)

    async def begin() -> "Run":
        return await client.attach(begun.run_id)

    try:
        with view(as_json=as_json) as shown:
            return await follow(client, begin, shown, questions)
    finally:
        now = await _events(client, begun.run_id)
        if now[-1].type in run.TERMINAL_EVENTS:
            _tell(before, now, as_json=as_json)


async def _finished(client: "Client", run_id: str, after: int) -> list["RunEvent"]:
    """The durable events of a run that has ended, those after that seq.

    Raises:
        CommandFailed: it has not, or has had fewer events.
    """
    from agiwo_protocol import run

    found = await client.call(run.GET, run.RunParams(run_id=run_id))
    if found.status not in run.TERMINAL_STATUSES:
        hint = f"follow it with: agiwod runs attach {run_id}"
        raise CommandFailed(f"run {run_id} has not ended", hint=hint, code=ExitCode.USAGE)
    if after >= found.head_seq:
        raise CommandFailed(f"run {run_id} has {found.head_seq} events", code=ExitCode.USAGE)
    return await _events(client, run_id, after)


async def _events(client: "Client", run_id: str, after: int = 0) -> list["RunEvent"]:
    from agiwo_protocol import run

    events: list[run.RunEvent] = []
    while True:
        page = await client.call(run.EVENTS, run.EventsParams(run_id=run_id, after=after, limit=_PAGE))
        events += page.events
        after += len(page.events)
        if after >= page.head_seq:
            return events


def _tell(before: list["RunEvent"], now: list["RunEvent"], *, as_json: bool) -> None:
    """The difference on stdout: a unified diff, or the two runs and its lines as one JSON object."""
    from agiwo.engine.transcript import difference

    from agiwod.cli.plain import without_controls

    names = before[0].run_id, now[0].run_id
    lines = difference(((each.type, each.data) for each in before), ((each.type, each.data) for each in now), *names)
    if as_json:
        print(json.dumps({"before": names[0], "now": names[1], "difference": lines}))
    else:
        print("", *map(without_controls, lines or ["no difference"]), sep="\n")
