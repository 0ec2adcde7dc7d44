"""The tree of scheduled agents before the user's eyes: once, or redrawn as it changes. Nothing is asked on an interval.

The daemon's events say that something has changed, and then the tree is asked for. Between them only the clock moves.
"""

import json
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import anyio
from agiwo_client import Client, DaemonGone, DaemonNotFound, Events
from agiwo_protocol import scheduler

from agiwod.cli.forest import ABOUT, HEAD, OVER, Line, lines
from agiwod.cli.plain import without_controls
from agiwod.cli.table import aligned

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_TICK: Final = 1.0
"""Seconds between two drawings in which only the time differs."""

_BREATH: Final = 0.1
"""Seconds between two questions, however much changes meanwhile."""

_COLOURS: Final = {"running": "green", "sleeping": "blue", "failed": "red", "cancelled": "red", "pending": "yellow"}


async def show_once(client: Client, state_id: str | None, *, as_json: bool) -> None:
    """Print the tree as it stands."""
    found = await _ask(client, state_id)
    if found.omitted:
        print("there are more agents than are shown; name the one that you look for", file=sys.stderr)
    if as_json:
        print(json.dumps(found.to_wire()))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(_table(lines(found.states, time.time())))
    else:
        print(_text(found))


async def follow_tree(client: Client, state_id: str | None, *, as_json: bool) -> None:
    """Show the tree and what changes in it; returns when the agent that was named has ended."""
    with _view(as_json=as_json) as view:
        async with client.events("scheduler") as events:
            await _Watch(client, state_id, view).follow(events)


@contextmanager
def _view(*, as_json: bool) -> "Generator[View]":
    if as_json or not sys.stdout.isatty():
        yield Printed(as_json=as_json)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(), auto_refresh=False) as live:
        yield Drawn(live)


async def _ask(client: Client, state_id: str | None) -> scheduler.TreeResult:
    return await client.call(scheduler.TREE, scheduler.TreeParams(state_id=state_id))


class View(Protocol):
    """Where a tree is shown."""

    def show(self, found: scheduler.TreeResult, passed: float, *, is_gone: bool) -> None:
        """Show it, as it was so many seconds ago. `is_gone`: the daemon cannot say how it is now."""
        ...


class _Watch:
    """A tree that is looked at whenever something has changed."""

    def __init__(self, client: Client, state_id: str | None, view: View) -> None:
        self._client, self._state_id, self._view = client, state_id, view
        self._found = scheduler.TreeResult(states=[])
        self._seen_at = 0.0
        self._is_gone = False
        self._news = anyio.Event()

    async def follow(self, events: Events) -> None:
        """Look, and draw, until the agent that was named has ended."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, events)
            self._news.set()
            while not self._is_over():
                with anyio.move_on_after(_TICK):
                    await self._news.wait()
                if self._news.is_set():
                    self._news = anyio.Event()
                    await self._look()
                self._view.show(self._found, time.monotonic() - self._seen_at, is_gone=self._is_gone)
                await anyio.sleep(_BREATH)
            tasks.cancel_scope.cancel()

    async def _listen(self, events: Events) -> None:
        async for _ in events:
            self._news.set()

    async def _look(self) -> None:
        try:
            self._found, self._seen_at = await _ask(self._client, self._state_id), time.monotonic()
            self._is_gone = False
        except (DaemonGone, DaemonNotFound):
            self._is_gone = True  # once it is back the events say so

    def _is_over(self) -> bool:
        root = next((each for each in self._found.states if each.state_id == self._state_id), None)
        return root is not None and root.status in OVER


class Printed:
    """A tree for a file or a program: all of it, each time that something has changed."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._last: scheduler.TreeResult | None = None
        self._is_gone = False

    def show(self, found: scheduler.TreeResult, passed: float, *, is_gone: bool) -> None:
        """Print it, unless it was printed already."""
        if is_gone != self._is_gone:
            self._is_gone = is_gone
            print(_GONE if is_gone else "the daemon is back", file=sys.stderr, flush=True)
        if found is not self._last:
            self._last = found
            print(json.dumps(found.to_wire()) if self._as_json else f"{_text(found)}\n", flush=True)


class Drawn:
    """A tree on a terminal, where the new one takes the place of the old."""

    def __init__(self, live: "Live") -> None:
        self._live = live

    def show(self, found: scheduler.TreeResult, passed: float, *, is_gone: bool) -> None:
        """Draw it."""
        from rich.console import Group
        from rich.text import Text

        shown = _table(lines(found.states, time.time(), 0.0 if is_gone else passed))
        notes = [Text(note, style="dim") for note in (_GONE,) if is_gone]
        self._live.update(Group(shown, *notes), refresh=True)


_GONE: Final = "the daemon is gone; this is how things stood"
_NOBODY: Final = "no agent is at work"


def _text(found: scheduler.TreeResult) -> str:
    """The tree as aligned lines."""
    if not found.states:
        return _NOBODY
    rows = [[without_controls(cell) for cell in line.cells] for line in lines(found.states, time.time())]
    return "\n".join(aligned(HEAD, rows))


def _table(shown: Sequence[Line]) -> "RenderableType":
    """The tree as it is drawn on a terminal."""
    from rich.table import Table
    from rich.text import Text

    if not shown:
        return Text(_NOBODY)
    table = Table(*HEAD, box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        column.no_wrap = column.header != ABOUT  # where there is little room, what is said there is cut
    for line in shown:
        style = _COLOURS.get(line.status, "dim")
        told = Text(without_controls(line.about), no_wrap=True, overflow="ellipsis")
        name = Text(without_controls(f"{line.branch}{line.name}"))
        table.add_row(name, Text(line.status, style=style), told, line.elapsed, line.tokens)
    return table
