"""What the runtime has as what the wire says. The only place that translates; it decides nothing."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from agiwo.engine.approvals import Resolution
from agiwo.mcp.state import ServerState
from agiwo.schema.approval import Approval as OpenApproval
from agiwo.schema.event import RUN_COMPLETED, Event
from agiwo.schema.record import Record
from agiwo.schema.record import Session as EngineSession
from agiwo.schema.run import RunStatus, Usage
from agiwo.skill.check import Checked
from agiwo.skill.finding import Finding, Severity
from agiwo.skill.registry import Skipped
from agiwo.skill.skill import SkillContent
from agiwo.tool.catalog import Fault
from agiwo_protocol import agent, approval, client, jsonrpc, mcp, model, run, session, skill, tool
from agiwo_protocol.item import Usage as WireUsage

from agiwod.face.rpc.moment import moment
from agiwod.runtime.agents import Registered
from agiwod.runtime.clients import Client
from agiwod.runtime.events import DaemonEvent
from agiwod.runtime.models import KnownModel
from agiwod.runtime.runs import RunState, Started
from agiwod.runtime.tools import KnownTool

_CACHE = 4 * 2**20
"""Bytes of encoded events kept for the next reader of the same run."""

_OURS = "agiwo"
"""Who adds a tool that comes with us."""

_STATUSES: Mapping[RunStatus, run.RunStatus] = {
    RunStatus.QUEUED: "queued",
    RunStatus.RUNNING: "running",
    RunStatus.WAITING: "waiting",
    RunStatus.SLEEPING: "sleeping",
    RunStatus.SUSPENDED: "suspended",
    RunStatus.CANCELLING: "running",  # to a client it has not ended yet, and that is all it can act on
    RunStatus.COMPLETED: "completed",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame that is kept with its event, told apart from what another face may keep there."""

    frame: bytes


class Frames:
    """Events as whole messages, each encoded once for all its readers.

    The durable ones that were read longest ago go first when it is too much; the others live as long as their event.
    """

    def __init__(self, limit: int = _CACHE) -> None:
        self._limit = limit
        self._size = 0
        self._frames: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def of(self, event: Event) -> bytes:
        """The `run/event` notification that tells this event."""
        if event.seq is None:
            return _of_shared(event)
        place = (event.run, event.seq)
        frame = self._frames.get(place)
        if frame is not None:
            self._frames.move_to_end(place)
            return frame
        frame = self._frames[place] = _encoded(event)
        self._size += len(frame)
        while self._size > self._limit:
            self._size -= len(self._frames.popitem(last=False)[1])
        return frame


def _of_shared(event: Event) -> bytes:
    """The frame of an event that its readers share, which lives as long as the event does."""
    if not isinstance(event.form, _Kept):
        event.form = _Kept(_encoded(event))
    return event.form.frame


def _encoded(event: Event) -> bytes:
    # What a store had as JSON goes out as it is; only the end of a run may have to be looked at.
    if event.raw is None or event.type == RUN_COMPLETED:
        return jsonrpc.notification(run.EVENT.name, run_event(event))
    return jsonrpc.notification(run.EVENT.name, _params(event, orjson.Fragment(event.raw)))


def run_event(event: Event) -> dict[str, Any]:
    """An event as the params of `run/event`."""
    return _params(event, _told(event))


def _told(event: Event) -> Mapping[str, Any]:
    is_silent = event.type == RUN_COMPLETED and event.data.get("response") is None
    return {**event.data, "response": ""} if is_silent else event.data


def _params(event: Event, data: object) -> dict[str, Any]:
    params: dict[str, Any] = {"runId": event.run, "at": moment(event.at), "type": event.type}
    if event.seq is not None:
        params["seq"] = event.seq
    else:
        params["after"] = event.after
    if event.item is not None:
        params["itemId"] = event.item
    params["data"] = data
    return params


def daemon_event(event: DaemonEvent) -> dict[str, Any]:
    """An event of the daemon as the params of `daemon/event`."""
    return {
        "seq": event.seq,
        "at": moment(event.at),
        "topic": event.topic,
        "type": event.type,
        "data": event.data,
    }


def status(value: RunStatus) -> run.RunStatus:
    """Where a run stands, in the words of the wire."""
    return _STATUSES[value]


def statuses(values: list[run.RunStatus] | None) -> frozenset[RunStatus] | None:
    """The engine's statuses that the wire's words mean."""
    return None if values is None else frozenset(own for own, word in _STATUSES.items() if word in values)


def usage(value: Usage) -> WireUsage:
    """Tokens and cost."""
    return WireUsage.model_validate(value.to_json(), by_alias=True)


def run_object(state: RunState) -> run.Run:
    """A run as it stands."""
    head, result = state.head, state.result
    common = run.Run(
        run_id=head.run,
        session_id=head.session,
        agent_id=head.agent,
        model=state.model,
        status=status(head.status),
        usage=WireUsage(),
        head_seq=head.head,
        parent_run_id=head.parent,
        created_at=moment(head.created_at),
        started_at=None if state.started_at is None else moment(state.started_at),
        ended_at=None if state.ended_at is None else moment(state.ended_at),
    )
    if result is None:
        return common
    ending = {
        "response": result.response,
        "output": result.output,
        "error": run.Failure.model_validate(result.error) if result.error else None,
        "termination_reason": str(result.termination) if result.termination else None,
        "usage": usage(result.usage),
    }
    return common.model_copy(update=ending)


