"""An agent as a tool of another one. The loop runs it as a child run; called by hand it is an ordinary tool."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from agiwo import ids
from agiwo.abort import AbortSignal
from agiwo.agent.carried_tool import CarriedTool
from agiwo.loop.plan import Delegate
from agiwo.schema.budget import Budget
from agiwo.schema.setting import require_whole
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.result import ToolResult

if TYPE_CHECKING:
    from agiwo.agent.agent import Agent
    from agiwo.durable import StepScope


class AgentTool(CarriedTool):
    """The tool that stands for an agent: named after it, unless another name is given.

    Of an agent that is only made later, `agent` is a function that gives it, and name and description are given too.

    Below an agent its call is a run of its own with a session of its own, which survives a crash, is cancelled with
    the run above it, and whose events are in the stream of that run. It may be at most `max_depth` levels below the
    first run, and no agent is called below itself; either gives the model an error.
    """

    def __init__(
        self,
        agent: "Agent | Callable[[], Agent]",
        name: str | None = None,
        description: str | None = None,
        max_depth: int = 5,
    ) -> None:
        require_whole("max_depth", max_depth)
        self.max_depth = max_depth
        self._find = agent if callable(agent) else lambda: agent
        self._name = name or re.sub(r"[^a-zA-Z0-9_-]", "_", self.agent.id)[:64]
        self._description = description or self.agent.description or f"Asks the agent {self.agent.id}."

    @property
    def agent(self) -> "Agent":
        """The agent that stands behind it."""
        return self._find()

    def get_name(self) -> str:
        """The name that was given, else the agent's id with `_` for what a tool's name may not have."""
        return self._name

    def get_description(self) -> str:
        """The description that was given, else the agent's."""
        return self._description

    def get_parameters(self) -> dict[str, Any]:
        """A task, and perhaps what must be known for it."""
        task = {"type": "string", "description": "What the agent is to do, in full: it knows nothing else."}
        context = {"type": "string", "description": "What it must know for that."}
        return {"type": "object", "properties": {"task": task, "context": context}, "required": ["task"]}

    @property
    def carried(self) -> Delegate:
        """What a plan says of it."""
        return Delegate(self.agent.id, self.max_depth)

    async def prepare(self, arguments: Mapping[str, Any], scope: "StepScope", asked: Mapping[str, Any]) -> Any:
        """The run of the agent that the call asks for, in a session of its own."""
        await self.agent.ready()
        parent = scope.run.spec
        spec = self.agent.spec(
            _task(arguments),
            session_id=ids.derived("ses", scope.run.id, scope.key),
            user_id=parent.user_id,
            metadata=parent.metadata,
            ancestors=(*parent.plan.get("ancestors", ()), parent.agent),
            asks=parent.plan.get("asks", True),
            budget=Budget.from_json(asked["budget"]) if "budget" in asked else None,
        )
        return spec.to_json()

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """Run the agent to its end. What goes wrong with it is an error result."""
        if context.depth + 1 > self.max_depth:
            return ToolResult.failed(f"agents may call each other {self.max_depth} levels deep")
        output = await self.agent.run(_task(parameters), context=context, abort_signal=abort_signal)
        if output.error:
            return ToolResult.failed(f"the agent {self.agent.id!r} failed: {output.error['message']}")
        return ToolResult(content=output.response or "", output={"runId": output.run_id})


def as_tool(agent: "Agent", description: str | None = None, name: str | None = None, max_depth: int = 5) -> AgentTool:
    """A tool that has the agent do a task; see `AgentTool`."""
    return AgentTool(agent, name, description, max_depth)


def _task(arguments: Mapping[str, Any]) -> str:
    task, context = arguments["task"], arguments.get("context")
    return f"{task}\n\nContext:\n{context}" if context else task
