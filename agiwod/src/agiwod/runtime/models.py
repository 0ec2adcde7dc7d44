"""The models that agents may name, and whether they can be used here and now. Asks none of them anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model by name. When it is not available, `reason` says what to do about it."""

    name: str
    provider: str
    id: str
    is_available: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Models:
    """The configured models and the builtin ones; both functions look anew at each call, since keys come and go."""

    list: Callable[[], Sequence[KnownModel]]
    auto: Callable[[], str | None]


NO_MODELS = Models(lambda: (), lambda: None)
"""What a daemon without any model has."""
