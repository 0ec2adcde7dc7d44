"""Who is told of a run's new records. Knows neither a store nor a reader's position."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from agiwo.journal.base import Listener
from agiwo.schema.record import Record

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_Entry = tuple[Listener, bool]
"""A listener, and whether it hears of internal records too."""


class Audience(Protocol):
    """Who is told of what an append came to."""

    def tell(self, records: Sequence[Record]) -> None:
        """Hand on the records of one append."""
        ...


class Listeners:
    """The listeners of every run."""

    def __init__(self) -> None:
        self._by_run: dict[str, list[_Entry]] = {}

    def add(self, run: str, listener: Listener, *, internal: bool = False) -> Callable[[], None]:
        """Tell `listener` of the run's records from now on; call the result to stop, as often as you like."""
        entry = (listener, internal)
        self._by_run.setdefault(run, []).append(entry)
        active = True

        def stop() -> None:
            nonlocal active
            if active:
                active = False
                self._remove(run, entry)

        return stop

    def tell(self, records: Sequence[Record]) -> None:
        """Hand each run's records of one append to those who listen to it: the public ones, or all."""
        if not self._by_run:
            return
        for run, news in by_run(records).items():
            if listeners := self._by_run.get(run):
                public = [record for record in news if record.seq is not None]
                for listener, internal in tuple(listeners):
                    if heard := news if internal else public:
                        call(listener, heard)

    def _remove(self, run: str, entry: _Entry) -> None:
        remaining = self._by_run[run]
        remaining.remove(entry)
        if not remaining:
            del self._by_run[run]


def by_run(records: Sequence[Record]) -> Mapping[str, list[Record]]:
    """The records of one append, apart by their runs."""
    apart: dict[str, list[Record]] = {}
    for record in records:
        apart.setdefault(record.run, []).append(record)
    return apart


def call(listener: Callable[[_T], None], news: _T) -> None:
    """Tell one listener; what it raises is logged."""
    # The records are on disk: a listener that breaks its promise must not turn the append into a failure.
    try:
        listener(news)
    except Exception:
        logger.exception("a listener raised")
