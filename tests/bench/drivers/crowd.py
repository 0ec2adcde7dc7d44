"""What the model of a crowd says: a parent starts many children, sleeps, and answers. Asks nobody."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

WORK = 0.1
"""Seconds that a child thinks."""

_ENOUGH = 50
"""Answers of a parent after which it is not asked again, however often it is woken."""


class Crowd:
    """Counts what it is asked for, and how many children think at the same time. `spawn` names the tool."""

    def __init__(self, children: int, spawn: str) -> None:
        self._children, self._spawn = children, spawn
        self.answers = Counter[str]()
        self.most = self._thinking = 0

    async def turn(self, messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, list[dict[str, Any]]]:
        """The text of the next answer, or its calls."""
        if any(str(message.get("content", "")).startswith("child") for message in messages):
            return await self._work(), []
        self.answers["parent"] += 1
        count = self.answers["parent"]
        if count == 1:
            return None, [_call(n, self._spawn, {"task": f"child {n}"}) for n in range(self._children)]
        if count == 2:
            return None, [_call(0, "sleep_and_wait", {"wake_type": "waitset", "timeout": 60})]
        return "enough" if count > _ENOUGH else "all done", []

    async def _work(self) -> str:
        self._thinking += 1
        self.most = max(self.most, self._thinking)
        try:
            await asyncio.sleep(WORK)
        finally:
            self._thinking -= 1
        self.answers["children"] += 1
        return "done"


def _call(index: int, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}
