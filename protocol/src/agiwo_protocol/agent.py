"""Agents: which there are."""

from pydantic import Field

from agiwo_protocol.contract import Method, Name, Page, Wire


class Agent(Wire):
    """An agent as others see it. `source` says where it is defined: builtin, config, python, project."""

    agent_id: str
    description: str
    model: str
    tools: list[str] = Field(default_factory=list[str])
    skills: list[str] = Field(default_factory=list[str])
    source: str
    max_steps: int | None = None
    system_prompt: str | None = None


class ListResult(Wire):
    """A page of agents, and the id of the one that is meant when none is named."""

    agents: list[Agent]
    default_agent: str | None = None
    next_cursor: str | None = None


class AgentParams(Wire):
    """Names an agent."""

    agent_id: Name


LIST = Method("agent/list", Page, ListResult, "The agents, without their system prompts.")
GET = Method("agent/get", AgentParams, Agent, "One agent, with its system prompt.")
