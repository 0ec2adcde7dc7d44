"""The durable context of the embedded engine: every operation, over one execution. Starts no run by itself."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import orjson

from agiwo.durable import STEP, STEP_FAILED, Effect, Message, Program, RunView, WaitMode, digest
from agiwo.engine.ending import Ending
from agiwo.engine.execution import Execution
from agiwo.engine.operation import OUTCOME_UNKNOWN, SPAWN, STEP_INTENT, Operation, failure
from agiwo.engine.scope import Scope
from agiwo.engine.stopwatch import WAIT_INTENT, WAIT_OUTCOME
from agiwo.errors import AgiwoError, EffectFailed, ModelError
from agiwo.schema.event import RUN_SLEEPING, NewEvent
from agiwo.schema.record import Entry
from agiwo.schema.run import RunResult, RunSpec, RunStatus

log = logging.getLogger(__name__)

Spawn = Callable[[Execution, Operation, RunSpec], Awaitable[None]]
"""Creates the child run and the operation's record in one commit."""


class Context:
    """The `DurableContext` of one run in this process."""

    def __init__(self, execution: Execution, program: Program, spawn: Spawn) -> None:
        self._execution, self._program, self._spawn = execution, program, spawn

    @property
    def run(self) -> RunView:
        """The run."""
        return self._execution.view

    def emit(self, key: str, event: NewEvent) -> None:
        """Have a durable event committed together with whatever this run commits next."""
        self._execution.emit(key, event)

    async def step(self, key: str, effect: str, arg: Any, *, once: bool = False) -> Any:
        """Run an effect and record it, or return what is recorded."""
        run_effect = self._program.effects[effect]

        async def body(operation: Operation) -> None:
            async with self._execution.slot.working():
                if not once or await self._intend(operation):
                    await self._run_effect(operation, run_effect, arg)

        return await self._execution.operate(key, digest(effect, arg), body)

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
            check_storable([value, *(event.data for event in result.events)])
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
            scope.finish_streams()
        events = [execution.entry(event) for event in result.events]
        await execution.record(operation, STEP, {"value": value}, *events)

    async def _fail(self, operation: Operation, scope: Scope, error: BaseException) -> None:
        execution = self._execution
        if operation.settled:
            return
        scope.finish_streams()
        items = [execution.feed.items[id].snapshot() for id in operation.items if id in execution.feed.items]
        failed = as_failure(error, items)
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

    async def wait(
        self, key: str, ids: Sequence[str], mode: WaitMode = "all", timeout: float | None = None
    ) -> Mapping[str, RunResult | None]:
        """Wait for runs to end, or `timeout` seconds; without ids it is a timer."""

        async def body(operation: Operation) -> None:
            async with self._waiting(operation, timeout) as deadline:
                with self._counting(operation, ids):
                    value = await self._ends(ids, mode, deadline)
                await self._execution.record(operation, WAIT_OUTCOME, {"value": value})

        value = await self._execution.operate(key, digest("wait", [list(ids), mode, timeout]), body)
        return {id: result and RunResult.from_json(result) for id, result in value.items()}

    @contextmanager
    def _counting(self, operation: Operation, ids: Sequence[str]) -> Generator[None]:
        """Count the time that children take, as long as this run does nothing but wait for them; asleep it does not."""
        execution = self._execution
        with ExitStack() as links:
            if execution.keyed[f"{operation.key}@"].data["status"] == RunStatus.WAITING:
                operation.awaited = [id for id in ids if id in execution.children]
                for id in operation.awaited:
                    links.enter_context(execution.children[id].stopwatch.linked(execution.stopwatch))
            yield

    async def _ends(self, ids: Sequence[str], mode: WaitMode, deadline: float | None) -> dict[str, Any]:
        """How the runs ended once all or any of them have, or at the deadline; None for those still going."""
        endings = {id: Ending(self._execution.storage.journal, id) for id in ids}
        try:
            await asyncio.gather(*(ending.look() for ending in endings.values()))
            needed = 1 if mode == "any" else len(endings)
            await self._until([ending.over for ending in endings.values()], needed, deadline)
            return {
                id: (await ending.result()).to_json() if ending.over.done() else None for id, ending in endings.items()
            }
        finally:
            for ending in endings.values():
                ending.close()

    async def receive(
        self, key: str, topic: str, match: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Message | None:
        """The oldest message for `topic` that matches, or None after `timeout` seconds."""

        async def body(operation: Operation) -> None:
            async with self._waiting(operation, timeout) as deadline:
                message = await self._next_message(operation, topic, match, deadline)
                value = message and {"id": message.id, "topic": topic, "data": dict(message.data), "at": message.at}
                await self._execution.record(operation, WAIT_OUTCOME, {"value": value})

        value = await self._execution.operate(key, digest("receive", [topic, match and dict(match), timeout]), body)
        return Message(**value) if value else None

    async def _next_message(
        self, operation: Operation, topic: str, match: Mapping[str, Any] | None, deadline: float | None
    ) -> Message | None:
        mail = asyncio.create_task(self._mail(operation, topic, match))
        try:
            await self._until([mail], 1, deadline)
            return mail.result() if mail.done() else None
        finally:
            mail.cancel()

    async def _mail(self, operation: Operation, topic: str, match: Mapping[str, Any] | None) -> Message:
        while not (messages := self._execution.mail.waiting(topic, match)):
            await self._execution.mail.news()
        self._execution.mail.take(operation, messages[0])
        return messages[0]

    @asynccontextmanager
    async def _waiting(self, operation: Operation, timeout: float | None) -> AsyncGenerator[float | None]:
        """Give up the run's slot meanwhile; gives the deadline, recorded before the first moment of the wait."""
        self._execution.slot.begin_wait(operation)
        try:
            yield await self._deadline(operation, timeout)
        finally:
            self._execution.slot.end_wait(operation)

    async def _deadline(self, operation: Operation, timeout: float | None) -> float | None:
        execution, key = self._execution, f"{operation.key}@"
        if record := execution.keyed.get(key):
            await execution.commit(status=RunStatus(record.data["status"]))
            return record.data["deadline"]
        now = execution.clock.now()
        deadline = None if timeout is None else now + timeout
        status = RunStatus.SLEEPING if execution.is_emitting(RUN_SLEEPING) else RunStatus.WAITING
        intent = {"deadline": deadline, "status": str(status)}
        await execution.commit(Entry(WAIT_INTENT, intent, now, key, public=False), status=status)
        return deadline

    async def _until(self, futures: Sequence[asyncio.Future[Any]], needed: int, deadline: float | None) -> None:
        """Return when so many of the futures are done, or at the deadline."""
        enough: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done = 0

        def count(future: asyncio.Future[Any]) -> None:
            nonlocal done
            done += 1
            if done == needed:
                _settle(enough)

        for future in futures:
            future.add_done_callback(count)
        timer = deadline is not None and self._execution.clock.call_at(deadline, lambda: _settle(enough))
        try:
            await enough
        finally:
            if timer:
                timer.cancel()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


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
        return EffectFailed(error.kind, str(error), retryable=error.retryable, detail={**error.detail, **detail})
    if isinstance(error, ModelError):
        detail |= {"provider": error.provider, "httpStatus": error.status}
        if error.retry_after is not None:
            detail["retryAfter"] = error.retry_after
        return EffectFailed(error.kind, str(error), retryable=error.retryable, detail=detail)
    if isinstance(error, AgiwoError):
        return EffectFailed(type(error).__name__, str(error), retryable=error.retryable, detail=detail)
    return EffectFailed("internal", f"{type(error).__name__}: {error}", detail=detail)
