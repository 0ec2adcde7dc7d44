"""What goes on at this moment: unfinished runs, what each does, and its tokens so far. Keeps no text, asks no model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agiwo.durable import STEP, STEP_FAILED
from agiwo.engine.feed import OpenItem
from agiwo.engine.serving import ServingEngine
from agiwo.observability.model_calls import is_model_call
from agiwo.schema.event import TERMINAL_EVENTS
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import TERMINAL, RunStatus, Usage

from agiwod.runtime.cron import CRON

_UNFINISHED: Final = frozenset(RunStatus) - TERMINAL

_LETTERS: Final = 4
"""Characters of a token, about: what is streaming has been counted by nobody yet."""

_DOING: Final = {"agentMessage": "answers", "reasoning": "thinks", "compaction": "sums up"}


@dataclass(slots=True)
class Tally:
    """Tokens and dollars, of a run or of all."""

    input: int = 0
    output: int = 0
    cost_usd: float = 0.0
    streams: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict[tuple[str, int], tuple[int, int]])
    """How many pieces of an open item were looked at, and how many characters they have."""

    def add(self, usage: Usage) -> None:
        """Add what a call of a model used."""
        self.input += usage.input_tokens
        self.output += usage.output_tokens
        self.cost_usd += usage.cost_usd or 0.0

    def streaming(self, items: Sequence[OpenItem]) -> int:
        """About how many tokens are in what is open; looks at each piece once."""
        known, self.streams = self.streams, {}
        for item in items:
            pieces, letters = known.get((item.id, item.attempt), (0, 0))
            letters += sum(map(len, item.texts[pieces:]))
            self.streams[item.id, item.attempt] = len(item.texts), letters
        return sum(letters for _, letters in self.streams.values()) // _LETTERS


@dataclass(frozen=True, slots=True)
class Active:
    """An unfinished run. Tokens are those since this daemon began to drive it, with those that are streaming."""

    head: RunHead
    state: str | None
    input_tokens: int
    output_tokens: int
    cost_usd: float
    doing: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """The unfinished runs, newest first, of which `omitted` says how many more there are at least; and all tokens."""

    runs: Sequence[Active]
    omitted: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Activity:
    """Counts what the runs of an engine use, each as long as it goes on, and all of them together."""

    def __init__(self, engine: ServingEngine) -> None:
        self._engine, self._all = engine, Tally()
        self._tallies: dict[str, Tally] = {}

    def follow(self, head: RunHead) -> None:
        """Count what a run uses that the engine has just taken on."""
        if head.run in self._tallies:
            return
        tally = self._tallies[head.run] = Tally()
        stops: list[Callable[[], None]] = []

        def hear(records: Sequence[Record]) -> None:
            for record in records:
                if usage := _usage(record):
                    tally.add(usage)
                    self._all.add(usage)
                if record.type in TERMINAL_EVENTS:
                    self._tallies.pop(head.run, None)
                    stops.pop()()

        stops.append(self._engine.journal.watch(head.run, hear, internal=True))

    async def look(self, limit: int) -> Look:
        """How things stand."""
        found = await self._engine.journal.runs(statuses=_UNFINISHED, limit=limit + 1)
        heads = [head for head in found if head.agent != CRON][:limit]
        runs = [self._active(head) for head in heads]
        streaming = sum(tally.streaming(self._engine.open_items(run)) for run, tally in self._tallies.items())
        output = self._all.output + streaming
        return Look(runs, max(0, len(found) - limit), self._all.input, output, self._all.cost_usd)

    def _active(self, head: RunHead) -> Active:
        tally, items = self._tallies.get(head.run) or Tally(), self._engine.open_items(head.run)
        output = tally.output + tally.streaming(items)
        return Active(head, self._engine.state_of(head.run), tally.input, output, tally.cost_usd, _doing(items))


def _usage(record: Record) -> Usage | None:
    if record.type not in (STEP, STEP_FAILED) or not is_model_call(record.key):
        return None
    answer: Mapping[str, Any] = record.data["value"] if record.type == STEP else record.data["error"]["detail"]
    return Usage.from_json(answer["usage"]) if "usage" in answer else None


def _doing(items: Sequence[OpenItem]) -> str | None:
    """What is being made; a tool that is called by its name."""
    if not items:
        return None
    newest = items[-1]
    return str(newest.data.get("name")) if newest.kind == "toolCall" else _DOING.get(newest.kind, newest.kind)
