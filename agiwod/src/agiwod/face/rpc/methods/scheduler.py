"""scheduler/…: agents that take long, the tasks that they are given, and the times at which some begin."""

from agiwo_protocol import run, scheduler
from agiwo_protocol.contract import Page

from agiwod.face.rpc import encode, encode_states
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.content import content
from agiwod.face.rpc.methods.paging import cut
from agiwod.runtime.scheduled import Order


@methods.on(scheduler.SUBMIT)
async def submit(connection: Connection, params: scheduler.SubmitParams) -> scheduler.SubmitResult:
    """Have an agent work on a task, and answer at once."""
    order = Order(
        agent=params.agent,
        input=content(params.input),
        persistent=params.persistent,
        state=params.state_id,
        session=params.session_id,
        key=params.idempotency_key,
    )
    return encode_states.submit_result(await connection.daemon.scheduled.submit(order))


@methods.on(scheduler.SUBMIT_TASK)
async def submit_task(connection: Connection, params: scheduler.SubmitTaskParams) -> scheduler.SubmitResult:
    """Give a persistent agent its next task, and answer at once."""
    given = content(params.input)
    submitted = await connection.daemon.scheduled.submit_task(params.state_id, given, params.idempotency_key)
    return encode_states.submit_result(submitted)


@methods.on(scheduler.WAIT)
async def wait(connection: Connection, params: scheduler.WaitParams) -> run.Run:
    """The task's run once it has ended. Cancelling the request ends the waiting only."""
    timeout = None if params.timeout_ms is None else params.timeout_ms / 1000
    task = await connection.daemon.scheduled.task(params.state_id, params.task_id)
    async with connection.telling(task, params.progress_token):
        return encode.run_object(await connection.daemon.runs.wait(task, timeout))


@methods.on(scheduler.CANCEL)
async def cancel(connection: Connection, params: scheduler.CancelParams) -> scheduler.EndResult:
    """End a state and all below it."""
    accepted, status = await connection.daemon.scheduled.cancel(params.state_id, params.reason or "")
    return scheduler.EndResult(accepted=accepted, status=encode_states.status(status))


@methods.on(scheduler.SHUTDOWN)
async def shutdown(connection: Connection, params: scheduler.StateParams) -> scheduler.EndResult:
    """Let a state and those below it sum up, and end."""
    accepted, status = await connection.daemon.scheduled.shutdown(params.state_id)
    return scheduler.EndResult(accepted=accepted, status=encode_states.status(status))


@methods.on(scheduler.GET)
async def get_state(connection: Connection, params: scheduler.StateParams) -> scheduler.State:
    """The state as it stands."""
    return encode_states.state_object(await connection.daemon.scheduled.get(params.state_id), is_whole=True)


@methods.on(scheduler.LIST)
async def list_states(connection: Connection, params: scheduler.ListParams) -> scheduler.ListResult:
    """States, newest first."""
    found = await connection.daemon.scheduled.list(
        parent=params.parent_state_id,
        agent=params.agent_id,
        statuses=None if params.statuses is None else frozenset(params.statuses),
        roots=params.roots,
        before=params.cursor,
        limit=params.limit + 1,
    )
    shown, cursor = cut(found, params, lambda each: each.state.id)
    states = [encode_states.state_object(each, is_whole=False) for each in shown]
    return scheduler.ListResult(states=states, next_cursor=cursor)


@methods.on(scheduler.TREE)
async def read_tree(connection: Connection, params: scheduler.TreeParams) -> scheduler.TreeResult:
    """A state and all below it."""
    found, has_more = await connection.daemon.scheduled.tree(params.state_id, params.limit)
    states = [encode_states.state_object(each, is_whole=False) for each in found]
    return scheduler.TreeResult(states=states, omitted=has_more)


@methods.on(scheduler.ADD_CRON)
async def add_cron(connection: Connection, params: scheduler.AddCronParams) -> scheduler.Cron:
    """Have an agent begin a task again and again."""
    added = await connection.daemon.crons.add(
        params.agent,
        content(params.input),
        params.cron,
        name=params.cron_id,
        timezone=params.timezone,
        overlap=params.overlap,
    )
    return encode_states.cron_object(added)


@methods.on(scheduler.LIST_CRONS)
async def list_crons(connection: Connection, params: Page) -> scheduler.ListCronsResult:
    """The schedules, newest first."""
    found = await connection.daemon.crons.list(params.cursor, params.limit + 1)
    shown, cursor = cut(found, params, lambda each: each.schedule.name)
    return scheduler.ListCronsResult(crons=[encode_states.cron_object(each) for each in shown], next_cursor=cursor)


@methods.on(scheduler.REMOVE_CRON)
async def remove_cron(connection: Connection, params: scheduler.CronParams) -> scheduler.RemoveCronResult:
    """End a schedule."""
    await connection.daemon.crons.remove(params.cron_id)
    return scheduler.RemoveCronResult(cron_id=params.cron_id)
