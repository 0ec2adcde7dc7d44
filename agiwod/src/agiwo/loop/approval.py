"""Whether a tool call may run: what the rules say, and what somebody answers. Runs no call and asks no model.

Keys beside the call's own: `{turn}.{i}/judge` for the rules, `/asked`, `/approval` and `/unanswered` for the question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from agiwo.durable import DurableContext, digest
from agiwo.errors import Interrupted
from agiwo.loop.plan import Plan
from agiwo.schema.approval import TOPIC, Answer, Approval, allowance, approval_id
from agiwo.schema.event import APPROVAL_RESOLVED
from agiwo.schema.past import Past
from agiwo.schema.record import Record

Call = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Permission:
    """What becomes of a call: it runs as `call` says, unless there is a `refusal` for the model to read.

    `approval` is for the step that runs it: that somebody allowed it, and the arguments if they are not the model's.
    `for_session` is what need not be asked about again: a tool as it is now.
    """

    call: Call
    refusal: str | None = None
    approval: Mapping[str, Any] | None = None
    for_session: str | None = None


def allowed_before(past: Past) -> set[str]:
    """What somebody allowed for the whole of the session, in its earlier runs."""
    return set(past.fold(_with_allowed, set[str]))


def _with_allowed(allowed: set[str], records: Sequence[Record]) -> set[str]:
    answers = (record.data for record in records if record.type == APPROVAL_RESOLVED)
    return allowed.union(
        allowance(answer["name"], answer.get("version", ""))
        for answer in answers
        if answer["outcome"] == "allow_session"
    )


async def permit(ctx: DurableContext, plan: Plan, key: str, call: Call, allowed: frozenset[str]) -> Permission:
    """Judge a call, and ask about it if that is needed. `allowed` is what need not be asked about any more."""
    name = call["name"]
    if name not in plan.judged:
        return Permission(call)
    verdict = await ctx.step(f"{key}/judge", "judge", dict(call))
    if verdict["action"] == "allow":
        return Permission(call)
    if verdict["action"] == "deny":
        return Permission(call, f"this call of {name} is not allowed: {verdict['reason'] or 'a rule denies it'}")
    if allowance(name, verdict.get("version", "")) in allowed:
        return Permission(call, approval={})
    if not plan.asks:
        return Permission(call, f"this call of {name} needs somebody's approval, and there is nobody to ask")
    if not verdict["reason"] and any(each.startswith(f"{name}@") for each in allowed):
        verdict = {**verdict, "reason": "it describes itself otherwise than when it was allowed"}
    return await _ask(ctx, plan, key, call, verdict)


async def _ask(ctx: DurableContext, plan: Plan, key: str, call: Call, verdict: Mapping[str, Any]) -> Permission:
    """Wait for somebody's word, without holding a slot and with the run's time standing still."""
    run, arguments = ctx.run.id, verdict["arguments"]
    id = approval_id(run, key, digest(call["name"], arguments))
    version: str = verdict.get("version", "")
    approval = Approval(id, run, f"{run}.{key}", call["name"], arguments, verdict["reason"], version=version)
    ctx.emit(f"{key}/asked", approval.requested())
    try:
        message = await ctx.receive(f"{key}/approval", TOPIC, {"approvalId": id}, plan.approval_timeout)
    except Interrupted:
        ctx.emit(f"{key}/unanswered", approval.resolved("cancelled"))
        raise
    if message is None:
        ctx.emit(f"{key}/unanswered", approval.resolved("expired"))
        return Permission(call, f"this call of {call['name']} needs somebody's approval, and nobody answered in time")
    return _answered(call, Answer.from_json(message.data), allowance(call["name"], version))


def _answered(call: Call, answer: Answer, allowed: str) -> Permission:
    if answer.option == "deny":
        return Permission(call, f"this call of {call['name']} was not allowed: {answer.reason or 'no reason given'}")
    for_session = allowed if answer.option == "allow_session" else None
    if answer.arguments is None:
        return Permission(call, approval={}, for_session=for_session)
    changed = {**call, "arguments": orjson.dumps(answer.arguments).decode()}
    return Permission(changed, approval={"arguments": answer.arguments}, for_session=for_session)
