"""The agent loop: ask the model, run the tools it calls, repeat until it answers or has to stop. Pure decisions.

Keys: `{turn}/llm` for a model call, `{turn}/pause` for a pause that its provider wants, `summary/llm` for the last
words of a run that had to stop, `{turn}/output` and `summary/output` for whether an answer has the form that is wanted;
`opening`, `acting` and `compaction` name theirs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from agiwo.durable import DurableContext, Outcome
from agiwo.errors import OUTPUT_INVALID, EffectFailed, Interrupted
from agiwo.loop.acting import Batch
from agiwo.loop.approval import allowed_before
from agiwo.loop.budget import EXHAUSTED, Purse
from agiwo.loop.compaction import Compaction, is_too_long
from agiwo.loop.history import assistant_message, tool_message, user_message
from agiwo.loop.items import closed_item
from agiwo.loop.opening import Opening
from agiwo.loop.plan import Plan
from agiwo.loop.scheduling import Children
from agiwo.schema.event import RUN_SLEEPING, RUN_WOKEN, NewEvent
from agiwo.schema.run import RunStatus, TerminationReason, Usage

LOOP_VERSION = "1"
"""Changes whenever the loop asks for other steps than before in the same situation."""

_PAUSES = 20
"""How often a run sleeps because its provider wants it to; who always wants another pause will not answer."""

_CORRECTIONS = 2
"""How often an answer is asked for again because it does not fit; who cannot do it by then will not."""

_LONG = 120.0, 86_400.0
"""Seconds of a pause through which a run sleeps: shorter ones are the model step's, longer ones nobody's."""

_OWN = frozenset({"items", "lost", "requests"})
"""What the failure of a model call tells the loop, and nobody else."""

_REASONS = {
    TerminationReason.COMPLETED: "you are shut down",
    TerminationReason.MAX_STEPS: "the limit of model calls for this run is reached",
    TerminationReason.TIMEOUT: "the time for this run is over",
    TerminationReason.MAX_TOKENS: "the limit of output tokens for this run is reached",
    TerminationReason.BUDGET_EXHAUSTED: "the budget of this run is used up",
}

_IN_FORM = "\n\nGive that last answer in the form that was asked for."


class AgentLoop:
    """One run of an agent, from the user's input to the last word."""

    def __init__(self, ctx: DurableContext, plan: Plan) -> None:
        self._ctx, self._plan = ctx, plan
        self._turn = self._pauses = 0
        self._requests: int = 0
        self._steps = self._output_tokens = 0
        self._purse = Purse(plan)
        self._children = Children(ctx, self._purse)
        self._counts = Counter[str]()
        self._response: str | None = None
        self._output: Any = None
        self._corrections = 0
        self._allowed = allowed_before(ctx.run.past)
        self._compaction = Compaction(ctx, plan.context_tokens, self._purse)
        self._opening = Opening(ctx, plan)
        self._messages = self._opening.messages

    async def run(self) -> Outcome:
        """Run to the end. Whatever stops the run, each item that it began is completed."""
        try:
            await self._opening.run()
            return await self._within_budget()
        except EffectFailed as error:
            return self._failed(error)
        except Interrupted as stop:
            # Its traceback holds the frames that hold it: only a collection of garbage would free all of the run.
            return await self._interrupted(stop.with_traceback(None))

    async def _within_budget(self) -> Outcome:
        """Go on for as long as the budget pays for it; without anything to show for it then, the run has failed."""
        try:
            return await self._think_and_act()
        except EffectFailed as error:
            if error.kind != EXHAUSTED or not self._counts["steps"]:
                raise
            outcome = await self._summarise(TerminationReason.BUDGET_EXHAUSTED)
            return outcome if outcome.response else self._failed(error)

    async def _think_and_act(self) -> Outcome:
        while (limit := self._limit()) is None:
            answer = await self._answer()
            if answer["toolCalls"]:
                termination = await self._act(answer["toolCalls"])
                if termination:
                    return self._outcome(RunStatus.COMPLETED, TerminationReason(termination))
            elif not answer["more"] and await self._concludes(answer):
                return self._outcome(RunStatus.COMPLETED, TerminationReason.COMPLETED)
            self._turn += 1
        return await self._summarise(limit)

    async def _interrupted(self, stop: Interrupted) -> Outcome:
        """End a cancelled run; let one that is out of time or shut down say its last word, if that comes in time."""
        if stop.cause == "cancel":
            return self._outcome(RunStatus.CANCELLED, TerminationReason.CANCELLED, reason=stop.reason)
        try:
            is_late = stop.cause == "timeout"
            return await self._summarise(TerminationReason.TIMEOUT if is_late else TerminationReason.COMPLETED)
        except Interrupted as cancel:
            return self._outcome(RunStatus.CANCELLED, TerminationReason.CANCELLED, reason=cancel.reason)

    def _limit(self) -> TerminationReason | None:
        """The limit that forbids the next turn."""
        if self._steps >= self._plan.limits.max_steps:
            return TerminationReason.MAX_STEPS
        if self._steps and self._output_tokens >= self._plan.limits.max_output_tokens:
            return TerminationReason.MAX_TOKENS
        return None

    # Thinking

    async def _answer(self) -> Mapping[str, Any]:
        """The model's answer. While its provider wants a long pause the run sleeps, and then it is a new turn."""
        if self._compaction.is_due(self._messages):
            try:
                await self._make_room()
            except EffectFailed:  # the model may still take it as it is
                self._requests += 1
        while True:
            try:
                return await self._ask(f"{self._turn}/llm", tools=True)
            except EffectFailed as error:
                if not is_too_long(error):
                    await self._sleep_through(error)
                    self._steps = self._output_tokens = 0
                self._requests += 1
                self._turn, self._pauses = self._turn + 1, self._pauses + 1
                if is_too_long(error) and not await self._make_room():
                    raise

    async def _make_room(self) -> bool:
        """Let a summary take the place of the older part of the conversation; False when that is no help."""
        shorter = await self._compaction.make_room(self._turn, self._messages, self._requests)
        if shorter is None:
            return False
        self._messages = shorter
        self._requests += self._compaction.requests
        return True

    async def _sleep_through(self, error: EffectFailed) -> None:
        """Sleep as long as the provider wants; raise the error when there is nothing to wait for."""
        shortest, longest = _LONG
        seconds: float = error.detail.get("retryAfter", 0)
        if not error.retryable or not shortest < seconds <= longest or self._pauses >= _PAUSES:
            raise error
        key = f"{self._turn}/pause"
        self._ctx.emit(f"{key}/begun", NewEvent(RUN_SLEEPING, {"seconds": round(seconds, 3), "reason": str(error)}))
        waited = await self._ctx.wait(key, [], timeout=seconds)
        late = {"late": waited.late} if waited.late else {}
        self._ctx.emit(f"{key}/over", NewEvent(RUN_WOKEN, {"by": "timer", **late}))

    async def _ask(self, key: str, *, tools: bool) -> Mapping[str, Any]:
        """Make a model call and take its answer into the conversation."""
        name = key.partition("/")[0]
        request: dict[str, Any] = {"messages": self._messages.copy(), "tools": tools}
        request |= {"turn": name, "request": self._requests}
        if terms := self._purse.terms(self._messages, is_last=not tools):
            request["budget"] = terms
        try:
            answer: Mapping[str, Any] = await self._ctx.step(key, "model", request)
        except Interrupted as stop:
            self._requests += 1
            self._purse.interrupted(self._messages, stop.items)
            self._close(key, stop.items, stop.cause)
            raise
        except EffectFailed as error:
            self._purse.failed(error.detail)
            self._close(key, error.detail.get("items", ()), "error")
            raise
        self._requests += answer["requests"]
        self._counts["steps"] += 1
        self._steps += 1
        self._output_tokens += answer["usage"]["outputTokens"]
        self._response = answer["text"] or self._response
        self._messages.extend(user_message(steering["content"]) for steering in answer["steering"])
        self._messages.append(assistant_message(answer))
        self._compaction.learn(self._messages, Usage.from_json(answer["usage"]))
        self._purse.answered(answer, len(self._messages))
        return answer

    async def _summarise(self, reason: TerminationReason) -> Outcome:
        """Let the model say its last word, without tools; without one the run ends with what was said last."""
        limits = self._plan.limits
        if limits.summary:
            text = limits.prompt.replace("{reason}", _REASONS[reason]).replace("%s", _REASONS[reason])
            self._messages.append(user_message(text + _IN_FORM if self._plan.output else text))
            try:
                with suppress(EffectFailed):
                    await self._check("summary", await self._ask("summary/llm", tools=False))
            except Interrupted as stop:
                if stop.cause == "cancel":
                    raise
        return self._outcome(RunStatus.COMPLETED, reason)

    # Concluding

    async def _concludes(self, answer: Mapping[str, Any]) -> bool:
        """Whether this answer is the last one. One that does not fit is asked for again, within the run's limits.

        Raises:
            EffectFailed: it does not fit, and the model is asked no more.
        """
        checked = await self._check(str(self._turn), answer)
        if "fault" not in checked:
            return not checked["more"]
        limit = self._limit()
        if checked.get("isFinal"):
            self._turn += 1
            raise EffectFailed(OUTPUT_INVALID, checked["fault"])
        if limit or self._corrections == _CORRECTIONS:
            why = _REASONS[limit] if limit else f"it was asked for again {_CORRECTIONS} times"
            self._turn += 1  # what was answered is an answer, though not the one that was wanted
            raise EffectFailed(OUTPUT_INVALID, f"{checked['fault']}\nThe model is not asked again: {why}.")
        self._corrections += 1
        self._messages.append(user_message(checked["correction"]))
        return False

    async def _check(self, turn: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Whether an answer has the form that is wanted: its `value`, or its `fault` and the `correction`."""
        if self._plan.output is None:
            return {"more": False}
        asked = {"text": answer["text"], "finishReason": answer["finishReason"]}
        checked = await self._ctx.step(f"{turn}/output", "output", asked)
        self._output = checked.get("value", self._output)
        return checked

    # Acting

    async def _act(self, calls: Sequence[Mapping[str, Any]]) -> str | None:
        """Run the calls of one answer; the termination reason that one of them asks for, if any."""
        wakes = self._children.wakes
        batch = Batch(self._ctx, self._plan, self._turn, calls, self._purse, self._children, self._allowed)
        results = await batch.run()
        if self._children.wakes > wakes:
            self._steps = self._output_tokens = 0
        self._counts["toolCalls"] += len(results)
        self._counts["toolErrors"] += sum(1 for result in results if result.get("isError"))
        self._messages.extend(
            tool_message(call["id"], result["content"]) for call, result in zip(calls, results, strict=True)
        )
        if batch.stop:
            raise batch.stop
        return next((result["termination"] for result in results if result.get("termination")), None)

    # Ending

    def _close(self, key: str, items: Sequence[Mapping[str, Any]], cause: str) -> None:
        """Complete the items of a model call that did not end, with what was said so far."""
        for number, item in enumerate(items):
            self._ctx.emit(f"{key}/closed{number}", closed_item(item, cause))

    def _failed(self, error: EffectFailed) -> Outcome:
        reason = TerminationReason.ERROR_WITH_CONTEXT if self._turn > self._pauses else TerminationReason.ERROR
        if error.kind == EXHAUSTED:
            reason = TerminationReason.BUDGET_EXHAUSTED
        fault = {"kind": error.kind, "message": str(error), "retryable": error.retryable}
        fault |= {name: value for name, value in error.detail.items() if name not in _OWN and value is not None}
        return self._outcome(RunStatus.FAILED, reason, error=fault)

    def _outcome(
        self,
        status: RunStatus,
        termination: TerminationReason,
        *,
        error: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> Outcome:
        counts = {**self._counts, "requests": self._purse.calls}
        return Outcome(status, self._response, self._output, termination, self._purse.spent, error, reason, counts)
