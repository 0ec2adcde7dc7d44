"""Many clients who all use the same ids, over every way in at once: each hears of its own and of nobody else's."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from agiwo.agent import Agent
from agiwo.llm.base import Message, Model
from agiwo.schema.chunk import StreamChunk
from agiwod.face.door import Door
from agiwod.face.lock import Lock
from daemon_lab import running
from figures import Figures
from http_lab import TOKEN, Web, on_the_web
from transport_lab import HELLO, Place, calling, serving_at, serving_tcp

pytestmark = [pytest.mark.anyio, pytest.mark.security]

CLIENTS = 100
PAYLOAD = re.compile(r"payload-\d{4}")


@dataclass
class Mirror(Model):
    """Says what it was told, in two pieces."""

    id: str = "mirror"

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        said = str(messages[-1]["content"])
        for piece in (said[:6], said[6:]):
            await asyncio.sleep(0)
            yield StreamChunk(content=piece)
        yield StreamChunk(finish_reason="stop")


def asked(id: int, method: str, **params: Any) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}) + b"\n"


async def over_the_protocol(place: Place, payload: str) -> str:
    """All that a client hears whose run says the payload, with the ids that every other has."""
    hello = orjson.loads(HELLO)
    hello["params"]["token"] = TOKEN
    heard: list[Any] = []
    async with calling(place) as line:
        heard.append(await line.ask(orjson.dumps(hello) + b"\n"))
        line.writer.write(asked(2, "run/start", agent="mirror", input=payload, sessionId=payload))
        line.writer.write(asked(3, "tool/call", name="calculator", arguments={"expression": payload[-4:]}))
        while not (any(map(is_over, heard)) and any(each.get("id") == 3 for each in heard)):
            heard.append(await line.answer())
        run = next(each["result"]["runId"] for each in heard if each.get("id") == 2)
        heard.append(await line.ask(asked(4, "run/wait", runId=run)))
    answers = {each["id"]: each["result"] for each in heard if "id" in each}
    assert answers[3]["content"] == str(int(payload[-4:]))
    assert {each["params"]["runId"] for each in heard if each.get("method") == "run/event"} == {run}
    return repr(heard)


def is_over(frame: Any) -> bool:
    return frame.get("method") == "run/event" and frame["params"]["type"] == "run/completed"


MCP = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "mirror",
}


async def over_mcp(web: Web, payload: str) -> str:
    """As over the protocol; what is said meanwhile comes under a token that all clients have chosen, too."""
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 1,
    }
    params = {"name": "mirror", "arguments": {"input": payload, "sessionId": payload}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await web.client.post("/mcp", json=body, headers=MCP, timeout=60)
    assert "notifications/progress" in answer.text
    return answer.text


async def test_a_hundred_clients_with_the_same_ids_hear_each_only_of_its_own(tmp_path: Path, figures: Figures):
    mirror = Agent("mirror", "says what it is told", Mirror(), [])
    async with (
        running(mirror) as daemon,
        serving_at(tmp_path / "s", Door(daemon).converse) as socket,
        serving_tcp(Door(daemon, Lock(TOKEN)).converse) as tcp,
        on_the_web(daemon) as web,
    ):
        ways: list[Callable[[str], Awaitable[str]]] = [
            lambda payload: over_the_protocol(socket, payload),
            lambda payload: over_the_protocol(tcp, payload),
            lambda payload: over_mcp(web, payload),
        ]
        payloads = [f"payload-{number:04}" for number in range(1000, 1000 + CLIENTS)]
        heard = await asyncio.gather(*(ways[number % len(ways)](each) for number, each in enumerate(payloads)))
    seen = [set(PAYLOAD.findall(text)) for text in heard]
    figures(
        "clients that heard their own", sum(own in all for own, all in zip(payloads, seen, strict=True)), at_least=100
    )
    figures("clients that heard somebody else's", sum(len(all) > 1 for all in seen), at_most=0)
