"""A file that takes the place of another one as a whole, also when the power goes right after. Knows no format."""

import os
from pathlib import Path

from agiwo.failpoint import reach


def write_in_place(path: Path, data: bytes) -> None:
    """Let the file at `path` hold this from now on, for its owner alone. Blocks.

    Raises:
        OSError: it cannot; the file at `path` is as it was.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as written:
        written.write(data)
        reach("file/written")
        written.flush()
        os.fsync(written.fileno())
    os.replace(draft, path)
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # else the directory may have the old file again
        finally:
            os.close(directory)
