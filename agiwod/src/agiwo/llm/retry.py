"""Who is asked after a failed request, and when. Asks nobody."""

import random
from collections import deque

from agiwo.errors import ModelError
from agiwo.llm.admission import LONGEST_WAIT
from agiwo.llm.base import Model

_BACKOFF = (0.5, 8.0)
"""Seconds that the first extra request waits at most, and what that grows to. All of it is left to chance."""

_SOON = 5.0
"""Seconds of a Retry-After that are waited for although another model could be asked."""


class Retries:
    """The requests of one model call. `model` is the one to ask: it changes when a model is given up for the next."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._others = deque(model.fallback)
        self._failures = 0

    def after(self, error: ModelError) -> float | None:
        """Seconds until the next request goes to `model`; None when there is to be none."""
        if self._is_worth_another(error):
            self._failures += 1
            return self._delay(error)
        if not self._others or error.kind == "script":
            return None
        self.model, self._failures = self._others.popleft(), 0
        return 0.0

    def _is_worth_another(self, error: ModelError) -> bool:
        longest = _SOON if self._others else LONGEST_WAIT
        if not error.retryable or not error.sent or (error.retry_after or 0) > longest:
            return False
        return self._failures < self.model.retries

    def _delay(self, error: ModelError) -> float:
        if error.retry_after is not None:
            return error.retry_after
        first, longest = _BACKOFF
        return random.uniform(0, min(first * 2 ** (self._failures - 1), longest))
