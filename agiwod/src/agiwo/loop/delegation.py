"""A tool call behind which another agent stands: a child run, started and waited for. Runs no agent itself.

Keys beside the call's own: `{turn}.{i}/child` for what the child is asked to do, `/spawn` and `/wait` for its run.
"""

from collections.abc import Mapping
from typing import Any

from agiwo.durable import DurableContext
from agiwo.loop.budget import Left, Purse
from agiwo.loop.plan import Delegate, Plan
from agiwo.schema.run import RunResult, RunSpec, RunStatus


async def delegate(
    ctx: DurableContext, plan: Plan, key: str, call: Mapping[str, Any], target: Delegate, purse: Purse, share: Left
) -> tuple[Mapping[str, Any], int]:
    """Have the agent behind the call do it with its share of the budget; gives what came of it, and in how many ms.

    Raises:
        EffectFailed: the call asks for nothing that the agent could do.
    """
    if refusal := _refusal(ctx, plan, target, share):
        return {"content": f"Error: {refusal}", "isError": True}, 0
    asked = {**call, "budget": share} if share else dict(call)
    spec = RunSpec.from_json(await ctx.step(f"{key}/child", "child", asked))
    child = await ctx.spawn(f"{key}/spawn", spec)
    with purse.lent(share):
        result = (await ctx.wait(f"{key}/wait", [child]))[child]
    assert result
    purse.told(result)
    return _output(target, result), result.duration_ms


def _refusal(ctx: DurableContext, plan: Plan, target: Delegate, share: Left) -> str | None:
    """Why this agent may not be called from here."""
    above = (*plan.ancestors, ctx.run.spec.agent)
    if target.agent in above:
        way = " -> ".join((*above, target.agent))
        return f"the agent {target.agent!r} is at work above this call already ({way}), so it cannot be called here"
    if ctx.run.spec.depth + 1 > target.max_depth:
        return f"agents may call each other {target.max_depth} levels deep, and that depth is reached"
    if any(value <= 0 for value in share.values()):
        return f"what is left of the budget is too little to ask the agent {target.agent!r}"
    return None


def _output(target: Delegate, result: RunResult) -> dict[str, Any]:
    value = {"runId": result.run, "sessionId": result.session, "agentId": target.agent, "status": str(result.status)}
    if result.status == RunStatus.COMPLETED:
        return {"content": result.response or "", "isError": False, "value": value}
    if result.error:
        why = f"the agent {target.agent!r} failed: {result.error['message']}"
    else:
        why = f"the agent {target.agent!r} was cancelled: {result.reason}"
    return {"content": f"Error: {why}", "isError": True, "value": value}
