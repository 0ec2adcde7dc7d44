"""Agents: which there are, and those that clients define."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from agiwo_protocol.contract import Empty, Method, Name, Page, Seconds, Wire
from agiwo_protocol.run import Budget


class AgentParams(Wire):
    """Names an agent."""

    agent_id: Name


class Rule(Wire):
    """What becomes of calls of a tool, by patterns of its name and arguments; the first rule that fits counts."""

    tool: Annotated[str, Field(min_length=1, max_length=256)]
    action: Literal["allow", "ask", "deny"]
    arguments: Annotated[dict[str, str], Field(max_length=100)] | None = None
    reason: Annotated[str, Field(max_length=10_000)] | None = None


Patterns = Annotated[list[Name], Field(max_length=1000)]
Many = Annotated[int, Field(ge=1, le=2**53 - 1)]
Patience = Annotated[Seconds, Field(gt=0)]


def _is_absolute(path: str) -> str:
    if not path.startswith("/") and path[1:3] not in (":\\", ":/"):
        raise ValueError("it has to be absolute: the daemon works in another directory")
    return path


class DefineParams(Wire):
    """An agent as a table `[agents.ID]` of the settings has it; what is left out is as it is there.

    `tools` are names and patterns of `tool/list`, `mcp:SERVER/*`, and `agent:ID` for other agents; `skills` likewise
    those of `skill/list`. `approvals` says who is asked. `workspace` is the directory that its tools may work in.
    """

    agent_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: Annotated[str, Field(max_length=10_000)] | None = None
    model: Name | None = None
    system_prompt: Annotated[str, Field(max_length=2**20)] | None = None
    tools: Patterns | None = None
    skills: Patterns | None = None
    workspace: Annotated[Name, AfterValidator(_is_absolute)] | None = None
    approvals: Annotated[list[Rule], Field(max_length=1000)] | None = None
    approval_timeout: Patience | None = None
    max_steps: Annotated[int, Field(ge=1, le=100_000)] | None = None
    run_timeout: Patience | None = None
    max_output_tokens: Many | None = None
    context_tokens: Annotated[int, Field(ge=1000, le=2**53 - 1)] | None = None
    budget: Budget | None = None

    def table(self) -> dict[str, Any]:
        """What was said of the agent, by the names that settings have."""
        return self.model_dump(by_alias=False, exclude_none=True, exclude={"agent_id"})


class Agent(Wire):
    """An agent as others see it. `source` says where it is defined: builtin, config, python, project, client.

    `definition` is what a client said of it in `agent/define`, told with the system prompt.
    """

    agent_id: str
    description: str
    model: str
    tools: list[str] = Field(default_factory=list[str])
    skills: list[str] = Field(default_factory=list[str])
    source: str
    max_steps: int | None = None
    system_prompt: str | None = None
    definition: DefineParams | None = None


class ListResult(Wire):
    """A page of agents, and the id of the one that is meant when none is named."""

    agents: list[Agent]
    default_agent: str | None = None
    next_cursor: str | None = None


LIST = Method("agent/list", Page, ListResult, "The agents, without their system prompts.")
GET = Method("agent/get", AgentParams, Agent, "One agent, with its system prompt.")
DEFINE = Method(
    "agent/define",
    DefineParams,
    Agent,
    "Have an agent that stays until it is removed, in the place of an earlier one that a client defined.",
)
REMOVE = Method(
    "agent/remove", AgentParams, Empty, "Forget an agent that a client defined; its runs go on to their end."
)
