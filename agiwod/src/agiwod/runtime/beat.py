"""The beat at which what is streamed is looked at. Knows nobody who looks."""

import asyncio
from typing import Final

BEAT: Final = 0.002
"""Seconds between two looks at what is new: nobody sees it, and a model that says more meanwhile costs one frame."""


def next_beat() -> float:
    """A time that is the same for everybody: who looks together is in the same place, and shares a frame."""
    return (asyncio.get_running_loop().time() // BEAT + 1) * BEAT


async def until(time: float) -> None:
    """Return at that time of the event loop; at once when it is over."""
    pause = time - asyncio.get_running_loop().time()
    if pause > 0:
        await asyncio.sleep(pause)
