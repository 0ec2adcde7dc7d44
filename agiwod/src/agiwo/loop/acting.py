"""The tool calls of one answer: in which order they run, and what the model is told of each. Asks no model.

Keys, for the i-th call of a turn: `{turn}.{i}/before` for the hook, `{turn}.{i}/run` for what the call gave; `approval`
names its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from agiwo.durable import DurableContext
from agiwo.errors import EffectFailed, Interrupted
from agiwo.loop.approval import permit
from agiwo.loop.budget import Left, Purse
from agiwo.loop.delegation import delegate
from agiwo.loop.history import CUT_OFF, failed_call_text
from agiwo.loop.hooks import BEFORE_TOOL_CALL
from agiwo.loop.hosting import ask_host
from agiwo.loop.items import tool_call_item
from agiwo.loop.plan import Carried, Delegate, Hosted, Plan, Sleep, Spawn
from agiwo.loop.scheduling import Children
from agiwo.tool.order import plan_batch

Call = Mapping[str, Any]
"""A call as the model's answer holds it: `id`, `name`, `arguments` (text)."""

Result = Mapping[str, Any]
"""What a call gave: `content` for the model, and perhaps a `termination` reason."""


class Batch:
    """The calls of one answer. `stop` is set when the run was interrupted before all of them had a result.

    Agents behind the calls draw from `purse`, and join the `children` when they work on their own. `allowed` is
    what somebody allowed for the session; what is allowed in this answer joins it once all have run.
    """

    def __init__(
        self,
        ctx: DurableContext,
        plan: Plan,
        turn: int,
        calls: Sequence[Call],
        purse: Purse,
        children: Children,
        allowed: set[str] | None = None,
    ) -> None:
        self._ctx, self._plan, self._turn, self._purse, self._children = ctx, plan, turn, purse, children
        # In a replay the answers are there at once, so what one call is asked must not hang on another's answer.
        self._share: Left = {}
        self._going = children.going()
        self._allowed, self._newly_allowed = set[str]() if allowed is None else allowed, set[str]()
        self._calls = list(calls)
        self._results: dict[int, Result] = {}
        self._over = [asyncio.Event() for _ in calls]
        self.stop: Interrupted | None = None

    async def run(self) -> list[Result]:
        """Run the calls, and give a result of each, in their order, whatever happens."""
        if BEFORE_TOOL_CALL in self._plan.hooks:
            for index in range(len(self._calls)):
                await self._run_together([index], self._ask_hook)
        for group in plan_batch([self._plan.tools.get(call["name"]) for call in self._calls]):
            waiting = [index for index in group if index not in self._results and not self._sleeps(index)]
            self._share = self._purse.share(sum(map(self._draws, waiting)))
            await self._run_together(waiting, self._run_call)
        self._children.join(f"{self._turn}.{index}" for index in range(len(self._calls)))
        # Last, so that no other call waits for the end of a sleep, and each sleep knows all that were spawned.
        for index in range(len(self._calls)):
            if self._sleeps(index) and index not in self._results:
                await self._run_together([index], self._run_call)
        self._allowed |= self._newly_allowed
        return [self._results.get(index) or self._cut_off(index) for index in range(len(self._calls))]

    def _sleeps(self, index: int) -> bool:
        return isinstance(self._plan.carried.get(self._calls[index]["name"]), Sleep)

    def _draws(self, index: int) -> bool:
        """Whether there is an agent behind the call, who works out of the purse."""
        return isinstance(self._plan.carried.get(self._calls[index]["name"]), Delegate | Spawn)

    async def _run_together(self, group: Sequence[int], work: Callable[[int], Awaitable[Result | None]]) -> None:
        if self.stop:
            return
        if len(group) == 1:
            found = [await _caught(work(group[0]))]  # a task of its own would only take time
        else:
            found = await asyncio.gather(*map(work, group), return_exceptions=True)
        for index, result in zip(group, found, strict=True):
            if isinstance(result, Interrupted):
                self.stop = self.stop or result
            elif isinstance(result, BaseException):
                raise result
            elif result is not None:
                self._results[index] = result

    async def _ask_hook(self, index: int) -> Result | None:
        """Take the arguments that a hook gives instead; a hook that raises is what the call gave."""
        key, call = f"{self._turn}.{index}", self._calls[index]
        try:
            arguments = await self._ctx.step(f"{key}/before", "before_tool_call", dict(call))
        except EffectFailed as error:
            return await self._tell(index, f"Error: {error}")
        if arguments is not None:
            self._calls[index] = {**call, "arguments": arguments}
        return None

    async def _run_call(self, index: int) -> Result:
        """Run one call, and let those know that wait for it."""
        try:
            return await self._call(index)
        except Interrupted as stop:
            self.stop = self.stop or stop
            raise
        finally:
            self._over[index].set()

    async def _call(self, index: int) -> Result:
        """Run one call; a call whose step failed gives the model an error."""
        key = f"{self._turn}.{index}"
        try:
            permission = await permit(self._ctx, self._plan, key, self._calls[index], frozenset(self._allowed))
            call = self._calls[index] = permission.call
            if permission.refusal is not None:
                return await self._tell(index, f"Error: {permission.refusal}")
            if permission.for_session is not None:
                self._newly_allowed.add(permission.for_session)
            if carried := self._plan.carried.get(call["name"]):
                return await self._carry_out(index, carried)
            asked = {} if permission.approval is None else {"approval": permission.approval}
            tool = self._plan.tools.get(call["name"])
            once = tool is not None and tool.effect == "once"
            return await self._ctx.step(f"{key}/run", "tool", {"item": key, **call, **asked}, once=once)
        except EffectFailed as error:
            content = failed_call_text(error.kind, str(error))
            self._complete(index, content)
            return {"content": content, "isError": True}

    async def _carry_out(self, index: int, carried: Carried) -> Result:
        """Do what the call asks for; what the model is told of it is recorded as what the call gave."""
        key, call, milliseconds = f"{self._turn}.{index}", self._calls[index], 0
        try:
            if isinstance(carried, Delegate):
                target, purse, share = carried, self._purse, self._share
                output, milliseconds = await delegate(self._ctx, self._plan, key, call, target, purse, share)
            elif isinstance(carried, Spawn):
                beside = await self._beside(index, carried)
                output = await self._children.spawn(key, call, carried, self._share, beside)
            elif isinstance(carried, Hosted):
                output, milliseconds = await ask_host(self._ctx, key, call, carried)
            else:
                output = await self._children.sleep(key, call, carried)
        except EffectFailed as error:
            output = {"content": f"Error: {error}", "isError": True}
        told = {"item": key, "call": dict(call), "output": dict(output), "durationMs": milliseconds}
        return await self._ctx.step(f"{key}/run", "told", told)

    async def _beside(self, index: int, spawn: Spawn) -> Mapping[str, Any]:
        """The agents that are at work beside the one that this call starts.

        Where the limit is near, the calls before it come first: those that started nobody do not count.
        """
        before = [i for i in range(index) if i not in self._results and self._spawns(i)]
        if len(self._going) + len(before) >= spawn.limits.max_children_per_agent:
            for each in before:
                await self._over[each].wait()
            if self.stop:
                raise self.stop
            before = [each for each in before if self._children.has_started(f"{self._turn}.{each}")]
        return {"going": self._going, "starting": len(before)}

    def _spawns(self, index: int) -> bool:
        return isinstance(self._plan.carried.get(self._calls[index]["name"]), Spawn)

    async def _tell(self, index: int, content: str) -> Result:
        """Have it recorded as what the call gave."""
        key = f"{self._turn}.{index}"
        told = {"item": key, "call": dict(self._calls[index]), "output": {"content": content, "isError": True}}
        return await self._ctx.step(f"{key}/run", "told", told)

    def _cut_off(self, index: int) -> Result:
        """Close a call that has no result, because the run is interrupted."""
        self._complete(index, CUT_OFF)
        return {"content": CUT_OFF, "isError": True}

    def _complete(self, index: int, content: str) -> None:
        key = f"{self._turn}.{index}"
        item = tool_call_item(f"{self._ctx.run.id}.{key}", self._calls[index], {"content": content, "isError": True})
        self._ctx.emit(f"{key}/closed", item)


async def _caught(work: Awaitable[Result | None]) -> Result | Exception | None:
    try:
        return await work
    except Exception as error:
        return error
