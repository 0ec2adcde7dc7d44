"""The three tools of a scheduled agent: start another one, sleep until something wakes it, look at one below it."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from agiwo import ids
from agiwo.abort import AbortSignal
from agiwo.agent.carried_tool import CarriedTool
from agiwo.durable import StepScope
from agiwo.errors import ToolError
from agiwo.loop.guard import LONGEST, TaskGuard, TaskLimits
from agiwo.loop.plan import Sleep, Spawn
from agiwo.schema.budget import Budget
from agiwo.schema.run import RunSpec
from agiwo.schema.state import TimeUnit, WaitMode, WakeType
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult

if TYPE_CHECKING:
    from agiwo.scheduler.supervisor import Supervisor

_ID: Final = "^[A-Za-z0-9_.:-]{1,128}$"
"""What an agent may be called by a model."""


class SpawnTool(CarriedTool):
    """Starts an agent that works on its own, below the one that calls."""

    def __init__(self, supervisor: "Supervisor", limits: TaskLimits) -> None:
        self._supervisor, self._limits = supervisor, limits

    @property
    def carried(self) -> Spawn:
        """The loop starts it."""
        return Spawn(self._limits)

    def get_name(self) -> str:
        """As the model knows it."""
        return "spawn_agent"

    def get_description(self) -> str:
        """What the model is told of it."""
        return (
            "Start another agent that works on a task of its own beside you. It has your tools and knows nothing but "
            "the task. Use sleep_and_wait to be told what came out of it."
        )

    def get_parameters(self) -> dict[str, Any]:
        """A task, and perhaps who is to do it."""
        properties = {
            "task": {"type": "string", "description": "What the agent is to do, in full: it knows nothing else."},
            "system_prompt": {"type": "string", "description": "Who it is to be; without it, the same as you."},
            "child_id": {"type": "string", "pattern": _ID, "description": "Its id; without it, it gets one."},
            "agent": {"type": "string", "description": "Another agent that is known by this name, in your place."},
        }
        return {"type": "object", "properties": properties, "required": ["task"]}

    async def prepare(self, arguments: Mapping[str, Any], scope: StepScope, asked: Mapping[str, Any]) -> Any:
        """The run of the new agent, and the state that it works for."""
        await self._refuse_too_many(asked)
        above = scope.run.spec
        agent = self._supervisor.known(arguments.get("agent") or above.agent)
        await agent.ready()
        spec = agent.spec(
            arguments["task"],
            session_id=ids.derived("ses", scope.run.id, scope.key),
            user_id=above.user_id,
            metadata=above.metadata,
            ancestors=(*above.plan.get("ancestors", ()), above.agent),
            asks=above.plan.get("asks", True),
            budget=Budget.from_json(asked["budget"]) if "budget" in asked else None,
        )
        prompt = arguments.get("system_prompt")
        if prompt is None and agent.id == above.agent:
            prompt = above.plan.get("systemPrompt")
        plan = spec.plan if prompt is None else {**spec.plan, "systemPrompt": prompt}
        return replace(spec, plan=plan, state=_state_id(arguments, above, scope)).to_json()

    async def _refuse_too_many(self, asked: Mapping[str, Any]) -> None:
        guard, going = TaskGuard(self._limits), asked["starting"]
        if going + len(asked["going"]) >= self._limits.max_children_per_agent:
            going += await self._supervisor.states.count_going(asked["going"])
            if refusal := guard.refuse_child(going):
                raise ToolError(refusal)


def _state_id(arguments: Mapping[str, Any], above: RunSpec, scope: StepScope) -> str | None:
    if above.state is None:  # a run that is done once more works for nobody
        return None
    digest = hashlib.sha256(f"{scope.run.id}/{scope.key}".encode()).hexdigest()
    return arguments.get("child_id") or f"{above.state}_{digest[:8]}"


class SleepTool(CarriedTool):
    """Lets an agent sleep until others have ended or a time has come."""

    def __init__(self, supervisor: "Supervisor", limits: TaskLimits) -> None:
        self._supervisor, self._limits = supervisor, limits

    @property
    def carried(self) -> Sleep:
        """The loop sleeps."""
        return Sleep(self._limits)

    def get_name(self) -> str:
        """As the model knows it."""
        return "sleep_and_wait"

    def get_description(self) -> str:
        """What the model is told of it."""
        return (
            "Sleep, and be told what woke you. 'waitset': until agents that you started have ended, all of them or any "
            "of them; you get what they answered. 'timer': for delay_seconds, counted in time_unit. 'periodic': until "
            "the next of many points, delay_seconds apart; sleep again for the one after it, or answer to end it."
        )

    def get_parameters(self) -> dict[str, Any]:
        """What to wait for."""
        default = self._limits.default_wait_timeout
        properties = {
            "wake_type": {"type": "string", "enum": [WakeType.WAITSET, WakeType.TIMER, WakeType.PERIODIC]},
            "wait_mode": {"type": "string", "enum": list(WaitMode), "description": "Wait for all of them (default)."},
            "wait_for": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": "Ids of agents; without it, all of yours of which you do not know yet how they ended.",
            },
            "timeout": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": f"Seconds after which to wake in any case ({default:g} for a waitset).",
            },
            "delay_seconds": {"type": "number", "exclusiveMinimum": 0, "description": "How long, in time_unit."},
            "time_unit": {"type": "string", "enum": list(TimeUnit), "description": "Seconds, unless you say else."},
        }
        return {"type": "object", "properties": properties, "required": ["wake_type"]}

    async def prepare(self, arguments: Mapping[str, Any], scope: StepScope, asked: Mapping[str, Any]) -> Any:
        """What is to wake the agent, and what time it is now."""
        kind, unit = arguments["wake_type"], TimeUnit(arguments.get("time_unit", TimeUnit.SECONDS))
        if max(arguments.get("timeout", 0), arguments.get("delay_seconds", 0) * unit.seconds) > LONGEST:
            raise ToolError(f"a sleep lasts at most {LONGEST:,} seconds")
        if kind == WakeType.WAITSET:
            ids, mode = arguments.get("wait_for"), arguments.get("wait_mode", WaitMode.ALL)
            waits = list(dict.fromkeys(ids)) if ids else None
            return {"type": str(kind), "waitFor": waits, "mode": str(mode), "timeout": arguments.get("timeout")}
        delay = arguments.get("delay_seconds")
        if delay is None:
            raise ToolError(f"a sleep of the type {kind!r} needs delay_seconds")
        told = {"timeValue": delay, "timeUnit": str(unit), "timeout": arguments.get("timeout")}
        return {"type": kind, "seconds": delay * unit.seconds, "at": self._supervisor.clock.now(), **told}


class QueryTool(BaseTool):
    """Tells how an agent below the one that calls is getting on."""

    effect = "read"

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor

    def get_name(self) -> str:
        """As the model knows it."""
        return "query_spawned_agent"

    def get_description(self) -> str:
        """What the model is told of it."""
        return "Look at an agent that you started, or that one of yours did: how it stands, and what it answered."

    def get_parameters(self) -> dict[str, Any]:
        """Which one."""
        properties = {"agent_id": {"type": "string", "description": "The id that spawn_agent gave."}}
        return {"type": "object", "properties": properties, "required": ["agent_id"]}

    def is_concurrency_safe(self) -> bool:
        """It only looks."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """Where it stands, its task and its answer."""
        id = parameters["agent_id"]
        if not await self._supervisor.states.is_below(id, context.state_id):
            raise ToolError(f"there is no agent {id!r} below you")
        state = await self._supervisor.states.look(id)
        told = {"agent_id": id, "status": state.status, "task": state.task, "result_summary": state.result_summary}
        return ToolResult.of(told)
