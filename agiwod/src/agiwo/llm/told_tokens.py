"""How many tokens a provider says that there were. Estimates none."""

from typing import Any

_MOST = 2**53
"""Above this, a reader of JSON may not know two numbers apart."""


def told_tokens(count: Any) -> int:
    """The number that was told: not below nothing, and not above what can be reckoned with. None is nothing.

    Raises:
        ValueError, TypeError: it is no number.
    """
    return int(min(max(float(count or 0), 0), _MOST))
