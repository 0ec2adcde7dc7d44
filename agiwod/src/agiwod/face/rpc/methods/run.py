"""run/…: start runs, follow, steer and end them."""

from dataclasses import replace

from agiwo.schema.hosted import HostedTool
from agiwo_protocol import run
from agiwo_protocol.contract import Empty

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import Answer, methods
from agiwod.face.rpc.methods.content import content
from agiwod.face.rpc.methods.paging import cut
from agiwod.runtime.meant import run_meant
from agiwod.runtime.runs import Ask, Started


@methods.on(run.START)
async def start_run(connection: Connection, params: run.StartParams) -> run.StartResult | Answer[run.StartResult]:
    """Start a run and answer at once; its events come after the answer."""
    if params.attach:
        connection.fanout.check_room()
    bind = connection.bound.add if params.on_disconnect == "cancel" else None
    hosted = [HostedTool(tool) for tool in connection.tools]
    ask = replace(_ask(params), hosted=hosted, project=(await connection.place()).project)
    started = await connection.daemon.runs.start(ask, bind)
    return _begun(connection, started, attach=params.attach)


@methods.on(run.REPLAY)
async def replay_run(connection: Connection, params: run.ReplayParams) -> run.StartResult | Answer[run.StartResult]:
    """Do a finished run once more, and answer at once; the new run's events come after the answer."""
    if params.attach:
        connection.fanout.check_room()
    started = await connection.daemon.replays.start(params.run_id, model=params.model, start=params.from_seq)
    return _begun(connection, started, attach=params.attach)


def _begun(connection: Connection, started: Started, *, attach: bool) -> run.StartResult | Answer[run.StartResult]:
    result = encode.start_result(started)
    connection.started(started.head.run)
    if not attach or connection.fanout.follows(started.head.run):
        return result
    return Answer(result, lambda: connection.fanout.adopt(started.cursor))


@methods.on(run.WAIT)
async def wait_for_run(connection: Connection, params: run.WaitParams) -> run.Run:
    """The run once it has ended. Cancelling the request ends the waiting only."""
    timeout = None if params.timeout_ms is None else params.timeout_ms / 1000
    async with connection.telling(params.run_id, params.progress_token):
        return encode.run_object(await connection.daemon.runs.wait(params.run_id, timeout))


@methods.on(run.STEER)
async def steer_run(connection: Connection, params: run.SteerParams) -> Empty:
    """Tell a run something that its next model call includes."""
    await connection.daemon.runs.steer(params.run_id, content(params.input))
    return Empty()


@methods.on(run.CANCEL)
async def cancel_run(connection: Connection, params: run.CancelParams) -> run.CancelResult:
    """Ask a run to end."""
    accepted, head = await connection.daemon.runs.cancel(params.run_id, params.reason or "", params.scope)
    return run.CancelResult(accepted=accepted, status=encode.status(head.status))


@methods.on(run.RESUME)
async def resume_run(connection: Connection, params: run.RunParams) -> run.ResumeResult:
    """Try a suspended run again."""
    accepted, head = await connection.daemon.runs.resume(params.run_id)
    return run.ResumeResult(accepted=accepted, status=encode.status(head.status))


@methods.on(run.ATTACH)
async def attach_run(connection: Connection, params: run.AttachParams) -> Answer[run.AttachResult]:
    """Follow a run, and with scope `tree` those below it; the answer comes first."""
    is_tree = params.scope == "tree"
    attachment = await connection.fanout.attach(params.run_id, params.after, is_tree=is_tree)
    head = attachment.heads[0]
    result = run.AttachResult(
        run_id=head.run,
        head_seq=head.head,
        status=encode.status(head.status),
        heads={each.run: each.head for each in attachment.heads} if is_tree else None,
    )
    return Answer(result, attachment.go)


@methods.on(run.DETACH)
async def detach_run(connection: Connection, params: run.RunParams) -> Empty:
    """Stop following a run, and what is followed because of it."""
    if not connection.detach(params.run_id):
        await connection.daemon.runs.head(params.run_id)
    return Empty()


@methods.on(run.GET)
async def get_run(connection: Connection, params: run.RunParams) -> run.Run:
    """The run as it stands."""
    return encode.run_object(await connection.daemon.runs.get(params.run_id))


@methods.on(run.LIST)
async def list_runs(connection: Connection, params: run.ListParams) -> run.ListResult:
    """Runs, newest first."""
    found = await connection.daemon.runs.list(
        session=params.session_id,
        agent=params.agent_id,
        parent=params.parent_run_id,
        statuses=encode.statuses(params.statuses),
        before=params.cursor,
        limit=params.limit + 1,
    )
    shown, cursor = cut(found, params, lambda each: each.head.run)
    return run.ListResult(runs=[encode.run_object(each) for each in shown], next_cursor=cursor)


@methods.on(run.FIND)
async def find_run(connection: Connection, params: run.FindParams) -> run.FindResult:
    """Which run is meant."""
    return run.FindResult(run_id=await run_meant(connection.daemon.journal, params.id))


@methods.on(run.EVENTS)
async def read_events(connection: Connection, params: run.EventsParams) -> run.EventsResult:
    """A page of a run's durable events."""
    events, head = await connection.daemon.runs.page(params.run_id, params.after, params.limit)
    shown = [run.RunEvent.model_validate(encode.run_event(event), by_alias=True) for event in events]
    return run.EventsResult(events=shown, head_seq=head.head)


def _ask(params: run.StartParams) -> Ask:
    return Ask(
        agent=params.agent,
        input=content(params.input),
        session=params.session_id,
        key=params.idempotency_key,
        model=params.model,
        output_schema=params.output_schema,
        budget=params.budget.model_dump(by_alias=False, exclude_none=True) if params.budget else {},
        traceparent=params.traceparent,
    )
