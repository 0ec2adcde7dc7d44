"""Requests that somebody leaves: at any moment, on every wire, and what the next one finds."""

import asyncio
from typing import Any

import anyio
import fake_messages
import fake_provider
import pytest
from agiwo.agent import Agent, TerminationReason
from agiwo.llm import AnthropicModel, DeepseekModel, Model, NvidiaModel, OpenAIModel
from agiwo.testing import RecordingTool
from fake_provider import Answer, FakeProvider, Received

pytestmark = pytest.mark.anyio

CHAT = Answer([fake_provider.START, *(fake_provider.delta(content="x") for _ in range(9))], end="stalls")
MESSAGES = Answer([fake_messages.start(), *fake_messages.text(0, *"x" * 9)], end="stalls")
WIRES: dict[str, tuple[type[Model], Answer, Answer]] = {
    "openai": (OpenAIModel, CHAT, fake_provider.says("fine")),
    "deepseek": (DeepseekModel, CHAT, fake_provider.says("fine")),
    "nvidia": (NvidiaModel, CHAT, fake_provider.says("fine")),
    "anthropic": (AnthropicModel, MESSAGES, fake_messages.says("fine")),
}
on_every_wire = pytest.mark.parametrize("wire", WIRES)


class Provider(FakeProvider):
    """Stalls in each answer until it is told to be fine. Refuses what the real one of its wire would refuse."""

    def __init__(self, wire: str) -> None:
        super().__init__(choose=self._answer)
        self._model, self._stalling, self._fine = WIRES[wire]
        self.is_fine = False

    def _answer(self, request: Received) -> Answer:
        if self._model is AnthropicModel:
            assert list(fake_messages.faults_of(request.body)) == []
        return self._fine if self.is_fine else self._stalling

    def model(self, **options: Any) -> Model:
        return self._model("m", api_key="k", base_url=self.base_url, **options)


async def read(model: Model) -> str:
    chunks = model.arun_stream([{"role": "user", "content": "go"}])
    return "".join([chunk.content or "" async for chunk in chunks])


@on_every_wire
async def test_a_request_cancelled_at_any_moment_leaves_nothing_behind(wire: str) -> None:
    async with Provider(wire) as provider:
        for turns in range(40):
            reading = asyncio.ensure_future(read(provider.model(concurrency=1)))
            for _ in range(turns):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            assert reading.cancelled()
        provider.is_fine = True
        with anyio.fail_after(60):
            assert await read(provider.model(concurrency=1)) == "fine"
            while provider.open_connections > 1:  # noqa: ASYNC110 - what a socket does has no event
                await asyncio.sleep(0)
        before = provider.connections
        assert await read(provider.model()) == "fine"

    assert provider.connections == before


@on_every_wire
async def test_a_session_goes_on_after_a_run_that_was_cancelled_in_the_middle_of_an_answer(wire: str) -> None:
    async with Provider(wire) as provider:
        agent = Agent("agent", "", provider.model(), [RecordingTool()])
        handle = await agent.start("first", session_id="s")
        await asyncio.wait_for(provider.was_asked.wait(), 60)
        await handle.cancel("enough")
        assert (await handle.wait()).termination_reason == TerminationReason.CANCELLED

        provider.is_fine = True
        assert (await agent.run("second", session_id="s")).response == "fine"
        await agent.close()
