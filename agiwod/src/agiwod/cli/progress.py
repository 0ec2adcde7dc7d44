"""How far a download is: a bar on a terminal, a line every few seconds elsewhere. Downloads nothing."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

_PATIENCE: Final = 10.0
"""Seconds between lines where nobody may be watching: enough to see that it goes on, and few in a log."""


@contextmanager
def progress(name: str, total: int | None) -> Generator[Callable[[int], None]]:
    """What is to be told how many bytes have come, of `total` if that is known. The block's end is the download's."""
    if sys.stderr.isatty():
        with _bar(name, total) as tell:
            yield tell
    else:
        yield _lines(name, total)


@contextmanager
def _bar(name: str, total: int | None) -> Generator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    sizes = () if total is None else (DownloadColumn(), TransferSpeedColumn())
    with Progress(TextColumn("{task.description}"), BarColumn(), *sizes, console=Console(file=sys.stderr)) as bar:
        task = bar.add_task(name, total=total)

        def tell(size: int) -> None:
            # The client unpacks what it has fetched before it is done, so that there may seem to be more than came.
            bar.update(task, completed=size if total is None else min(size, total))

        yield tell
        bar.update(task, completed=total or 1, total=total or 1)


def _lines(name: str, total: int | None) -> Callable[[int], None]:
    said = time.monotonic()
    whole = "" if total is None else f" of {total // 1_000_000}"

    def tell(size: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _PATIENCE:
            said = time.monotonic()
            print(f"{name}: {size // 1_000_000}{whole} MB", file=sys.stderr, flush=True)

    return tell
