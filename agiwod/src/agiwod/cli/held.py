"""Whether a live process holds a lock. Takes none for longer than an instant, and waits for none."""

import fcntl
import os
from pathlib import Path


def is_held(file: Path) -> bool:
    """Whether somebody holds it. A holder's pid stands in the file, and is gone after a proper end."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        if not os.read(descriptor, 1):
            return False  # and a daemon that wants it now is not in our way
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
