"""The steps of a run under way: each is an activity, done by any worker. Records nothing."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityHandle, ChildWorkflowHandle

from agiwo.durable import StepResult
from agiwo.engine.execution import Execution
from agiwo.engine.feed import OpenItem
from agiwo.engine.operation import OUTCOME_UNKNOWN
from agiwo.engine.pasts import BASE
from agiwo.engine.temporal.coding import decode, encode
from agiwo.engine.temporal.names import EFFECT, ENDLESS, HEARTBEAT
from agiwo.errors import EffectFailed
from agiwo.schema.event import NewEvent

_LOST = "the worker was lost while this was under way; whether it took effect is unknown"

_AGAIN = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=10))
"""When a worker is lost: another one does the step again, as often as that happens. What fails is not tried again."""

_ONCE = RetryPolicy(maximum_attempts=1)


class Steps:
    """Has effects run as activities."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._going: dict[str, ActivityHandle[bytes]] = {}
        self._attempts: dict[str, int] = {}
        self.is_long = False

    def is_under_way(self, key: str) -> bool:
        """Whether a worker has this step."""
        return key in self._going

    def is_new_attempt(self, key: str, attempt: int) -> bool:
        """Whether this is the first that is heard of this attempt, and there was an earlier one."""
        before = self._attempts.get(key, 1)
        self._attempts[key] = max(before, attempt)
        return attempt > before

    async def run(self, key: str, effect: str, arg: Any, *, once: bool) -> StepResult:
        """Run an effect on some worker.

        Raises:
            EffectFailed: it failed; or it must not run twice, and its worker was lost.
        """
        await self._leave_behind(key)
        execution = self._execution
        base = execution.keyed.get(BASE)
        call = {
            "run": execution.id,
            "spec": execution.spec.to_json(),
            "key": key,
            "effect": effect,
            "arg": arg,
            "attempt": execution.attempt,
            "point": base and base.data["point"],
        }
        self._going[key] = handle = workflow.start_activity(
            EFFECT,
            encode(call),
            start_to_close_timeout=ENDLESS,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=_ONCE if once else _AGAIN,
            result_type=bytes,
        )
        try:
            done = decode(await handle)
        except ActivityError as error:
            raise EffectFailed(OUTCOME_UNKNOWN, _LOST) from error
        finally:
            self._going.pop(key, None)
        return await self._result(key, done)

    async def _leave_behind(self, key: str) -> None:
        """Wait, before a step that is alone, when the history has become long: the workflow is to begin anew."""
        execution = self._execution
        is_alone = list(execution.operations) == [key] and execution.interruptions.latest is None
        if is_alone and workflow.info().is_continue_as_new_suggested():
            self.is_long = True
            await workflow.wait_condition(lambda: not self.is_long)

    def go_on(self) -> None:
        """Let the step be done after all."""
        self.is_long = False

    async def _result(self, key: str, done: Any) -> StepResult:
        self._execution.attempt += done["attempts"]
        if (items := done.get("stopped")) is not None:
            self._leave_open(key, items)
            await asyncio.Event().wait()  # for the interruption, which ends the operation
        if error := done.get("error"):
            raise EffectFailed(error["kind"], error["message"], retryable=error["retryable"], detail=error["detail"])
        return StepResult(done["value"], [NewEvent(**event) for event in done["events"]])

    def _leave_open(self, key: str, items: Sequence[Any]) -> None:
        """Have the items as the step left them, for the record of what the interruption cut off."""
        operation = self._execution.operations[key]
        for item in items:
            kinds, texts = list(item["streams"]), list(item["streams"].values())
            there = OpenItem(item["id"], item["kind"], item["data"], 1, 0.0, texts, kinds)
            self._execution.feed.items[item["id"]] = there
            operation.items.append(item["id"])

    async def stopped(self, seconds: float, others: Sequence[ChildWorkflowHandle[Any, Any]]) -> None:
        """Return when the steps under way and the others are over, or after so many seconds."""
        waiting = [*self._going.values(), *others]
        if waiting:
            await workflow.wait(waiting, timeout=seconds)
        for handle in self._going.values():
            handle.cancel()
