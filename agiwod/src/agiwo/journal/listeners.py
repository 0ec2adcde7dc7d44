"""Who is told of a run's new records. Knows neither a store nor a reader's position."""

import logging
from collections.abc import Callable, Sequence

from agiwo.journal.base import Listener
from agiwo.schema.record import Record

logger = logging.getLogger(__name__)


class Listeners:
    """The listeners of every run."""

    def __init__(self) -> None:
        self._by_run: dict[str, list[Listener]] = {}

    def add(self, run: str, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of the run's records from now on; call the result to stop, as often as you like."""
        self._by_run.setdefault(run, []).append(listener)
        active = True

        def stop() -> None:
            nonlocal active
            if active:
                active = False
                self._remove(run, listener)

        return stop

    def tell(self, records: Sequence[Record]) -> None:
        """Hand each run's public records of one append to those who listen to it."""
        if not self._by_run:
            return
        by_run: dict[str, list[Record]] = {}
        for record in records:
            if record.seq is not None and record.run in self._by_run:
                by_run.setdefault(record.run, []).append(record)
        for run, news in by_run.items():
            for listener in tuple(self._by_run.get(run, ())):
                _call(listener, news)

    def _remove(self, run: str, listener: Listener) -> None:
        remaining = self._by_run[run]
        remaining.remove(listener)
        if not remaining:
            del self._by_run[run]


def _call(listener: Listener, news: Sequence[Record]) -> None:
    # The records are on disk: a listener that breaks its promise must not turn the append into a failure.
    try:
        listener(news)
    except Exception:
        logger.exception("a listener raised")
