"""What a call says while it goes on, as text for those who follow the run. Hears nothing itself."""

from collections.abc import Callable
from typing import Final, Protocol

Tell = Callable[[str], None]
"""Takes what a call says while it goes on."""

_SAID: Final = 256 * 1024
"""Characters that one call may tell while it goes on."""

_OURS: Final = "agiwod"
"""The server whose progress is the text that an agent writes, piece by piece, and not one line after the other."""


class Progress(Protocol):
    """What the library calls for each notice of progress."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Take one."""
        ...


def is_ours(title: str) -> bool:
    """Whether a server that calls itself so is one of agiwod's."""
    return title.split(" ")[0] == _OURS


def progress(tell: Tell, *, streams: bool) -> Progress:
    """What tells how far a call is: a line each, or with `streams` the messages as they are."""

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        if streams and message is not None:
            tell(message)
        else:
            share = f"{progress:g}" if total is None else f"{progress:g}/{total:g}"
            tell(f"[{share}] {message or ''}".rstrip() + "\n")

    return on_progress


def bounded(tell: Tell) -> Tell:
    """The same, until too much was told: whoever follows a run has to keep what is told in it."""
    left = _SAID

    def tell_some(text: str) -> None:
        nonlocal left
        if left > 0:
            tell(text[:left] if len(text) <= left else f"{text[:left]}\n[more is not shown]\n")
        left -= len(text)

    return tell_some
