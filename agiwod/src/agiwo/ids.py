"""Ids: fresh ones that sort by time, and ones derived from a parent and a key. Knows nothing of what they name."""

import hashlib
import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
"""Our digits as those that Python reads."""

_WIDTH = 26


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
    return numbered(prefix, int.from_bytes(digest, "big"))


def numbered(prefix: str, number: int) -> str:
    """The id whose `number` is this one, of 128 bits."""
    return f"{prefix}_{_base32(number, _WIDTH)}"


def number(id: str) -> int | None:
    """The 128 bits of an id of ours; None for one that somebody else made up."""
    text = id.rpartition("_")[2]
    if len(text) != _WIDTH or text.strip(_ALPHABET):
        return None
    found = int(text.translate(_DIGITS), 32)
    return found if found < 1 << 128 else None
