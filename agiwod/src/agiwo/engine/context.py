"""The durable context of the embedded engine: every operation, over one execution. Starts no run by itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from agiwo.durable import STEP, STEP_FAILED, Effect, Message, Program, RunView, Waited, WaitMode, digest
from agiwo.engine.execution import Execution
from agiwo.engine.operation import OUTCOME_UNKNOWN, SPAWN, STEP_INTENT, Operation, failure
from agiwo.engine.scope import Scope
from agiwo.engine.waiting import Waiting
from agiwo.errors import AgiwoError, EffectFailed, ModelError
from agiwo.schema.event import NewEvent
from agiwo.schema.record import Entry
from agiwo.schema.run import RunResult, RunSpec
from agiwo.schema.text import words_of

log = logging.getLogger(__name__)

Spawn = Callable[[Execution, Operation, RunSpec], Awaitable[None]]
"""Creates the child run and the operation's record in one commit."""


class Context:
    """The `DurableContext` of one run in this process."""

    def __init__(self, execution: Execution, program: Program, spawn: Spawn) -> None:
        self._execution, self._program, self._spawn = execution, program, spawn
        self._waiting = Waiting(execution)

    @property
    def run(self) -> RunView:
        """The run."""
        return self._execution.view

    def emit(self, key: str, event: NewEvent) -> None:
        """Have a durable event committed together with whatever this run commits next."""
        self._execution.emit(key, event)

    async def step(self, key: str, effect: str, arg: Any, *, once: bool = False) -> Any:
        """Run an effect and record it, or return what is recorded."""
        run_effect = self.effect(effect, once=once)

        async def body(operation: Operation) -> None:
            async with self._execution.slot.working():
                if not once or await self._intend(operation):
                    await self._run_effect(operation, run_effect, arg)

        return await self._execution.operate(key, digest(effect, arg), body)

    def effect(self, name: str, *, once: bool) -> Effect:
        """What runs the effect of that name; `once` when it must not run twice."""
        return self._program.effects[name]

    async def _intend(self, operation: Operation) -> bool:
        """Record the intent; False, and a recorded failure, when an earlier process did so and never came back."""
        key = f"{operation.key}@"
        if key not in self._execution.keyed:
            entry = Entry(STEP_INTENT, {"digest": operation.digest}, self._execution.clock.now(), key, public=False)
            await self._execution.commit(entry)
            return not operation.settled
        lost = EffectFailed(
            OUTCOME_UNKNOWN, "the process ended while this was under way; whether it took effect is unknown"
        )
        await self._execution.record(operation, STEP_FAILED, {"error": failure(lost)})
        return False

    async def _run_effect(self, operation: Operation, effect: Effect, arg: Any) -> None:
        execution, scope = self._execution, Scope(self._execution, operation)
        try:
            result = await effect(scope, arg)
            value = execution.redactor.data(result.value)
            told = [await execution.shortened(event) for event in result.events]
            check_storable([value, *(event.data for event in told)])
        except Exception as error:
            await self._fail(operation, scope, error)
            return
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            await self._fail(operation, scope, RuntimeError("the effect cancelled itself"))
            return
        if not operation.settled:
            scope.streaming.finish()
        at = execution.clock.now()
        events = [Entry(event.type, event.data, at, public=True, item=event.item) for event in told]
        await execution.record(operation, STEP, {"value": value}, *events)

    async def _fail(self, operation: Operation, scope: Scope, error: BaseException) -> None:
        execution = self._execution
        if operation.settled:
            return
        scope.streaming.finish()
        failed = as_failure(error, scope.streaming.snapshots())
        if failed.kind == "internal":
            log.error("%s: step %s failed", execution.id, operation.key, exc_info=error)
        execution.mail.put_back(operation)
        data = execution.redactor.data(failure(failed))
        await execution.record(operation, STEP_FAILED, {"error": data})

    async def spawn(self, key: str, spec: RunSpec) -> str:
        """Start a child run in one commit with the record that it was started."""

        async def body(operation: Operation) -> None:
            await self._spawn(self._execution, operation, spec)

        return await self._execution.operate(key, digest(SPAWN, spec.to_json()), body)

    async def wait(self, key: str, ids: Sequence[str], mode: WaitMode = "all", timeout: float | None = None) -> Waited:
        """Wait for runs to end, or `timeout` seconds; without ids it is a timer."""

        async def body(operation: Operation) -> None:
            await self._waiting.for_runs(operation, ids, mode, timeout)

        value = await self._execution.operate(key, digest("wait", [list(ids), mode, timeout]), body)
        results = {id: result and RunResult.from_json(result) for id, result in value.items()}
        return Waited(results, self._execution.keyed[key].data.get("late", 0.0))

    async def receive(
        self, key: str, topic: str, match: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Message | None:
        """The oldest message for `topic` that matches, or None after `timeout` seconds."""

        async def body(operation: Operation) -> None:
            await self._waiting.for_mail(operation, topic, match, timeout)

        value = await self._execution.operate(key, digest("receive", [topic, match and dict(match), timeout]), body)
        return Message(**value) if value else None


def check_storable(value: Any) -> None:
    """Nothing, when JSON can hold the value.

    Raises:
        EffectFailed: it cannot; kind `not_storable`.
    """
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise EffectFailed("not_storable", f"the result cannot be stored as JSON: {error}") from None


def as_failure(error: BaseException, items: Sequence[Mapping[str, Any]] = ()) -> EffectFailed:
    """The failure that is recorded for what an effect raised; its detail holds the items that stood open."""
    detail: dict[str, Any] = {"items": list(items)} if items else {}
    if isinstance(error, EffectFailed):
        return EffectFailed(error.kind, words_of(error), retryable=error.retryable, detail={**error.detail, **detail})
    if isinstance(error, ModelError):
        detail |= {"provider": error.provider, "httpStatus": error.status}
        if error.retry_after is not None:
            detail["retryAfter"] = error.retry_after
        return EffectFailed(error.kind, words_of(error), retryable=error.retryable, detail=detail)
    if isinstance(error, AgiwoError):
        return EffectFailed(type(error).__name__, words_of(error), retryable=error.retryable, detail=detail)
    return EffectFailed("internal", f"{type(error).__name__}: {words_of(error)}", detail=detail)
