"""Memory that is not needed any more goes back to the system. Frees nothing itself."""

import sys
from typing import Final

_TRIM, _MMAP = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's <malloc.h>."""

_AT_MOST: Final = 1 << 20
"""Bytes that may be kept at the end of a heap, and from which on a block has pages of its own."""


def give_memory_back() -> None:
    """Have glibc return what is freed; another C library is left as it is.

    Of itself it raises both bounds to the size of the largest block that was ever freed, up to 32 MiB and twice that
    (mallopt(3)): after one message of 16 MiB it would keep that much for each thread, for as long as the daemon lives.
    Bounds that were set stay.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM, _AT_MOST)
        mallopt(_MMAP, _AT_MOST)
