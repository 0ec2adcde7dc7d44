"""The effect of a model call: steering, retries, one streamed answer. Decides nothing about the run."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from agiwo.agent.answer import Answer
from agiwo.agent.execution_context import span_header
from agiwo.agent.llm_call import system_messages
from agiwo.agent.meter import Meter
from agiwo.agent.retrying import wait_to_retry
from agiwo.clock import SystemClock
from agiwo.durable import StepResult, StepScope
from agiwo.errors import ModelError
from agiwo.failpoint import reach
from agiwo.llm.base import Message, Model, trace_parent, turn_of_run, wanted_schema
from agiwo.llm.form import FormRequest, request_for, spoken
from agiwo.llm.retry import Retries
from agiwo.loop.history import user_message
from agiwo.loop.items import steering_item
from agiwo.loop.plan import hosted_tools
from agiwo.schema.event import USAGE_UPDATED, NewEvent
from agiwo.schema.tool import ToolDefinition

STEER = "steer"
"""The topic of messages that join a conversation while it goes on."""


class ModelStep:
    """Asks an agent's model, as often as its `retries` allow. `before` may change the messages of the call.

    `tools` is what the model is told of them; None for what is in the plan of each run.
    """

    def __init__(
        self,
        model: Model,
        system_prompt: str,
        tools: Sequence[Mapping[str, Any]] | None,
        before: Callable[[Sequence[Message]], Awaitable[list[Message]]],
    ) -> None:
        self._model, self._tools, self._before = model, tools, before
        self._clock = SystemClock()
        self._prompt = system_prompt

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        """The model's answer to the conversation in `arg`, and to what was steered in meanwhile."""
        steering: list[dict[str, Any]] = []
        events: list[NewEvent] = []
        # Of the run's plan: who was started by another may have a prompt of its own.
        messages: list[Message] = [*system_messages(scope.run.spec.plan, self._prompt), *arg["messages"]]
        requests, retries, meter = 0, Retries(self._model), Meter(arg.get("budget"))
        while True:
            for message in await scope.drain(STEER):
                item = f"{scope.run.id}.{arg['turn']}.steering{len(steering)}"
                events.append(steering_item(item, message.data["content"]))
                steering.append({"id": message.id, "content": message.data["content"]})
                messages.append(user_message(message.data["content"]))
            if not requests:
                messages = await self._before(messages)
            await meter.admit(retries.model)
            requests += 1
            try:
                number = arg["request"] + requests - 1
                answer = await self._request(retries.model, scope, arg, messages, number, meter)
                break
            except ModelError as error:
                await wait_to_retry(scope, error, retries, meter)
        reach("model/ended")
        value = answer.value(steering) | meter.told()
        asked = retries.model
        value |= {"model": asked.name, "modelId": asked.id, "provider": asked.provider}
        value["params"] = asked.params
        # An answer that is to have a form is the last one only when it has it, which a step of its own finds out.
        value["more"] = not value["toolCalls"] and _schema(scope) is None and not await scope.close(STEER)
        return StepResult(value, [*events, *answer.items()])

    async def _request(
        self,
        model: Model,
        scope: StepScope,
        arg: Mapping[str, Any],
        messages: Sequence[Message],
        number: int,
        meter: Meter,
    ) -> Answer:
        answer = Answer(scope, arg["turn"], self._clock.now)
        request, schema = FormRequest(messages, self._offered(scope) if arg["tools"] else ()), _schema(scope)
        if schema is not None:
            request = request_for(model, request.messages, request.tools, schema)
        turn_of_run.set(number)
        trace_parent.set(span_header(scope))
        wanted = wanted_schema.set(request.schema)
        reach("model/began")
        try:
            stream = model.arun_stream(request.messages, request.tools or None)
            async with aclosing(spoken(stream, request.tool) if request.tool else stream) as chunks:
                async for chunk in chunks:
                    answer.take(chunk)
        except ModelError as error:
            await meter.lose(error, model, [request.messages, request.tools], answer.said, answer.usage)
            raise
        finally:
            wanted_schema.reset(wanted)
        answer.usage = await meter.used(model, [request.messages, request.tools], answer.said, answer.usage)
        scope.notice(USAGE_UPDATED, answer.usage.to_json())
        return answer

    def _offered(self, scope: StepScope) -> Sequence[Mapping[str, Any]]:
        """The agent's own tools, and those that a client hosts for this run."""
        if self._tools is None:
            return [ToolDefinition(**tool).to_openai_schema() for tool in scope.run.spec.plan.get("tools", ())]
        hosted = {tool.name: tool.to_openai_schema() for tool in hosted_tools(scope.run.spec.plan)}
        if not hosted:
            return self._tools
        return [*(each for each in self._tools if each["function"]["name"] not in hosted), *hosted.values()]


def _schema(scope: StepScope) -> Mapping[str, Any] | None:
    """What the run's last answer is to fit."""
    output = scope.run.spec.plan.get("output")
    return output and output["schema"]
