"""The beginning of a run: its records before the loop, and what its session said before it. Drives nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from agiwo.durable import SPEC
from agiwo.engine.execution import Execution
from agiwo.engine.pasts import BASE, point_of
from agiwo.engine.redact import Redactor
from agiwo.schema.event import ITEM_COMPLETED, RUN_QUEUED, RUN_RESUMED, RUN_STARTED, NewEvent
from agiwo.schema.past import Past
from agiwo.schema.record import Batch, Entry, Point, Record, RunHead, Session
from agiwo.schema.run import RunSpec, RunStatus


class Sessions(Protocol):
    """What is asked of a journal about sessions."""

    async def session(self, session: str) -> Session | None:
        """As `Journal.session`."""
        ...


class PastOf(Protocol):
    """Knows what sessions have said."""

    async def up_to(self, point: Point | None) -> Past:
        """As `Pasts.up_to`."""
        ...


def new_run(id: str, spec: RunSpec, version: str | None, at: float) -> Batch:
    """What to append for a new run."""
    head = RunHead(id, spec.session, spec.agent, RunStatus.QUEUED, at, at, spec.parent)
    stored = {"spec": spec.to_json(), "version": version}
    told = _about(spec) | ({"traceparent": spec.trace} if spec.trace else {})
    entries = (Entry(RUN_QUEUED, told, at), Entry(SPEC, stored, at, SPEC, public=False))
    return Batch(id, entries, RunStatus.QUEUED, create=head)


def spec_in(records: Sequence[Record]) -> RunSpec:
    """What a run is asked to do, from its records."""
    return RunSpec.from_json(next(record for record in records if record.key == SPEC).data["spec"])


def head_of_sleeper(spec: RunSpec, records: Sequence[Record]) -> RunHead:
    """The index entry of a run that slept when these records were all, as far as they tell it."""
    run, begun, now = records[0].run, records[0].at, records[-1].at
    head = max(record.seq or 0 for record in records)
    return RunHead(run, spec.session, spec.agent, RunStatus.SLEEPING, begun, now, spec.parent, head)


async def start_run(execution: Execution, journal: Sessions, pasts: PastOf) -> None:
    """Record that a run starts, or that it goes on, and give it its session's past.

    A new one may be recorded as started already; one that slept all the while, and is only made again, does not go on
    yet.
    """
    base = execution.keyed.get(BASE)
    is_recorded, execution.is_new = execution.is_new or execution.is_rebuilt, False
    if base and is_recorded:
        execution.view = replace(execution.view, past=await pasts.up_to(point_of(base)))
        return
    execution.status = RunStatus.CANCELLING if execution.interruptions.is_urgent else RunStatus.RUNNING
    if base:
        resumed = NewEvent(RUN_RESUMED, {"agentId": execution.spec.agent})
        await execution.commit(execution.entry(resumed), status=execution.status)
        point = point_of(base)
    else:
        point = await _start_first(execution, journal)
    execution.view = replace(execution.view, past=await pasts.up_to(point))


async def _start_first(execution: Execution, journal: Sessions) -> Point | None:
    spec, at = execution.spec, execution.clock.now()
    session = await journal.session(execution.session) or Session(execution.session, spec.agent, at, at)
    entries = beginning(execution.id, spec, session.head, execution.redactor, at)
    await execution.commit(*entries, status=execution.status, extra=(gone_on(session, execution.id, at),))
    return session.head


def beginning(run: str, spec: RunSpec, point: Point | None, redactor: Redactor, at: float) -> list[Entry]:
    """What is recorded when a run starts whose session stands at that point."""
    started = _about(spec) | ({"parentRunId": spec.parent} if spec.parent else {})
    content = [{"type": "text", "text": spec.input}] if isinstance(spec.input, str) else spec.input
    said = {"kind": "userMessage", "content": content}
    base = {"point": point and {"run": point.run, "seq": point.seq}}
    return [
        Entry(RUN_STARTED, redactor.data(started), at),
        Entry(ITEM_COMPLETED, redactor.data(said), at, item=f"{run}.input"),
        Entry(BASE, base, at, BASE, public=False),
    ]


def gone_on(session: Session, run: str, at: float) -> Session:
    """The session, with its history ending in this run."""
    return replace(session, head=Point(run), updated_at=at)


def _about(spec: RunSpec) -> dict[str, Any]:
    return {"agentId": spec.agent, "sessionId": spec.session, "model": spec.plan.get("model")}
