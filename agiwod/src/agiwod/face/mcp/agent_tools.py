"""Agents as tools: which there are, under which names, and what they take. Calls none of them."""

import re
from collections.abc import Iterator
from typing import Any, Final

from agiwo.agent import Agent
from agiwo.agent.carried_tool import CarriedTool
from mcp_types import Tool, ToolAnnotations
from pydantic import Field

from agiwod.face.mcp.arguments import Arguments, schema_of
from agiwod.face.mcp.shapes import OUTCOME
from agiwod.face.mcp.view import View

_UNNAMABLE: Final = re.compile(r"[^A-Za-z0-9_-]")
"""What hosts do not take in the name of a tool."""


class AgentArguments(Arguments):
    """What the call of an agent takes."""

    input: str = Field(description="What the agent is to do, in words.")
    session_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="The session of an earlier call, to go on with that conversation; else a new one begins.",
    )
    output_schema: dict[str, Any] | None = Field(
        default=None,
        description="A JSON Schema that the answer has to fit. The result then has it as data in `output`.",
    )


def agents_by_name(view: View) -> dict[str, Agent]:
    """The agents that are shown, by the names of their tools. Of two with one name, the first counts."""
    found: dict[str, Agent] = {}
    for agent in view.agents:
        found.setdefault(_UNNAMABLE.sub("_", agent.id), agent)
    return found


def agent_tools(view: View) -> Iterator[Tool]:
    """A tool for each agent that is shown."""
    takes = schema_of(AgentArguments)
    for name, agent in agents_by_name(view).items():
        yield Tool(
            name=name,
            title=agent.id,
            description=agent.description or f"Ask the agent {agent.id}.",
            input_schema=takes,
            output_schema=OUTCOME,
            annotations=_annotations(agent),
        )


def _annotations(agent: Agent) -> ToolAnnotations:
    """What the agent and those below it could do, by their own tools."""
    tools = [tool for each in agent.family() for tool in each.tools if not isinstance(tool, CarriedTool)]
    only_reads = all(tool.effect == "read" for tool in tools)
    return ToolAnnotations(
        read_only_hint=only_reads,
        destructive_hint=not only_reads,
        idempotent_hint=False,  # each call is a run of its own, and models say the same thing differently
        open_world_hint=True,
    )
