"""The steps of a conversation, read out of a run's records. Keeps nothing and calls nobody."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agiwo.durable import SPEC, STEP, RunView
from agiwo.loop.history import assistant_message, partial_text
from agiwo.schema.event import ITEM_COMPLETED
from agiwo.schema.metrics import StepMetrics
from agiwo.schema.past import Past
from agiwo.schema.record import Record
from agiwo.schema.run import RunSpec, Usage
from agiwo.schema.step import MessageRole, StepRecord

MODEL_KEY = re.compile(r"(\d+|summary)/llm")


class Steps:
    """The steps of one run, in the order of its records; `count` is the number of the session's steps so far."""

    def __init__(self, run: RunView, count: int = 0) -> None:
        self._run = run
        self.count = count

    def take(self, record: Record) -> StepRecord | None:
        """The step that this record completes, if it does."""
        if not is_step(record):
            return None
        self.count += 1
        if record.type == ITEM_COMPLETED:
            return item_step(self._run, record.item or "", record.data, record.at, self.count)
        if record.type == STEP:
            return answer_step(self._run, record, self.count)
        text, id = partial_text(record), _message_of(self._run, record)
        return _step(self._run, MessageRole.ASSISTANT, id, record.at, sequence=self.count, content=text)


def steps_in(past: Past) -> int:
    """How many steps a session has."""
    return past.fold(_counted, int)


def steps_up_to(records: Sequence[Record], seq: int) -> int:
    """How many steps of a run are told by its events up to that seq; an answer is, by the last of its items."""
    count = head = 0
    for record in records:
        head = record.seq or head
        if head > seq:
            break
        if is_step(record):
            count += record.seq is not None or head < seq or (record.type == STEP and not is_silent(record))
    return count


def is_silent(answer: Record) -> bool:
    """Whether an answer is nothing but calls, and completed no item of its own."""
    value = answer.data["value"]
    return bool(value["toolCalls"]) and not (value["text"] or value["reasoning"])


def _counted(count: int, records: Sequence[Record]) -> int:
    return count + sum(map(is_step, records))


def is_step(record: Record) -> bool:
    """Whether this record completes a step."""
    if record.type == ITEM_COMPLETED:
        return record.data["kind"] in ("userMessage", "toolCall")
    is_answer = record.key is not None and MODEL_KEY.fullmatch(record.key) is not None
    return is_answer and (record.type == STEP or bool(partial_text(record)))


def answer_step(run: RunView, record: Record, sequence: int = 0) -> StepRecord:
    """The step that the record of a model call tells of."""
    answer: Mapping[str, Any] = record.data["value"]
    return _step(
        run,
        MessageRole.ASSISTANT,
        _message_of(run, record),
        record.at,
        sequence=sequence,
        content=answer["text"],
        reasoning_content=answer["reasoning"] or None,
        tool_calls=assistant_message(answer).get("tool_calls"),
        metrics=_answer_metrics(answer, record.at),
    )


def item_step(run: RunView, item: str, data: Mapping[str, Any], at: float, sequence: int = 0) -> StepRecord | None:
    """The step that a completed item tells of by itself; None for what nobody said."""
    kind = data["kind"]
    if kind == "userMessage":
        return _step(run, MessageRole.USER, item, at, sequence=sequence, content=_said(data["content"]))
    if kind == "toolCall":
        output: Mapping[str, Any] = data["output"]
        ended = StepMetrics(at - data["durationMs"] / 1000, at, data["durationMs"])
        return _step(
            run,
            MessageRole.TOOL,
            item,
            at,
            sequence=sequence,
            content=whole_text(output["content"]),
            content_for_user=output.get("contentForUser"),
            tool_call_id=data["callId"],
            name=data["name"],
            metrics=ended,
        )
    if kind not in ("agentMessage", "reasoning"):
        return None
    text = whole_text(data.get("text"))
    if kind == "reasoning":
        return _step(run, MessageRole.ASSISTANT, item, at, sequence=sequence, reasoning_content=text)
    usage = Usage.from_json(data.get("usage") or {})
    return _step(run, MessageRole.ASSISTANT, item, at, sequence=sequence, content=text, metrics=_tokens(usage))


def run_steps(run: str, records: Sequence[Record], count: int = 0) -> Iterator[StepRecord]:
    """The steps that a run's records hold; `count` steps of the session came before."""
    spec = next((record for record in records if record.type == SPEC), None)
    if spec is None:
        return
    steps = Steps(RunView(run, RunSpec.from_json(spec.data["spec"])), count)
    for record in records:
        if step := steps.take(record):
            yield step


def whole_text(text: Any) -> str:
    """A text of an item; of one that was too long for it, what the item still shows."""
    if isinstance(text, Mapping):
        return f"{text['head']}\n…\n{text['tail']}"
    return text or ""


def _message_of(run: RunView, record: Record) -> str:
    """The item that holds what the answer to a model call says."""
    return f"{run.id}.{(record.key or '').partition('/')[0]}.message"


def _said(content: Sequence[Mapping[str, Any]]) -> Any:
    if len(content) == 1 and content[0].get("type") == "text":
        return whole_text(content[0].get("text"))
    return content


def _answer_metrics(answer: Mapping[str, Any], at: float) -> StepMetrics:
    usage = Usage.from_json(answer["usage"])
    started, first = answer.get("startedAt"), answer.get("firstAt")
    return StepMetrics(
        started,
        at,
        None if started is None else 1000 * (at - started),
        usage.total_tokens,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        model_name=answer.get("model"),
        provider=answer.get("provider"),
        first_token_latency_ms=None if started is None or first is None else 1000 * (first - started),
    )


def _tokens(usage: Usage) -> StepMetrics:
    return StepMetrics(
        total_tokens=usage.total_tokens,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_creation_tokens=usage.cache_write_tokens,
    )


def _step(run: RunView, role: MessageRole, id: str, at: float, sequence: int, **others: Any) -> StepRecord:
    spec = run.spec
    return StepRecord(
        spec.session,
        run.id,
        sequence,
        role,
        id,
        spec.agent,
        created_at=at,
        parent_run_id=spec.parent,
        depth=spec.depth,
        **others,
    )
