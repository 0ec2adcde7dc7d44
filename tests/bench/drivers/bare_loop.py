"""The floor: a bare loop over httpx2 that streams, splits, decodes with orjson, joins the text and calls the tool."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import orjson
from drivers.addition import add

TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


class Driver:
    """What any agent cannot do without, and nothing else."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/chat/completions"
        # As many connections stay open as runs go at once: opening them anew would make the floor higher.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
        self._client = httpx2.AsyncClient(timeout=60, limits=limits)

    def first(self) -> object:
        """A loop is there at once."""
        return self

    def construct(self) -> object:
        """A loop has no agent; this is what one would be made of."""
        return [TOOL]

    async def run(self, model: str) -> int:
        """Ask and call until there is no more call; how long the last answer is."""
        messages: list[Mapping[str, Any]] = [{"role": "user", "content": "go"}]
        while True:
            text, calls = await self._ask(model, messages)
            if not calls:
                return len(text)
            messages.append({"role": "assistant", "content": text or None, "tool_calls": calls})
            for call in calls:
                value = await add(**orjson.loads(call["function"]["arguments"]))
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": str(value)})

    stream = run
    """It streams whatever it does."""

    async def _ask(self, model: str, messages: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
        body = orjson.dumps({"model": model, "messages": messages, "stream": True, "tools": [TOOL]})
        headers = {"content-type": "application/json"}
        text, calls, rest = list[str](), list[dict[str, Any]](), b""
        async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
            async for block in response.aiter_raw():
                *events, rest = (rest + block).split(b"\n\n")
                for event in events:
                    if event != b"data: [DONE]":
                        for choice in orjson.loads(event[6:])["choices"]:
                            take(choice["delta"], text, calls)
        return "".join(text), calls


def take(delta: Mapping[str, Any], text: list[str], calls: list[dict[str, Any]]) -> None:
    """Add a delta to what came before it."""
    if content := delta.get("content"):
        text.append(content)
    for part in delta.get("tool_calls", ()):
        if part["index"] == len(calls):
            calls.append({"id": part["id"], "type": "function", "function": part["function"]})
        else:
            calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
