"""What a store offers those who look after it: its size, and ways to forget. Knows no rule of what is to be kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agiwo.journal.base import Journal


@dataclass(frozen=True, slots=True)
class Measure:
    """How much there is: runs by status, and the rest in numbers and bytes."""

    runs: Mapping[str, int] = field(default_factory=dict[str, int])
    records: int = 0
    sessions: int = 0
    states: int = 0
    blobs: int = 0
    bytes: int = 0


class Store(Journal, Protocol):
    """A journal that can be looked after."""

    async def measure(self) -> Measure:
        """How much is in it."""
        ...

    async def forget(self, sessions: Sequence[str], until: float) -> int:
        """Forget these sessions, with all their runs and states, as a whole; return how many runs that were.

        Nothing is forgotten when one of the runs is not over, when a persistent agent among the states is not, or when
        anything has happened there after `until`: somebody goes on with it.

        Raises:
            StorageError: the store refused.
        """
        ...

    async def sweep(self) -> int:
        """Forget blobs that no record names any more; return how many.

        Raises:
            StorageError: the store refused.
        """
        ...
