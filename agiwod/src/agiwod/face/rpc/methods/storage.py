"""storage/…: how much is kept, and what may go."""

from agiwo.journal.pruning import Retention, prune, pruned
from agiwo_protocol import storage
from agiwo_protocol.contract import Empty

from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods


@methods.on(storage.GET)
async def measure(connection: Connection, params: Empty) -> storage.Measure:
    """How much is kept."""
    found = await connection.daemon.journal.measure()
    return storage.Measure(
        kind=connection.daemon.facts.storage,
        runs=dict(found.runs),
        records=found.records,
        sessions=found.sessions,
        states=found.states,
        blobs=found.blobs,
        bytes=found.bytes,
    )


@methods.on(storage.PRUNE)
async def prune_store(connection: Connection, params: storage.PruneParams) -> storage.PruneResult:
    """Forget what is not kept; or find out what that would be."""
    look, own = pruned if params.dry_run else prune, connection.daemon
    gone = await look(own.journal, Retention(params.keep_days, params.keep_runs), own.clock.now())
    return storage.PruneResult(runs=gone.runs, sessions=gone.sessions, blobs=gone.blobs)
