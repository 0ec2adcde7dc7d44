"""The questions of an engine's runs whether a tool call may run: which are open, and answering one. Asks nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agiwo.durable import SPEC
from agiwo.engine.serving import ServingEngine
from agiwo.errors import Conflict, NotFound
from agiwo.loop.plan import Plan
from agiwo.schema.approval import TOPIC, Answer, Approval, Outcome, run_of
from agiwo.schema.event import APPROVAL_REQUESTED, APPROVAL_RESOLVED, CHILD_FINISHED, CHILD_SPAWNED
from agiwo.schema.record import Record
from agiwo.schema.run import RunSpec
from agiwo.tool.arguments import ArgumentSchema


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a question ended, and whose answer it was; `is_ours` when it was the one just given."""

    outcome: Outcome
    by: str
    is_ours: bool


def question_in(record: Record) -> Approval:
    """What an `approval/requested` record asks."""
    return Approval.from_event(record.run, record.item or "", record.data, record.at)


def open_in(records: Sequence[Record]) -> dict[str, Approval]:
    """The questions of one run's records that nobody has answered, by id, oldest first."""
    found: dict[str, Approval] = {}
    for record in records:
        if record.type == APPROVAL_REQUESTED:
            found[record.data["approvalId"]] = question_in(record)
        elif record.type == APPROVAL_RESOLVED:
            found.pop(record.data["approvalId"], None)
    return found


async def open_below(engine: ServingEngine, run: str) -> list[Approval]:
    """The open questions of a run and of those below it, oldest first.

    Raises:
        NotFound: there is no such run.
    """
    if (await engine.head(run)).status.is_terminal:
        return []
    records = await engine.journal.load(run)
    found = list(open_in(records).values())
    below = {record.data["runId"]: record.type for record in records if record.type in (CHILD_SPAWNED, CHILD_FINISHED)}
    for child, last in below.items():
        found += await open_below(engine, child) if last == CHILD_SPAWNED else ()
    return sorted(found, key=lambda each: each.created_at)


async def respond(engine: ServingEngine, id: str, answer: Answer) -> Resolution:
    """Answer a question, unless it has been answered; how it ended either way.

    Raises:
        NotFound: no such question was asked.
        ToolError: the tool does not take the arguments of the answer; nothing was answered.
        StorageError: the store refuses.
    """
    records = await engine.journal.load(run_of(id))
    approval = _asked(id, records)
    if approval is None:
        raise NotFound("approval", id)
    if answer.arguments is not None:
        _check(approval.name, answer.arguments, records)
    try:
        event = approval.resolved(answer.option, by=answer.by, reason=answer.reason)
        said = {"approvalId": id, **answer.to_json()}
        if await engine.send_first(approval.run, id, TOPIC, said, event):
            return Resolution(answer.option, answer.by, is_ours=True)
    except Conflict:
        pass  # its run has ended
    return _resolution(id, await engine.journal.load(approval.run))


def _asked(id: str, records: Sequence[Record]) -> Approval | None:
    asked = (record for record in records if record.type == APPROVAL_REQUESTED and record.data["approvalId"] == id)
    return next(map(question_in, asked), None)


def _check(tool: str, arguments: Mapping[str, Any], records: Sequence[Record]) -> None:
    """Hold arguments against the tool's schema: who gives them should hear what is wrong, and not the model."""
    spec = next(RunSpec.from_json(record.data["spec"]) for record in records if record.type == SPEC)
    definition = Plan.from_json(spec.plan).tools.get(tool)
    if definition is not None:
        ArgumentSchema(tool, definition.parameters).check(dict(arguments))


def _resolution(id: str, records: Sequence[Record]) -> Resolution:
    for record in records:
        if record.type == APPROVAL_RESOLVED and record.data["approvalId"] == id:
            return Resolution(record.data["outcome"], record.data.get("by", ""), is_ours=False)
    return Resolution("cancelled", "", is_ours=False)
