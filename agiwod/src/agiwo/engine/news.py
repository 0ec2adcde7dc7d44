"""What is streamed of a run, on its way from where it is made to where it is read. Never on disk, and may be lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Opened:
    """An item was begun, or is told to who comes late. A higher `attempt` takes the place of a lower one.

    `after` is the seq of a record that comes before it.
    """

    item: str
    kind: str
    data: Mapping[str, Any]
    attempt: int
    at: float
    after: int = 0


@dataclass(frozen=True, slots=True)
class Grown:
    """An item's stream went on by these pieces, each a kind and its text, behind `offset` characters."""

    item: str
    attempt: int
    offset: int
    pieces: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """This attempt at an item will not be completed."""

    item: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that readers are told and nobody keeps; what `stands` also concerns those who come late."""

    type: str
    data: Mapping[str, Any]
    at: float
    stands: bool = False


News = Opened | Grown | Dropped | Noticed
