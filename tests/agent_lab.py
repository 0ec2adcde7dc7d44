"""Agents in a lab: models that say what a test needs, and what must be true of every request they get."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from agiwo.agent import Agent, AgentHooks, AgentOptions
from agiwo.llm.base import Message
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.event import ITEM_COMPLETED
from agiwo.testing import RecordingTool, ScriptedModel
from agiwo.tool import BaseTool
from engine_lab import Lab

Tool = BaseTool | Callable[..., Any]


@dataclass
class CheckedModel(ScriptedModel):
    """A scripted model that refuses what a provider would refuse; a turn with `"hang": True` never ends."""

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """As `ScriptedModel.arun_stream`."""
        check_conversation(messages)
        stream = super().arun_stream(messages, tools)
        async for chunk in stream:
            if chunk.finish_reason is not None and self._hangs():
                await asyncio.Event().wait()
            yield chunk

    def _hangs(self) -> bool:
        assert not isinstance(self.turns, str)
        turns: Any = self.turns
        return bool(turns[self.requests[-1].turn].get("hang"))


class Careful(RecordingTool):
    """A tool that asks before each call."""

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """Always."""
        return True


def check_conversation(messages: Sequence[Message]) -> None:
    """Fail unless each tool call has exactly one result, right behind it, and arguments that are an object."""
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            open_calls.remove(message["tool_call_id"])
            continue
        assert not open_calls, f"no result for {open_calls}"
        open_calls = [call["id"] for call in message.get("tool_calls", ())]
        assert len(set(open_calls)) == len(open_calls), f"two calls have one id: {open_calls}"
        for call in message.get("tool_calls", ()):
            assert isinstance(orjson.loads(call["function"]["arguments"]), dict)
    assert not open_calls, f"no result for {open_calls}"


def agent_in(
    lab: Lab,
    *turns: Mapping[str, Any],
    id: str = "agent",
    tools: Sequence[Tool] = (),
    hooks: AgentHooks | None = None,
    **options: Any,
) -> Agent:
    """An agent that the lab's engine knows, with a model that says these turns."""
    agent = Agent(id, "Does as told.", CheckedModel(turns=turns), tools, options=AgentOptions(**options), hooks=hooks)
    lab.programs[agent.id] = agent.program
    return agent


async def ask(lab: Lab, agent: Agent, text: Any = "go", *, session: str | None = None) -> str:
    """Start a run of the agent."""
    plan = agent.plan().to_json()
    return await lab.submit(agent.id, text, session=session, plan=plan, timeout=agent.options.run_timeout)


def requests_of(agent: Agent) -> list[list[Message]]:
    """The conversations that the agent's model was sent, oldest first."""
    assert isinstance(agent.model, ScriptedModel)
    return [list(request.messages) for request in agent.model.requests]


def tools_offered(agent: Agent) -> list[tuple[str, ...]]:
    """The names of the tools in each request."""
    assert isinstance(agent.model, ScriptedModel)
    return [tuple(tool["function"]["name"] for tool in request.tools) for request in agent.model.requests]


async def items_of(lab: Lab, run: str, kind: str) -> list[Mapping[str, Any]]:
    """The completed items of one kind."""
    return [e.data for e in await lab.events(run) if e.type == ITEM_COMPLETED and e.data["kind"] == kind]


def calls(*named: str | tuple[str, Any]) -> dict[str, Any]:
    """A turn that calls these tools, each with or without arguments."""
    pairs: list[tuple[str, Any]] = [(each, {}) if isinstance(each, str) else each for each in named]
    return {"toolCalls": [{"name": name, "arguments": arguments} for name, arguments in pairs]}
