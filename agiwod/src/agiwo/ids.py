"""Ids: fresh ones that sort by time, and ones derived from a parent and a key. Knows nothing of what they name."""

import hashlib
import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def _base32(number: int, width: int) -> str:
    """The number in so many characters, an even number of them: two at a time."""
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(5 * width - 10, -1, -10)])


def fresh(prefix: str) -> str:
    """A new id that never comes again and sorts by the time it was made (a ULID, lower case)."""
    millis = time.time_ns() // 1_000_000
    return f"{prefix}_{_base32(millis, 10)}{_base32(int.from_bytes(os.urandom(10), 'big'), 16)}"


def derived(prefix: str, *parts: str) -> str:
    """The id that belongs to these parts: the same parts give the same id, today and after a restart."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()[:16]
    return f"{prefix}_{_base32(int.from_bytes(digest, 'big'), 26)}"
