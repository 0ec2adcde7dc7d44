"""The effect of a model call: steering, retries, one streamed answer. Decides nothing about the run."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from agiwo.agent.answer import Answer
from agiwo.durable import StepResult, StepScope
from agiwo.errors import ModelError
from agiwo.llm.base import Model, turn_of_run
from agiwo.loop.history import user_message
from agiwo.loop.items import steering_item
from agiwo.schema.event import RUN_RETRYING, USAGE_UPDATED, NewEvent

STEER = "steer"
"""The topic of messages that join a conversation while it goes on."""

_BACKOFF = (0.5, 8.0)
"""Seconds before the first extra request, and the most they grow to; a quarter of it is left to chance."""

_LONGEST_RETRY_AFTER = 120.0
"""A provider that asks for more patience than this is not asked again by this step."""


class ModelStep:
    """Asks an agent's model, as often as its `retries` allow."""

    def __init__(self, model: Model, system_prompt: str, tools: Sequence[Mapping[str, Any]]) -> None:
        self._model, self._tools = model, list(tools)
        self._system = [{"role": "system", "content": system_prompt}] if system_prompt else []

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        """The model's answer to the conversation in `arg`, and to what was steered in meanwhile."""
        steering: list[dict[str, Any]] = []
        events: list[NewEvent] = []
        requests = 0
        while True:
            for message in scope.drain(STEER):
                item = f"{scope.run.id}.{arg['turn']}.steering{len(steering)}"
                events.append(steering_item(item, message.data["content"]))
                steering.append({"id": message.id, "content": message.data["content"]})
            requests += 1
            try:
                answer = await self._request(scope, arg, steering, arg["request"] + requests - 1)
                break
            except ModelError as error:
                await self._wait_to_retry(scope, error, requests)
        value = answer.value(steering, requests)
        value["more"] = not value["toolCalls"] and not scope.close(STEER)
        return StepResult(value, [*events, *answer.items()])

    async def _request(
        self, scope: StepScope, arg: Mapping[str, Any], steering: Sequence[Mapping[str, Any]], number: int
    ) -> Answer:
        answer = Answer(scope, arg["turn"])
        said = [user_message(each["content"]) for each in steering]
        messages = [*self._system, *arg["messages"], *said]
        tools = self._tools if arg["tools"] and self._tools else None
        turn_of_run.set(number)
        async with aclosing(self._model.arun_stream(messages, tools)) as chunks:
            async for chunk in chunks:
                answer.take(chunk)
        scope.notice(USAGE_UPDATED, answer.usage.to_json())
        return answer

    async def _wait_to_retry(self, scope: StepScope, error: ModelError, requests: int) -> None:
        """Say that there will be another request and wait for its time; raise the error when there will be none."""
        if not error.retryable or requests > self._model.retries or (error.retry_after or 0) > _LONGEST_RETRY_AFTER:
            raise error
        delay = min(_BACKOFF[0] * 2 ** (requests - 1), _BACKOFF[1]) * random.uniform(0.75, 1)
        if error.retry_after is not None:
            delay = error.retry_after
        data = {"attempt": requests + 1, "delay": round(delay, 3), "reason": str(error), "kind": error.kind}
        await scope.record(NewEvent(RUN_RETRYING, data))
        await asyncio.sleep(delay)
