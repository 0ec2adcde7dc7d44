"""What a session said before a run: the records of its earlier runs. Not changed, and read from no store."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from agiwo.schema.event import TERMINAL_EVENTS
from agiwo.schema.record import Record

_T = TypeVar("_T")


class Past:
    """The records of a run, behind the past of that run; iterating gives those of every run, the oldest first.

    What is made of a past by `fold` is kept until that of a longer one is made of it: a conversation that grows costs
    what is new in it.
    """

    __slots__ = ("_folds", "before", "records")

    def __init__(self, before: "Past | None" = None, records: Sequence[Record] = ()) -> None:
        self.before, self.records = before, records
        self._folds: dict[Any, Any] = {}

    def __iter__(self) -> Iterator[Sequence[Record]]:
        """The records of each run, the oldest run first."""
        return (past.records for past in reversed(list(self._back())))

    def _back(self) -> "Iterator[Past]":
        """This past and those before it, without the one that is none."""
        past = self
        while past.before:
            yield past
            past = past.before

    def fold(self, step: Callable[[_T, Sequence[Record]], _T], begin: Callable[[], _T]) -> _T:
        """What `step` makes of `begin()` and of one run's records after the other. `step` may change what it is given.

        What comes out must not be changed.
        """
        waiting: list[Past] = []
        for past in self._back():
            if step in past._folds:
                value: _T = past._folds.pop(step)
                break
            waiting.append(past)
        else:
            value = begin()
        for past in reversed(waiting):
            value = step(value, past.records)
        if self.before:
            self._folds[step] = value
        return value

    @property
    def is_whole(self) -> bool:
        """Whether its last run had ended, so that nothing joins it any more."""
        return any(record.type in TERMINAL_EVENTS for record in self.records[-1:])


NO_PAST = Past()
"""That of a session's first run."""
