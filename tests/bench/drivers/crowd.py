"""What the models of scheduled agents say, whoever schedules them: they spawn, sleep, and answer. Asks nobody.

An agent's task is `@kind number id`: `@crowd 100 0` spawns so many children and sleeps on all of them; `@nap 20 0`
spawns one and sleeps on it, so many times; `@sleep 60 7` sleeps for so many seconds, once; `@work 0 3` thinks, and is
what the children do. What to say next is told by how often the agent has spoken.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

WORK = 0.1
"""Seconds that a child thinks."""

_TASK = re.compile(r"@(crowd|nap|sleep|work) (\d+) (\d+)")
_LOOK = 0.05
"""Seconds between two looks at what others have done."""

Said = tuple[str | None, list[dict[str, Any]]]
"""A text, or calls."""


class Crowd:
    """Counts what happens: children that have ended and the most at the same time, sleepers, and who came back."""

    def __init__(self) -> None:
        self.children = self.most = self.asleep = self.awake = 0
        self.wakes: list[float] = []
        self._thinking, self._done = 0, 0.0

    async def turn(self, messages: Sequence[Mapping[str, Any]]) -> Said:
        """What an agent says next."""
        kind, number, name = next(filter(None, (_TASK.search(str(each.get("content"))) for each in messages))).groups()
        spoken = sum(each["role"] == "assistant" for each in messages)
        match kind, spoken:
            case "work", _:
                return await self.work(), []
            case "crowd", 0:
                return None, [_spawned(each) for each in range(int(number))]
            case "crowd", 1:
                return None, [_WAITSET]
            case "sleep", 0:
                self.asleep += 1
                return None, [_call(0, "sleep_and_wait", wake_type="timer", delay_seconds=int(number))]
            case "sleep", _:
                self.awake += 1
                return "awake", []
            case "nap", _:
                return self._nap(int(number), spoken)
            case _:
                return f"{name} is done", []

    def _nap(self, times: int, spoken: int) -> Said:
        if spoken % 2:
            return None, [_WAITSET]
        if spoken:
            self.note_wake()
        return ("rested", []) if spoken == 2 * times else (None, [_spawned(0)])

    async def work(self) -> str:
        """Think."""
        self._thinking += 1
        self.most = max(self.most, self._thinking)
        try:
            await asyncio.sleep(WORK)
        finally:
            self._thinking -= 1
        self.children += 1
        self._done = perf_counter()
        return "done"

    def note_wake(self) -> None:
        """Somebody goes on who has slept on the child that ended last."""
        self.wakes.append(perf_counter() - self._done)


async def until(wanted: int, count: Callable[[], int | Awaitable[int]]) -> None:
    """Return when the count is that high."""
    while True:
        now = count()
        if (now if isinstance(now, int) else await now) >= wanted:
            return
        await asyncio.sleep(_LOOK)


def _call(index: int, name: str, **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


def _spawned(index: int) -> dict[str, Any]:
    return _call(index, "spawn_agent", task=f"@work 0 {index}")


_WAITSET = _call(0, "sleep_and_wait", wake_type="waitset", timeout=60)
