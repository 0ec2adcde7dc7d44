"""How many tokens a provider says that there were. Estimates none."""

from typing import Any

_MOST = 10**9
"""No model reads or writes more in one request; and what many of them add up to is still a number in every language."""


def told_tokens(count: Any) -> int:
    """The number that was told: not below nothing, and not above what can be. None is nothing.

    Raises:
        ValueError, TypeError: it is no number.
    """
    return int(min(max(float(count or 0), 0), _MOST))
