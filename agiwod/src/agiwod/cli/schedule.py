"""`agiwod schedule`: agents that take long. Submit them, give them tasks, look at their trees, wait for them."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from agiwod.cli.ask import default_agent, read_text
from agiwod.cli.cron import cron
from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson, show_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agiwo_client import Client, Run, State
    from agiwo_protocol import run, scheduler

schedule = typer.Typer(help="Agents that take long: submit them, look at their trees, end them.", no_args_is_help=True)
schedule.add_typer(cron, name="cron")

_TASK = Annotated[str, typer.Argument(metavar="TASK", help="What to do; - reads it from stdin.")]
_STATE = Annotated[str, typer.Argument(metavar="STATE", help="The id that `submit` printed.")]
_WAIT = Annotated[bool, typer.Option("--wait", help="Wait for the task, and print its answer.")]
_FOLLOW = Annotated[bool, typer.Option("--follow", help="Watch the answer come. Ctrl-C cancels; twice leaves.")]

_LONGEST_TASK = 40
"""Characters of a task in the list."""


@schedule.command("submit")
def submit(
    task: _TASK,
    agent: Annotated[str | None, typer.Option(help="Who does it; without it, the default agent.")] = None,
    id: Annotated[
        str | None, typer.Option("--id", metavar="STATE", help="What to call it; else it gets a name.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="The conversation to go on with.")] = None,
    persistent: Annotated[bool, typer.Option("--persistent", help="Let it take other tasks when it is done.")] = False,
    wait: _WAIT = False,
    follow: _FOLLOW = False,
    as_json: AsJson = False,
) -> None:
    """Have an agent work on a task. It goes on in the daemon, may start other agents, and outlives a restart."""
    text = read_text(task)

    async def begin(client: "Client") -> "State":
        named = agent or await default_agent(client)
        return await client.submit(named, text, persistent=persistent, state_id=id, session_id=session)

    _carry_out(begin, wait=wait, follow=follow, as_json=as_json)


@schedule.command("task")
def give_task(
    state_id: _STATE, task: _TASK, wait: _WAIT = False, follow: _FOLLOW = False, as_json: AsJson = False
) -> None:
    """Give a persistent agent its next task."""
    text = read_text(task)

    async def begin(client: "Client") -> "State":
        state = await client.state(state_id)
        await state.submit_task(text)
        return state

    _carry_out(begin, wait=wait, follow=follow, as_json=as_json)


def _carry_out(begin: "Callable[[Client], Awaitable[State]]", *, wait: bool, follow: bool, as_json: bool) -> None:
    """Submit, and then show what is asked for: the state's id, the answer, or all that is said until then."""
    from agiwod.cli.talk import talk

    if wait and follow:
        raise CommandFailed("--wait and --follow are two things", hint="choose one", code=ExitCode.USAGE)
    if follow:
        raise typer.Exit(_follow(begin, as_json=as_json))
    if wait:
        raise typer.Exit(_await(begin, as_json=as_json))
    state = talk(begin)
    print(json.dumps({"stateId": state.id, "runId": state.run_id}) if as_json else state.id)


def _follow(begin: "Callable[[Client], Awaitable[State]]", *, as_json: bool) -> ExitCode:
    from agiwod.cli.follow import watch

    async def attach(client: "Client") -> "Run":
        state = await begin(client)
        return await client.attach(state.run_id or "")

    return watch(attach, as_json=as_json)


@schedule.command("wait")
def wait_for(
    state_id: _STATE,
    task: Annotated[str | None, typer.Option(metavar="RUN", help="Which task; else the one given last.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.001, metavar="SECONDS", help="How long at most.")] = None,
    as_json: AsJson = False,
) -> None:
    """Wait until a task is done, and print its answer. Ctrl-C ends the waiting only."""

    async def find(client: "Client") -> "State":
        return await client.state(state_id)

    raise typer.Exit(_await(find, task, timeout, as_json=as_json))


def _await(
    find: "Callable[[Client], Awaitable[State]]",
    task: str | None = None,
    timeout: float | None = None,
    *,
    as_json: bool,
) -> ExitCode:
    from agiwod.cli.talk import talk

    async def waiting(client: "Client") -> "run.Run":
        return await (await find(client)).wait(task, timeout)

    ended = talk(waiting)
    if as_json:
        print(json.dumps(ended.to_wire()))
    elif ended.status == "completed":
        print(ended.response or "")
    return _exit_code(ended, as_json=as_json)


def _exit_code(ended: "run.Run", *, as_json: bool) -> ExitCode:
    if ended.status == "completed":
        return ExitCode.OK
    why = ended.error.message if ended.error else "it was cancelled"
    if as_json:
        return ExitCode.FAILED
    raise CommandFailed(f"the task has no answer: {why}", hint=f"agiwod runs show {ended.run_id}")


@schedule.command("list")
def list_states(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    roots: Annotated[bool, typer.Option("--roots", help="Only those that no other agent has started.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the scheduled agents, newest first."""
    from agiwo_protocol import scheduler

    head = ("state", "agent", "status", "created", "tokens", "task")
    params = scheduler.ListParams(limit=limit, roots=roots)
    show_answer(scheduler.LIST, params, head, lambda found: map(_row, found.states), as_json=as_json)


def _row(state: "scheduler.State") -> tuple[str, ...]:
    task = " ".join(state.task.split())
    shown = task if len(task) <= _LONGEST_TASK else f"{task[: _LONGEST_TASK - 1]}…"
    return state.state_id, state.agent_id, state.status, state.created_at[:19], str(state.tokens), shown


@schedule.command("tree")
def show_tree(
    state_id: Annotated[
        str | None, typer.Argument(metavar="STATE", help="Whose tree; else those of all that have not ended.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with what changes, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which agents work for which: how each stands, what it waits for, how long it takes and what it used."""
    from agiwod.cli.live_tree import follow_tree, show_once
    from agiwod.cli.talk import talk

    if watch:
        talk(lambda client: follow_tree(client, state_id, as_json=as_json), is_looking_on=True)
    else:
        talk(lambda client: show_once(client, state_id, as_json=as_json))


@schedule.command("cancel")
def cancel(
    state_id: _STATE,
    reason: Annotated[str, typer.Option(help="Why.")] = "cancelled in the terminal",
    as_json: AsJson = False,
) -> None:
    """End an agent and all below it, for good."""
    from agiwo_protocol import scheduler

    from agiwod.cli.talk import talk

    params = scheduler.CancelParams(state_id=state_id, reason=reason)
    result = talk(lambda client: client.call(scheduler.CANCEL, params))
    _tell_end(state_id, result, "was asked to end", as_json=as_json)


@schedule.command("shutdown")
def shut_down(state_id: _STATE, as_json: AsJson = False) -> None:
    """Let an agent and those below it sum up, and end."""
    from agiwo_protocol import scheduler

    from agiwod.cli.talk import talk

    params = scheduler.StateParams(state_id=state_id)
    result = talk(lambda client: client.call(scheduler.SHUTDOWN, params))
    _tell_end(state_id, result, "was asked to sum up and end", as_json=as_json)


def _tell_end(state_id: str, result: "scheduler.EndResult", what: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result.to_wire()))
    else:
        print(f"{state_id} {what}" if result.accepted else f"{state_id} has ended before: {result.status}")
