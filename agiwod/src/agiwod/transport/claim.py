"""Takes stdin and stdout away from everything else in the process. Standard library only."""

import os
import sys


def claim() -> tuple[int, int]:
    """Descriptors of what were stdin and stdout; from now on stdin is empty, and stdout is stderr."""
    sys.stdout.flush()
    source, sink = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return source, sink