def start_result(started: Started) -> run.StartResult:
    """The acknowledgement of a run."""
    head = started.head
    return run.StartResult(
        run_id=head.run,
        session_id=head.session,
        status=status(head.status),
        head_seq=head.head,
        deduplicated=started.is_duplicate,
        tools_left_out=list(started.left_out) or None,
    )


def session_object(value: EngineSession) -> session.Session:
    """A session."""
    return session.Session(
        session_id=value.id,
        agent_id=value.agent,
        created_at=moment(value.created_at),
        updated_at=moment(value.updated_at),
        head=value.head.run if value.head else None,
        head_seq=value.head.seq if value.head else None,
        forked_from=value.forked_from.run if value.forked_from else None,
    )


def approval_object(value: OpenApproval) -> approval.Approval:
    """A call that waits for somebody's word."""
    asked = {**value.requested().data, "runId": value.run, "itemId": value.item, "createdAt": moment(value.created_at)}
    return approval.Approval.model_validate(asked, by_alias=True)


def resolution(value: Resolution) -> approval.RespondResult:
    """How a question ended."""
    status = "resolved" if value.is_ours else "already_resolved"
    return approval.RespondResult(status=status, outcome=value.outcome, by=value.by or None)


def history_item(record: Record) -> session.HistoryItem:
    """A completed item and its place."""
    return session.HistoryItem(
        run_id=record.run,
        seq=record.seq or 0,
        item_id=record.item,
        at=moment(record.at),
        item=dict(record.data),
    )


def agent_object(value: Registered, *, is_whole: bool) -> agent.Agent:
    """An agent; the system prompt only of a whole one. With which tool it reads its skills goes without saying."""
    plan, skills = value.agent.plan(), value.agent.skills
    return agent.Agent(
        agent_id=value.agent.id,
        description=value.agent.description,
        model=plan.model,
        tools=[name for name in plan.tools if skills is None or name != skills.tool.name],
        skills=[each.name for each in plan.skills],
        source=value.source,
        max_steps=plan.limits.max_steps,
        system_prompt=plan.system_prompt if is_whole else None,
    )


def model_object(value: KnownModel) -> model.Model:
    """A model."""
    return model.Model(
        name=value.name, provider=value.provider, id=value.id, available=value.is_available, reason=value.reason
    )


def tool_object(value: KnownTool) -> tool.Tool:
    """A tool."""
    definition = value.definition
    return tool.Tool(
        name=definition.name,
        description=definition.description,
        effect=definition.effect,
        asks=value.asks,
        source=value.package or _OURS,
        model_name=value.model_name,
    )


def mcp_server(value: ServerState) -> mcp.Server:
    """A foreign server."""
    return mcp.Server(
        name=value.server.name,
        transport=value.server.transport,
        status=value.status,
        since=moment(value.since),
        tools=[tool.full_name for tool in value.tools],
        restarts=value.restarts,
        error=value.error,
        again_at=None if value.again_at is None else moment(value.again_at),
        pid=value.pid,
        title=value.title or None,
        protocol_version=value.protocol,
    )


def tool_fault(value: Fault) -> tool.Fault:
    """A tool that cannot be used."""
    return tool.Fault(name=value.name, source=value.package or _OURS, message=value.message)


def skill_object(value: SkillContent) -> skill.Skill:
    """A skill, as who uses it should see it."""
    return skill.Skill(
        name=value.name,
        description=value.metadata.description,
        path=str(value.path),
        source=value.source,
        version=value.version,
        diagnostics=[diagnostic(each, each.severity) for each in value.findings],
    )


def skill_detail(value: SkillContent, files: Sequence[str]) -> skill.SkillDetail:
    """All of a skill but what is in its files."""
    own = value.metadata
    return skill.SkillDetail(
        **dict(skill_object(value)),
        body=value.body,
        resources=list(files),
        license=own.license,
        compatibility=own.compatibility,
        metadata=dict(own.metadata),
    )


def skipped(value: Skipped) -> skill.Skipped:
    """What is no skill."""
    return skill.Skipped(path=str(value.path), reason=value.reason, line=value.line)


def validated(value: Checked) -> skill.Validated:
    """What its author should hear of a skill."""
    told = [diagnostic(each, each.strict_severity) for each in value.findings]
    return skill.Validated(path=str(value.path), name=value.name, diagnostics=told)


def diagnostic(value: Finding, severity: Severity) -> skill.Diagnostic:
    """Something that is to be said of a skill."""
    return skill.Diagnostic(severity=severity, message=value.message, line=value.line)


def client_object(value: Client) -> client.Client:
    """Who is connected."""
    return client.Client(
        connection_id=value.id,
        name=value.name,
        title=value.title,
        version=value.version,
        connected_at=moment(value.connected_at),
        runs=list(value.runs()),
        pid=value.pid,
        uid=value.uid,
        lag=value.lag(),
    )
