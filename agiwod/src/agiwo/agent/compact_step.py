"""The effect that summarises the older part of a conversation, to make room for more. Decides nothing about the run."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from agiwo.agent.execution_context import span_header
from agiwo.agent.meter import Meter
from agiwo.agent.retrying import wait_to_retry
from agiwo.durable import StepResult, StepScope
from agiwo.errors import ModelError
from agiwo.llm.base import Message, Model, trace_parent, turn_of_run
from agiwo.llm.retry import Retries
from agiwo.loop.items import compaction_item
from agiwo.schema.run import Usage

PROMPT = (
    "The conversation below has become too long and goes on without its older part. Write the summary that takes its "
    "place, for whoever goes on with it: what the user wants and has decided, what was found out and done and where it "
    "is, what is still to do. Keep names, numbers, paths and identifiers exactly. Give the summary alone.\n\n"
)


class CompactStep:
    """Asks an agent's model for a summary, as often as its `retries` allow."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        """The summary of the messages in `arg`, and its completed item."""
        text = PROMPT + transcript(arg["messages"], arg["characters"])
        retries, meter = Retries(self._model), Meter(arg.get("budget"))
        while True:
            turn_of_run.set(arg["request"] + meter.requests)
            trace_parent.set(span_header(scope))
            await meter.admit(retries.model)
            try:
                summary, usage = await _ask(retries.model, [{"role": "user", "content": text}], meter)
                break
            except ModelError as error:
                await wait_to_retry(scope, error, retries, meter)
        value = {"summary": summary, "usage": usage.to_json(), "replaced": len(arg["messages"]), **meter.told()}
        return StepResult(value, [compaction_item(f"{scope.run.id}.{arg['turn']}.compaction", value)])


async def _ask(model: Model, messages: Sequence[Message], meter: Meter) -> tuple[str, Usage]:
    text: list[str] = []
    told: Usage | None = None
    try:
        async with aclosing(model.arun_stream(messages)) as chunks:
            async for chunk in chunks:
                text.append(chunk.content or "")
                told = chunk.usage or told
        if not "".join(text).strip():
            raise ModelError("stream_incomplete", "the model gave no summary", provider=model.provider)
    except ModelError as error:
        await meter.lose(error, model, messages, text, told)
        raise
    return "".join(text), await meter.used(model, messages, text, told)


def transcript(messages: Sequence[Message], characters: int) -> str:
    """The messages as text of at most so many characters: each gives up as much of its middle as it must."""
    lines = [_line(message) for message in messages]
    most = max(200, characters // max(1, len(lines)))
    spare = sum(max(0, most - len(line)) for line in lines)
    long = sum(1 for line in lines if len(line) > most)
    return "\n\n".join(_shortened(line, most + spare // max(1, long)) for line in lines)[-characters:]


def _line(message: Message) -> str:
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = " ".join(part.get("text") or f"[{part.get('type')}]" for part in content)
    calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
    called = "".join(f"\n[calls {call['function']['name']} {call['function']['arguments']}]" for call in calls)
    return f"{message['role']}: {content}{called}"


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} […] {text[-half:]}"
