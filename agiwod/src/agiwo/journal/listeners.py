"""Who is told of a run's new records. Knows neither a store nor a reader's position."""

import logging
from collections.abc import Callable, Sequence

from agiwo.journal.base import Listener
from agiwo.schema.record import Record

logger = logging.getLogger(__name__)

_Entry = tuple[Listener, bool]
"""A listener, and whether it hears of internal records too."""


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
        by_run: dict[str, list[Record]] = {}
        for record in records:
            by_run.setdefault(record.run, []).append(record)
        for run, news in by_run.items():
            if listeners := self._by_run.get(run):
                public = [record for record in news if record.seq is not None]
                for listener, internal in tuple(listeners):
                    if heard := news if internal else public:
                        _call(listener, heard)

    def _remove(self, run: str, entry: _Entry) -> None:
        remaining = self._by_run[run]
        remaining.remove(entry)
        if not remaining:
            del self._by_run[run]


def _call(listener: Listener, news: Sequence[Record]) -> None:
    # The records are on disk: a listener that breaks its promise must not turn the append into a failure.
    try:
        listener(news)
    except Exception:
        logger.exception("a listener raised")
