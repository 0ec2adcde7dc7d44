"""`agiwod schedule cron`: tasks that begin again and again, at the times that a cron expression names."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from agiwod.cli.ask import default_agent, read_text
from agiwod.cli.listing import AsJson, show_answer

if TYPE_CHECKING:
    from agiwo_client import Client
    from agiwo_protocol import scheduler

cron = typer.Typer(help="Tasks that begin again and again, at times of your choice.", no_args_is_help=True)


@cron.command("add")
def add(
    expression: Annotated[
        str, typer.Argument(metavar="CRON", help="When, as minute hour day month weekday: '30 9 * * 1-5'.")
    ],
    task: Annotated[str, typer.Argument(metavar="TASK", help="What to do; - reads it from stdin.")],
    agent: Annotated[str | None, typer.Option(help="Who does it; without it, the default agent.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call the schedule; else it gets a name.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Whose time it is, such as Europe/Berlin; else that of the daemon's machine.")
    ] = None,
    overlap: Annotated[
        Literal["skip", "queue"], typer.Option(help="What becomes of a time at which the last task is still at work.")
    ] = "skip",
    as_json: AsJson = False,
) -> None:
    """Have an agent begin a task at every time that CRON names."""
    from agiwod.cli.talk import talk

    text = read_text(task)

    async def ask(client: "Client") -> "scheduler.Cron":
        from agiwo_protocol import scheduler

        params: dict[str, Any] = {"cron_id": name, "timezone": timezone, "overlap": overlap}
        named = agent or await default_agent(client)
        params_of = scheduler.AddCronParams(agent=named, input=text, cron=expression, **params)
        return await client.call(scheduler.ADD_CRON, params_of)

    added = talk(ask)
    print(json.dumps(added.to_wire()) if as_json else f"{added.cron_id}: next at {_moment(added.next_at)}")


@cron.command("list")
def list_crons(as_json: AsJson = False) -> None:
    """List the schedules, with what became of the last time and when the next one is."""
    from agiwo_protocol import scheduler
    from agiwo_protocol.contract import Page

    head = ("name", "agent", "cron", "timezone", "next", "fired", "last")
    show_answer(scheduler.LIST_CRONS, Page(), head, lambda found: map(_row, found.crons), as_json=as_json)


def _row(cron: "scheduler.Cron") -> tuple[str, ...]:
    return (
        cron.cron_id,
        cron.agent_id,
        cron.cron,
        cron.timezone,
        _moment(cron.next_at),
        str(cron.fired),
        "" if cron.last is None else _told(cron.last),
    )


def _told(last: "scheduler.Firing") -> str:
    """What became of a time, in few words."""
    if last.error is not None:
        return f"could not begin: {last.error}"
    if last.skipped:
        return "skipped: the one before was at work"
    late = "" if last.late is None else f", {last.late:.0f} s late"
    return f"{last.state_id}{late}"


def _moment(at: str | None) -> str:
    return "never" if at is None else at.replace("T", " ")


@cron.command("remove")
def remove(name: Annotated[str, typer.Argument(metavar="NAME", help="The schedule.")], as_json: AsJson = False) -> None:
    """End a schedule. What it has begun goes on."""
    from agiwo_protocol import scheduler

    from agiwod.cli.talk import talk

    params = scheduler.CronParams(cron_id=name)
    removed = talk(lambda client: client.call(scheduler.REMOVE_CRON, params))
    print(json.dumps(removed.to_wire()) if as_json else f"{name} begins no more tasks")
