"""daemon/… and rpc/discover: how the daemon is, how it ends, what it speaks."""

import asyncio
from typing import Final, Literal

from agiwo.schema.run import RunStatus
from agiwo_protocol import daemon
from agiwo_protocol.contract import Empty
from agiwo_protocol.schema import open_rpc
from agiwo_protocol.version import PROTOCOL_VERSION

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import Answer, methods
from agiwod.face.rpc.encode_activity import active_run
from agiwod.face.rpc.moment import moment
from agiwod.runtime.daemon import Daemon, State

_CLIENTS: Final = 200
"""Clients that are told of beside the runs; `client/list` has all."""


@methods.on(daemon.STATUS)
async def tell_status(connection: Connection, params: Empty) -> daemon.Status:
    """How the daemon is."""
    own = connection.daemon
    counts = await _counts(own)  # first, since it may find the store in trouble
    return daemon.Status(
        state=_state(own),
        id=own.id,
        pid=own.pid,
        version=own.facts.version,
        protocol_version=PROTOCOL_VERSION,
        uptime_seconds=round(own.clock.now() - own.started_at, 3),
        started_at=moment(own.started_at),
        socket=own.facts.socket,
        tcp=own.facts.tcp,
        http=own.facts.http,
        token_file=own.facts.token_file,
        data_dir=own.facts.data_dir,
        storage=_storage(own),
        config=_config(own),
        telemetry=_telemetry(own),
        clients=len(own.clients),
        runs=counts,
        load=_load(own),
    )


def _load(own: Daemon) -> daemon.Load:
    traffic, bounds = own.traffic, own.traffic.bounds
    return daemon.Load(
        connections=traffic.connections,
        max_connections=bounds.connections,
        requests=traffic.requests,
        max_requests=bounds.requests,
        queued_bytes=traffic.queued_bytes,
        max_queued_bytes=bounds.queued_bytes,
        runs_at_hand=own.engine.going,
        max_runs=bounds.runs,
        tasks=len(asyncio.all_tasks()),
    )


def _state(own: Daemon) -> Literal["ready", "draining", "degraded"]:
    if own.state in (State.DRAINING, State.STOPPED):
        return "draining"
    return "degraded" if own.state == State.DEGRADED else "ready"


def _storage(own: Daemon) -> daemon.Storage:
    trouble = own.engine.storage.trouble
    return daemon.Storage(
        kind=own.facts.storage,
        id=own.journal.epoch,
        state="ok" if trouble is None else "failed",
        durability=own.facts.durability,
        error=trouble,
    )


def _config(own: Daemon) -> daemon.Config:
    config = own.config
    return daemon.Config(
        state="ok" if config.error is None else "failed",
        read_at=moment(config.read_at),
        error=config.error,
        after_restart=list(config.after_restart),
    )


def _telemetry(own: Daemon) -> daemon.Telemetry | None:
    if own.export is None:
        return None
    counts, state = own.export.counts, "failing" if own.export.is_failing else "ok"
    return daemon.Telemetry(state=state, sent=counts.sent, dropped=counts.dropped, refused=counts.refused)


async def _counts(own: Daemon) -> daemon.RunCounts:
    counts = await own.count_runs()
    return daemon.RunCounts(
        queued=counts[RunStatus.QUEUED],
        running=counts[RunStatus.RUNNING] + counts[RunStatus.CANCELLING],
        waiting=counts[RunStatus.WAITING],
        sleeping=counts[RunStatus.SLEEPING],
        suspended=counts[RunStatus.SUSPENDED],
    )


@methods.on(daemon.ACTIVITY)
async def tell_activity(connection: Connection, params: daemon.ActivityParams) -> daemon.Activity:
    """What goes on at this moment."""
    own = connection.daemon
    look, now = await own.activity.look(params.limit), own.clock.now()
    return daemon.Activity(
        at=moment(now),
        state=_state(own),
        version=own.facts.version,
        uptime_seconds=round(now - own.started_at, 3),
        input_tokens=look.input_tokens,
        output_tokens=look.output_tokens,
        cost_usd=look.cost_usd,
        counts=await _counts(own),
        runs=[active_run(each, now) for each in look.runs],
        omitted=look.omitted,
        clients=[encode.client_object(each) for each in own.clients.list()[:_CLIENTS]],
    )


@methods.on(daemon.DRAIN)
async def drain(connection: Connection, params: daemon.DrainParams) -> daemon.DrainResult:
    """Take no new runs."""
    return daemon.DrainResult(deadline_at=moment(connection.daemon.drain(params.seconds)))


@methods.on(daemon.STOP)
async def stop(connection: Connection, params: daemon.DrainParams) -> Answer[daemon.DrainResult]:
    """Drain, then end; not before the answer is on its way."""
    deadline = connection.daemon.drain(params.seconds)
    result = daemon.DrainResult(deadline_at=moment(deadline))
    return Answer(result, lambda: _end(connection.daemon, params.seconds))


def _end(own: Daemon, seconds: float | None) -> None:
    own.stop(seconds)


@methods.on(daemon.DISCOVER)
async def discover(connection: Connection, params: Empty) -> daemon.OpenRpc:
    """This protocol as an OpenRPC document."""
    return daemon.OpenRpc.model_validate(open_rpc())
