"""Who is told of a run's new records where several processes write them: all, in order, once. Asks no store."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agiwo.journal.base import Listener
from agiwo.journal.listeners import by_run, call
from agiwo.schema.record import Record

_GONE: Final = 2**62
"""The place of who has heard enough."""


@dataclass(slots=True, eq=False)
class Ear:
    """One listener, and the position of the run's record up to which it has heard; None while nobody knows that."""

    run: str
    listener: Listener
    internal: bool
    place: int | None = None
    has_heard: bool = False

    def begin_at(self, first: int) -> None:
        """Hear of the record at this position, unless something that comes later was told."""
        if self.place is None or (first <= self.place != _GONE and not self.has_heard):
            self.place = first - 1

    def hear(self, records: Sequence[Record]) -> None:
        """Take what follows on what was heard before, if these, which have no hole, begin early enough for it."""
        if self.place is None or records[0].position > self.place + 1:
            return
        news = records[self.place + 1 - records[0].position :]
        if news:
            self.place, self.has_heard = news[-1].position, True
            if heard := news if self.internal else [record for record in news if record.seq is not None]:
                call(self.listener, heard)


class SharedListeners:
    """The listeners of every run, each with its place in the run's records.

    A new one has no place until somebody says how many records there are (`place`), or this process appends to the run
    (`tell`): it hears of all that comes after. Of what other processes append the number is known at first (`note`),
    and it is heard when somebody has read it (`hear`). Whatever came to be known in which order, listeners hear it in
    the order of its positions, and each record once.
    """

    def __init__(self) -> None:
        self._ears: dict[str, list[Ear]] = {}
        self._new: list[Ear] = []
        self._lengths: dict[str, int] = {}
        self._behind: dict[str, None] = {}
        self.has_new = asyncio.Event()
        self.is_behind = asyncio.Event()

    def add(self, run: str, listener: Listener, *, internal: bool = False) -> Callable[[], None]:
        """Tell `listener` of the run's records from now on; call the result to stop, as often as you like."""
        ear = Ear(run, listener, internal)
        self._ears.setdefault(run, []).append(ear)
        self._new.append(ear)
        self.has_new.set()
        return lambda: self._remove(ear)

    def begin(self, run: str, first: int) -> None:
        """Let all who have heard nothing yet hear of this record of ours: they may have come while it was made."""
        for ear in self._of(run):
            ear.begin_at(first)

    def tell(self, records: Sequence[Record]) -> None:
        """Hand on what an append of this process came to; who has not heard all before it hears it later."""
        if not self._ears:
            return
        for run, news in by_run(records).items():
            self.begin(run, news[0].position)
            self.hear(run, news)
            if run in self._ears:
                self._lengths[run] = max(news[-1].position, self._lengths.get(run, 0))
                self._look(run)

    def note(self, run: str, length: int) -> None:
        """Know that there are so many records."""
        if run in self._ears and length > self._lengths.get(run, 0):
            self._lengths[run] = length
            self._look(run)

    def hear(self, run: str, records: Sequence[Record]) -> None:
        """Hand on records of a run, which follow on one another."""
        for ear in self._of(run):
            if records:
                ear.hear(records)

    def unplaced(self) -> list[Ear]:
        """Listeners of whom nobody knows yet what they are to hear."""
        self._new = [ear for ear in self._new if ear.place is None]
        return list(self._new)

    def place(self, ears: Iterable[Ear], lengths: Mapping[str, int]) -> None:
        """Let listeners hear of what comes after so many records of their runs."""
        for ear in ears:
            if ear.place is None:
                ear.place = lengths.get(ear.run, 0)
                self._look(ear.run)

    def runs(self) -> list[str]:
        """The runs that anybody listens to."""
        return list(self._ears)

    def behind(self) -> list[str]:
        """The runs of which somebody has not heard all that is known to be there."""
        self._behind = {run: None for run in self._behind if self.heard(run) < self._lengths.get(run, 0)}
        return list(self._behind)

    def heard(self, run: str) -> int:
        """The position up to which all who listen to the run have heard."""
        return min((ear.place for ear in self._of(run) if ear.place is not None), default=_GONE)

    def give_up(self, run: str) -> None:
        """Take the run for one whose records are gone."""
        self._lengths.pop(run, None)

    def _look(self, run: str) -> None:
        if self.heard(run) < self._lengths.get(run, 0):
            self._behind[run] = None
            self.is_behind.set()

    def _of(self, run: str) -> Sequence[Ear]:
        return tuple(self._ears.get(run, ()))

    def _remove(self, ear: Ear) -> None:
        if ear.place == _GONE:
            return
        ear.place = _GONE
        remaining = self._ears[ear.run]
        remaining.remove(ear)
        if not remaining:
            del self._ears[ear.run]
            self._lengths.pop(ear.run, None)
