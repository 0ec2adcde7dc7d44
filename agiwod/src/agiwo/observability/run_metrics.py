"""What runs do, in numbers: counted from what is recorded of them, step by step and never token by token."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from agiwo.durable import STEP, STEP_FAILED
from agiwo.journal.base import Journal
from agiwo.observability import semconv
from agiwo.observability.metrics import About, Counter, Histogram, Reading
from agiwo.observability.model_calls import is_model_call
from agiwo.schema.event import ITEM_COMPLETED, RUN_RETRYING, TERMINAL_EVENTS
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import Usage

_MODEL: Final = (semconv.OPERATION, semconv.PROVIDER, semconv.MODEL)
_CALL: Final = (*_MODEL, semconv.ERROR_TYPE)


class RunMetrics:
    """The numbers of all runs that it follows, kept apart by agent, model and tool."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._model = Histogram(About(semconv.MODEL_DURATION, "s", "How long calls of models took.", _CALL))
        self._first = Histogram(About(semconv.FIRST_CHUNK, "s", "How soon models began to answer.", _MODEL))
        self._tokens = [(read, Counter(About(name, "{token}", sentence, _MODEL))) for name, sentence, read in _TOKENS]
        self._cost = Counter(About("agiwo.cost", "USD", "What calls of models cost, as far as is known.", _MODEL))
        self._retries = Counter(
            About("agiwo.retries", "{retry}", "How often a model was asked again.", ("error.type",))
        )
        labels = (semconv.TOOL, semconv.ERROR_TYPE)
        self._tool = Histogram(About(semconv.TOOL_DURATION, "s", "How long calls of tools took.", labels))
        labels = (semconv.AGENT_NAME, "agiwo.status")
        self._agent = Histogram(About(semconv.AGENT_DURATION, "s", "How long runs took, asleep or not.", labels))

    def follow(self, head: RunHead) -> None:
        """Count what a run does from now on, to its end."""
        stops: list[Callable[[], None]] = []
        before = head.updated_at

        def hear(records: Sequence[Record]) -> None:
            nonlocal before
            for record in records:
                self._take(record, head, before)
                before = record.at
                if record.type in TERMINAL_EVENTS:
                    stops.pop()()

        stops.append(self._journal.watch(head.run, hear, internal=True))

    def read(self) -> list[Reading]:
        """All numbers as they stand."""
        tokens = [counter for _, counter in self._tokens]
        return [
            each.read()
            for each in (self._model, self._first, *tokens, self._cost, self._retries, self._tool, self._agent)
        ]

    def _take(self, record: Record, head: RunHead, before: float) -> None:
        if record.type in (STEP, STEP_FAILED):
            if is_model_call(record.key):
                self._called(record, before)
        elif record.type == ITEM_COMPLETED and record.data["kind"] == "toolCall":
            error = "tool_error" if record.data["output"]["isError"] else ""
            self._tool.add(record.data["durationMs"] / 1000, record.data["name"], error)
        elif record.type == RUN_RETRYING:
            self._retries.add(1, str(record.data.get("kind") or "_OTHER"))
        elif record.type in TERMINAL_EVENTS:
            self._agent.add(record.at - head.created_at, head.agent, record.type.removeprefix("run/"))

    def _called(self, record: Record, before: float) -> None:
        """Count a call of a model; one that failed began, as far as is known, when the thing before it was recorded."""
        error: dict[str, Any] = record.data.get("error") or {}
        answer: dict[str, Any] = error["detail"] if error else record.data["value"]
        named = semconv.model_labels(answer)
        started, first = answer.get("startedAt", before), answer.get("firstAt")
        self._model.add(max(0.0, record.at - started), *named, error.get("kind", ""))
        if first is not None:
            self._first.add(max(0.0, first - started), *named)
        if "usage" in answer:
            self._count(Usage.from_json(answer["usage"]), named)

    def _count(self, usage: Usage, named: tuple[str, ...]) -> None:
        for read, counter in self._tokens:
            if count := read(usage):
                counter.add(count, *named)
        if usage.cost_usd:
            self._cost.add(usage.cost_usd, *named)


_TOKENS: Final[Sequence[tuple[str, str, Callable[[Usage], int]]]] = (
    (semconv.INPUT_TOKENS, "Tokens that models were given.", lambda usage: usage.input_tokens),
    (semconv.OUTPUT_TOKENS, "Tokens that models gave.", lambda usage: usage.output_tokens),
    (semconv.CACHE_READ_TOKENS, "Of the tokens given, those read from a cache.", lambda usage: usage.cached_tokens),
    (semconv.CACHE_WRITE_TOKENS, "Of the tokens given, those put in a cache.", lambda usage: usage.cache_write_tokens),
    (
        semconv.REASONING_TOKENS,
        "Of the tokens that models gave, those of thoughts.",
        lambda usage: usage.reasoning_tokens,
    ),
)
