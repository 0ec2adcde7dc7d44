"""An agent as a run stores it: what the loop needs to know of it, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agiwo.loop.guard import TaskLimits
from agiwo.schema.budget import Budget
from agiwo.schema.skill import SkillEntry
from agiwo.schema.tool import ToolDefinition

SUMMARY_PROMPT = (
    "You must stop now: {reason}. Do not call any more tools. "
    "Sum up what you have found so far and what is left to do, and answer as well as you can."
)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run has to stop. `max_steps` counts model calls, `max_output_tokens` the output of all of them."""

    max_steps: int = 10
    max_output_tokens: int = 8196
    summary: bool = True
    summary_prompt: str = ""

    @property
    def prompt(self) -> str:
        """What asks for the summary, with `{reason}` or `%s` where the reason is to stand."""
        return self.summary_prompt or SUMMARY_PROMPT


@dataclass(frozen=True, slots=True)
class Delegate:
    """Another agent that stands behind a tool. Its run may be at most `max_depth` levels below the first one."""

    agent: str
    max_depth: int = 5


@dataclass(frozen=True, slots=True)
class Spawn:
    """The start of another agent that works on its own, within these limits."""

    limits: TaskLimits


@dataclass(frozen=True, slots=True)
class Sleep:
    """The wait for such agents, or for a time, within these limits."""

    limits: TaskLimits


@dataclass(frozen=True, slots=True)
class Hosted:
    """A call that the client which offers the tool carries out. It has `timeout` seconds, however often it is away.

    When the tool `asks`, somebody has to allow the call; its paths are below `root`.
    """

    timeout: float
    asks: bool = False
    root: str | None = None


Carried = Delegate | Spawn | Sleep | Hosted
"""A tool whose calls the loop carries out itself, in several recorded operations."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An agent's description as it was when the run was submitted.

    `carried` are the tools whose calls the loop carries out itself; `ancestors` the agents of the runs above, the first
    one first. `hooks` names the hooks that decide, so that a replay asks for the same steps. `maker` names the object
    that made the plan, where several in one process have the same id.

    Calls of the tools in `judged` are held against the rules before they run; with `asks` there is somebody to ask
    about them, who has `approval_timeout` seconds (None: any time). A conversation that comes near `context_tokens` is
    compacted. `output` says what the last answer is to fit, when it is to fit something: its JSON `schema`, and the
    name of the `type` that makes an object of it, if there is one. `budget` is for the run and all below it. `skills`
    is the catalogue that the run begins with, and keeps. It `is_alone` when nobody but a callback of its agent's can be
    asked.
    """

    model: str
    system_prompt: str = ""
    tools: Mapping[str, ToolDefinition] = field(default_factory=dict[str, ToolDefinition])
    limits: Limits = Limits()
    carried: Mapping[str, Carried] = field(default_factory=dict[str, Carried])
    ancestors: tuple[str, ...] = ()
    hooks: frozenset[str] = frozenset()
    memory_tokens: int = 2048
    maker: str = ""
    judged: frozenset[str] = frozenset()
    asks: bool = True
    approval_timeout: float | None = None
    context_tokens: int | None = None
    output: Mapping[str, Any] | None = None
    budget: Budget | None = None
    skills: tuple[SkillEntry, ...] = ()
    is_alone: bool = False

    def to_json(self) -> dict[str, Any]:
        """As it stands in a run's spec."""
        output = {} if self.output is None else {"output": dict(self.output)}
        return {
            "model": self.model,
            "systemPrompt": self.system_prompt,
            "tools": [_fields(tool) for tool in self.tools.values()],
            "limits": _fields(self.limits),
            "agents": {name: _carried_to_json(each) for name, each in self.carried.items()},
            "ancestors": list(self.ancestors),
            "hooks": sorted(self.hooks),
            "memoryTokens": self.memory_tokens,
            "maker": self.maker,
            "judged": sorted(self.judged),
            "asks": self.asks,
            "approvalTimeout": self.approval_timeout,
            "contextTokens": self.context_tokens,
            **output,
            **({"budget": self.budget.to_json()} if self.budget else {}),
            **({"isAlone": True} if self.is_alone else {}),
            **({"skills": [_fields(skill) for skill in self.skills]} if self.skills else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Plan":
        """The inverse of `to_json`."""
        tools = [ToolDefinition(**tool) for tool in data.get("tools", ())]
        return cls(
            data.get("model", ""),
            data.get("systemPrompt", ""),
            {tool.name: tool for tool in tools},
            Limits(**data.get("limits", {})),
            {name: _carried_from_json(each) for name, each in data.get("agents", {}).items()},
            tuple(data.get("ancestors", ())),
            frozenset(data.get("hooks", ())),
            data.get("memoryTokens", 2048),
            data.get("maker", ""),
            frozenset(data.get("judged", ())),
            data.get("asks", True),
            data.get("approvalTimeout"),
            data.get("contextTokens"),
            data.get("output"),
            Budget.from_json(data["budget"]) if data.get("budget") else None,
            tuple(SkillEntry(**skill) for skill in data.get("skills", ())),
            data.get("isAlone", False),
        )


def hosted_tools(plan: Mapping[str, Any]) -> list[ToolDefinition]:
    """The tools of a stored plan that clients host."""
    hosted = {name for name, each in plan.get("agents", {}).items() if each.get("does") == "host"}
    return [ToolDefinition(**tool) for tool in plan["tools"] if tool["name"] in hosted] if hosted else []


def hosted_as(plan: Mapping[str, Any], name: str) -> Hosted | None:
    """How a client hosts the tool of that name in a stored plan; None when none does."""
    carried = plan.get("agents", {}).get(name)
    found = _carried_from_json(carried) if carried else None
    return found if isinstance(found, Hosted) else None


def _carried_to_json(carried: Carried) -> dict[str, Any]:
    if isinstance(carried, Delegate):
        return _fields(carried)
    if isinstance(carried, Hosted):
        more = {"asks": carried.asks, "root": carried.root}
        return {"does": "host", "timeout": carried.timeout, **{name: value for name, value in more.items() if value}}
    return {"does": "spawn" if isinstance(carried, Spawn) else "sleep", **carried.limits.to_json()}


def _carried_from_json(data: Mapping[str, Any]) -> Carried:
    if "does" not in data:
        return Delegate(**data)
    if data["does"] == "host":
        return Hosted(data["timeout"], data.get("asks", False), data.get("root"))
    limits = TaskLimits.from_json(data)
    return Spawn(limits) if data["does"] == "spawn" else Sleep(limits)


def _fields(part: ToolDefinition | Limits | Delegate | SkillEntry) -> dict[str, Any]:
    # Not `asdict`, which copies all the way down what the journal is going to copy anyway.
    return {name: getattr(part, name) for name in type(part).__slots__}
