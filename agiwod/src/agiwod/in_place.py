"""A file that takes the place of another one as a whole, also when the power goes right after. Writes none."""

import os
from pathlib import Path
from typing import IO, Any


def put_in_place(draft: IO[Any], path: Path) -> None:
    """Let what was written to `draft`, an open file in the same directory, be the file at `path` from now on.

    Raises:
        OSError: it cannot; the file at `path` is as it was.
    """
    draft.flush()
    os.fsync(draft.fileno())
    os.replace(draft.name, path)
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # else the directory may have the old file again
        finally:
            os.close(directory)
