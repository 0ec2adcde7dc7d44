"""The answers of models in one run, as its stream tells them: each once, and whole. Reads no deltas."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agiwo.agent.steps import MODEL_KEY, is_silent
from agiwo.durable import STEP, RunView
from agiwo.journal.base import Journal
from agiwo.schema.record import Record

_MOST = 64
"""Answers that are kept for a reader that does not read; one that is further behind has them read again."""

OPENING = 3
"""Public records that come before any answer: the run was queued, was started, and what the user said."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer, and the seq of the last public record before it: of its own last item, if it has any."""

    record: Record
    after: int

    @property
    def is_silent(self) -> bool:
        """Whether it is nothing but calls, and completed no item of its own."""
        return is_silent(self.record)


class Answers:
    """The answers that were recorded after seq `after` and that a stream has not told yet; tells `on_news` of more.

    An answer is an internal record. What it says completes items, but one that only calls tools has none, and no item
    knows what the answer called, took and cost.
    """

    def __init__(self, journal: Journal, run: RunView, after: int, head: int, on_news: Callable[[], None]) -> None:
        self._journal, self._run, self._on_news = journal, run, on_news
        self._after, self._head = after, head
        self._told = 0
        self._waiting: deque[_Answer] = deque()
        self._is_behind = head >= OPENING
        self._unwatch = journal.watch(run.id, self._hear, internal=True)

    def close(self) -> None:
        """Hear of no more."""
        self._unwatch()

    def _hear(self, records: Sequence[Record]) -> None:
        found = list(self._in(records))
        if len(self._waiting) + len(found) > _MOST:
            self._waiting.clear()
            self._is_behind = True
        elif not self._is_behind:
            self._waiting += found
        if found:
            self._on_news()

    def _in(self, records: Sequence[Record]) -> Iterator[_Answer]:
        for record in records:
            self._head = record.seq or self._head
            if record.type == STEP and record.key and MODEL_KEY.fullmatch(record.key):
                yield _Answer(record, self._head)

    async def catch_up(self) -> None:
        """Read what was recorded before anybody heard of it."""
        while self._is_behind:
            self._is_behind = False
            records, self._head = await self._journal.load(self._run.id), 0
            found = [each for each in self._in(records) if each.record.position > self._told and self._is_ahead(each)]
            last = found[-1].record.position if found else self._told
            self._waiting = deque([*found, *(each for each in self._waiting if each.record.position > last)])

    def _is_ahead(self, answer: _Answer) -> bool:
        """Whether it comes after where the stream began; one with items is told with the last of them."""
        return answer.after > self._after or (answer.after == self._after and answer.is_silent)

    def until(self, seq: int) -> Iterator[Record]:
        """The answers that were recorded before the event with that seq, each once."""
        while self._waiting and self._waiting[0].after < seq:
            yield self._next()

    def of(self, item: str, seq: int) -> Record | None:
        """The answer whose last item this is, if it is that of one."""
        if not self._waiting or self._waiting[0].after != seq or self._waiting[0].is_silent:
            return None
        turn = (self._waiting[0].record.key or "").partition("/")[0]
        if item not in (f"{self._run.id}.{turn}.message", f"{self._run.id}.{turn}.reasoning"):
            return None
        return self._next()

    def _next(self) -> Record:
        record = self._waiting.popleft().record
        self._told = record.position
        return record
