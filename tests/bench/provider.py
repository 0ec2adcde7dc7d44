"""The provider that the drivers ask, in a process of its own: a model's name says how it answers. Measures nothing.

`textN` says N pieces of text. `toolsN` calls the request's tool until the conversation holds N results, then it says
three pieces. Whoever asks for a stream gets one, with an HTTP chunk an event, 32 to a write, as `fake_provider` does;
who does not gets the same in one piece. The port is printed, and it ends when its stdin closes.
"""

import asyncio
import json
import sys
from functools import cache, lru_cache
from typing import Any

from fake_provider import DONE, FINISH, START, Answer, FakeProvider, Received, delta, usage

BURST = 32
"""Events in one write: a provider that is in a hurry."""

LAST_WORDS = 3
"""Pieces that a model says when it has called its tool often enough."""


class Provider:
    """Chooses answers, and keeps none of the requests."""

    def __init__(self) -> None:
        self.fake = FakeProvider(choose=self.choose)

    def choose(self, request: Received) -> Answer:
        """The answer to a request."""
        self.fake.requests.clear()  # a conversation of 200 steps is sent 200 times
        body, streamed = request.body, bool(request.body.get("stream"))
        if (steps := body["model"].removeprefix("tools")) == body["model"]:
            return text(int(body["model"].removeprefix("text")), streamed=streamed)
        done = sum(message["role"] == "tool" for message in body["messages"])
        if done >= int(steps):
            return text(LAST_WORDS, streamed=streamed)
        return call(body["tools"][0]["function"]["name"], done, streamed=streamed)


@lru_cache
def text(count: int, *, streamed: bool) -> Answer:
    """That many pieces of text."""
    pieces = [f"tok{number % 10_000:04} " for number in range(count)]
    if not streamed:
        return whole("stop", count, content="".join(pieces))
    events = [START, *(delta(content=piece) for piece in pieces), FINISH, usage(100, count), DONE]
    return Answer(events, burst=BURST)


@cache
def call(tool: str, step: int, *, streamed: bool) -> Answer:
    """One call of the tool, which adds the step's number and 1."""
    arguments, first = json.dumps({"a": step, "b": 1}), {"id": f"call_{step}", "type": "function"}
    if not streamed:
        function = {"name": tool, "arguments": arguments}
        return whole("tool_calls", 8, content=None, tool_calls=[{**first, "function": function}])
    opening = {"index": 0, **first, "function": {"name": tool, "arguments": ""}}
    half = len(arguments) // 2
    parts = [{"index": 0, "function": {"arguments": part}} for part in (arguments[:half], arguments[half:])]
    fragments = [delta(tool_calls=[each]) for each in (opening, *parts)]
    return Answer([START, *fragments, delta("tool_calls"), usage(100, 8), DONE], burst=BURST)


def whole(finish: str, tokens: int, **message: Any) -> Answer:
    """An answer in one piece."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    used = {"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens}
    head = {"id": "chatcmpl-fake", "object": "chat.completion", "created": 1_700_000_000, "model": "fake"}
    body = json.dumps({**head, "choices": [choice], "usage": used}).encode()
    return Answer([body], content_type="application/json")


async def serve() -> None:
    """Serve until stdin closes."""
    async with Provider().fake as fake:
        print(fake.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
