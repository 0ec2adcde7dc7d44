"""Which runs are there, and whose: those that this process took on with all below them, and those of others."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from agiwo.schema.record import RunHead

_MOST: Final = 10_000
"""Runs that are remembered, so that none is told twice; news of older ones do not come any more."""

Tell = Callable[[RunHead], None]


class Roll:
    """Tells of each run once: `on_run` of our own, `on_other` of those that other processes took on."""

    def __init__(self, on_run: Tell, on_other: Tell) -> None:
        self._on_run, self._on_other = on_run, on_other
        self._ours: OrderedDict[str, bool] = OrderedDict()

    def expect(self, run: str) -> None:
        """This run is about to be recorded by us, who will `take_on` it; what is heard of it before is no news."""
        self._note(run, is_ours=True)

    def withdraw(self, run: str) -> None:
        """It was not recorded."""
        self._ours.pop(run, None)

    def take_on(self, head: RunHead) -> None:
        """The run is ours, and recorded."""
        self._note(head.run, is_ours=True)
        self._on_run(head)

    def hear_of(self, head: RunHead) -> None:
        """Somebody has recorded a run; perhaps we, below one of ours."""
        if head.run in self._ours:
            return
        is_ours = self._ours.get(head.parent or "", False)
        self._note(head.run, is_ours=is_ours)
        (self._on_run if is_ours else self._on_other)(head)

    def _note(self, run: str, *, is_ours: bool) -> None:
        self._ours[run] = is_ours
        if len(self._ours) > _MOST:
            self._ours.popitem(last=False)
