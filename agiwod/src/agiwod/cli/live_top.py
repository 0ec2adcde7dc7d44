"""What goes on in the daemon before the user's eyes: once, or on the whole screen. Asks at most once a second.

It asks when the daemon's events say that something has changed, and while something runs; else only the clock moves.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import anyio
from agiwo_client import Client, DaemonGone, DaemonNotFound, Events
from agiwo_protocol import daemon
from rich.console import Console

from agiwod.cli.dashboard import Speed, Speeds, picture
from agiwod.cli.waterfall import Line

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_TICK: Final = 1.0
"""Seconds between two looks, however much changes meanwhile."""

_BUSY: Final = ("running", "queued")
_GONE: Final = "the daemon is gone; this is how things stood"


async def ask_once(client: Client) -> daemon.Activity:
    """How things stand."""
    return await client.call(daemon.ACTIVITY, daemon.ActivityParams())


async def show_once(client: Client) -> None:
    """Print how things stand."""
    console = Console()
    for line in picture(await ask_once(client), Speed(), (), console.width):
        console.print(_text([line]), soft_wrap=True)


async def watch(client: Client) -> None:
    """Show how things stand on the whole screen, until the user has seen enough."""
    from rich.live import Live

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        async with client.events("run", "client", "daemon", "scheduler") as events:
            await _Watch(client, live).follow(events)


class _Watch:
    """What goes on, looked at when there is news."""

    def __init__(self, client: Client, live: "Live") -> None:
        self._client, self._live, self._speeds = client, live, Speeds()
        self._found: daemon.Activity | None = None
        self._speed, self._seen_at, self._is_gone = Speed(), 0.0, False
        self._has_news = True

    async def follow(self, events: Events) -> None:
        """Look and draw, for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, events)
            while True:
                if self._has_news or self._is_busy():
                    self._has_news = False
                    await self._look()
                self._draw()
                await anyio.sleep(_TICK)

    async def _listen(self, events: Events) -> None:
        async for _ in events:
            self._has_news = True

    def _is_busy(self) -> bool:
        found = self._found
        return found is None or self._speed.all > 0 or any(run.status in _BUSY for run in found.runs)

    async def _look(self) -> None:
        try:
            self._found, self._seen_at, self._is_gone = await ask_once(self._client), time.monotonic(), False
            self._speed = self._speeds.take(self._found)
        except (DaemonGone, DaemonNotFound):
            self._is_gone = True  # once it is back the events say so

    def _draw(self) -> None:
        if self._found is None:
            return
        found = self._found if self._is_gone else _later(self._found, time.monotonic() - self._seen_at)
        width, height = self._live.console.size
        room = height - 2 if self._is_gone else height
        text = _text(picture(found, self._speed, self._speeds.history, width, room))
        if self._is_gone:
            text.append(f"\n\n{_GONE}", "red")
        self._live.update(text, refresh=True)


def _later(found: daemon.Activity, passed: float) -> daemon.Activity:
    """The same, so many seconds later."""
    runs = [run.model_copy(update={"elapsed_ms": run.elapsed_ms + 1000 * passed}) for run in found.runs]
    return found.model_copy(update={"uptime_seconds": found.uptime_seconds + passed, "runs": runs})


def _text(lines: Sequence[Line]) -> "Text":
    from rich.text import Text

    text = Text("\n", no_wrap=True).join(
        Text.assemble(*((piece.text, piece.style) for piece in line)) for line in lines
    )
    text.no_wrap, text.overflow = True, "crop"
    return text
