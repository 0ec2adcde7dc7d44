"""An agent as it was made: its model, tools, prompt and options, and how each run of it is described. Runs nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agiwo import ids
from agiwo.agent.approver import Approver
from agiwo.agent.asked import require_asked
from agiwo.agent.carried_tool import CarriedTool
from agiwo.agent.hooks import AgentHooks
from agiwo.agent.options import AgentOptions
from agiwo.errors import ConfigError
from agiwo.llm.base import Model
from agiwo.loop.plan import Hosted, Plan
from agiwo.schema.budget import Budget, lower
from agiwo.schema.content import UserInput, stored_input
from agiwo.schema.hosted import HostedTool
from agiwo.schema.run import RunSpec
from agiwo.schema.trace_context import TraceContext
from agiwo.tool.base import BaseTool
from agiwo.tool.builtin import builtin_tool
from agiwo.tool.executor import ToolExecutor, policy_names
from agiwo.tool.function import tool
from agiwo.tool.toolset import Toolset

# What a run needs is loaded by the first one: it is more than half of what there is to load.
if TYPE_CHECKING:
    from agiwo.agent.output_type import OutputType
    from agiwo.agent.program import AgentProgram
    from agiwo.observability.collector import Keeping
    from agiwo.skill.skillset import Skillset

_DEFAULT_TOOLS = ("calculator", "current_time", "http_request")
"""The builtin tools that can do no harm."""

HOSTED_SECONDS = 600.0
"""How long a call of a tool that a client hosts waits, unless the tool says: a person may have to start it again."""


class AgentDefinition:
    """What an agent is, can and may; `Agent` says what each part means."""

    def __init__(
        self,
        id: str,
        description: str,
        model: Model,
        tools: Sequence[BaseTool | Toolset | Callable[..., Any]] | None = None,
        system_prompt: str = "",
        options: AgentOptions | None = None,
        hooks: AgentHooks | None = None,
        on_approval: Approver | None = None,
        skills: "Skillset | None" = None,
    ) -> None:
        if not id:
            raise ConfigError("an agent needs an id")
        if not type(id) is type(description) is type(system_prompt) is str:
            _require_texts(id=id, description=description, system_prompt=system_prompt)
        _require("model", model, Model)
        self.id, self.description, self.model = id, description, model
        self.system_prompt, self.options = system_prompt, options or AgentOptions()
        self.hooks, self.on_approval = hooks or AgentHooks(), on_approval
        _require("options", self.options, AgentOptions)
        _require("hooks", self.hooks, AgentHooks)
        if on_approval is not None and not callable(on_approval):
            raise ConfigError(f"an agent takes as its on_approval an async function, and not {on_approval!r:.100}")
        if tools is not None and not isinstance(tools, list | tuple):
            raise ConfigError(f"an agent takes as its tools a list of tools and functions, and not {tools!r:.100}")
        given = map(builtin_tool, _DEFAULT_TOOLS) if tools is None else tools
        self.tools, self.toolsets = _sorted(given)
        self.skills = skills or _skills_of(self.options)
        if self.skills and self.skills.tool not in self.tools:
            self.tools.append(self.skills.tool)
        self.carried = [each for each in self.tools if isinstance(each, CarriedTool)]
        self._executor = ToolExecutor(self.tools, policy=self.options.approval_policy, toolsets=self.toolsets)

    @cached_property
    def program(self) -> "AgentProgram":
        """What an engine runs for this agent."""
        from agiwo.agent.program import AgentProgram

        carried, patience = self.carried, self.options.stream_cleanup_timeout
        return AgentProgram(
            self.model, self.system_prompt, self._executor, self.hooks, carried, patience, self.on_approval
        )

    @cached_property
    def maker(self) -> str:
        """Names this object, where there are several of one id."""
        return ids.fresh("maker")

    def plan(
        self,
        ancestors: tuple[str, ...] = (),
        *,
        asks: bool = True,
        budget: Budget | None = None,
        hosted: Sequence[HostedTool] = (),
    ) -> Plan:
        """The agent's description as each run stores it; `ancestors` are the agents of the runs above.

        `asks` says that there is somebody who can answer questions; else there is only `on_approval`. `hosted` are
        tools that somebody else runs for the agent, also in the place of its own of these names.
        """
        return Plan(
            self.model.name,
            self.system_prompt,
            {**self._executor.definitions, **{each.name: each.definition for each in hosted}},
            self.options.limits,
            {each.name: each.carried for each in self.carried} | {each.name: _hosted(each) for each in hosted},
            ancestors,
            self.hooks.deciding,
            self.options.relevant_memory_max_token,
            self.maker,
            self._judged(hosted),
            asks or self.on_approval is not None,
            approval_timeout=self.options.approval_timeout,
            context_tokens=self.options.context_tokens,
            budget=self.options.budget if budget is None else budget.within(self.options.budget),
            skills=self.skills.entries() if self.skills and self.model.calls_tools else (),
            is_alone=not asks and self.on_approval is not None,
        )

    def spec(
        self,
        user_input: UserInput,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        ancestors: tuple[str, ...] = (),
        asks: bool = True,
        output: "OutputType | None" = None,
        budget: Budget | None = None,
        traceparent: str | None = None,
        hosted: Sequence[HostedTool] = (),
    ) -> RunSpec:
        """What a run of this agent is asked to do; without a session it gets a new one.

        `asks` and `hosted` are as in `plan`.

        `traceparent` names the span that the run is to be below, as W3C Trace Context writes it.

        Raises:
            ConfigError: a run cannot be asked this.
            BudgetExhausted: the input alone has more tokens than the budget.
        """
        from agiwo.loop.budget import refuse_unless_affordable

        require_asked(
            {
                "session_id": session_id,
                "user_id": user_id,
                "metadata": metadata,
                "budget": budget,
                "traceparent": traceparent,
            }
        )
        plan, said = self.plan(ancestors, asks=asks, budget=budget, hosted=hosted), stored_input(user_input)
        refuse_unless_affordable(plan, said)
        return RunSpec(
            agent=self.id,
            session=session_id or ids.fresh("ses"),
            input=said,
            plan=(replace(plan, output=output.plan) if output else plan).to_json(),
            timeout=lower(self.options.run_timeout, plan.budget and plan.budget.seconds),
            user_id=user_id,
            metadata=metadata or {},
            trace=traceparent if TraceContext.parse(traceparent) else None,
        )

    def _judged(self, hosted: Sequence[HostedTool]) -> frozenset[str]:
        """The tools whose calls may need somebody's word, or be denied."""
        ruled = {each.name for each in hosted if each.asks or self._executor.is_ruled(*policy_names(each.definition))}
        return self._executor.judged.difference(each.name for each in hosted) | ruled

    @property
    def tool_names(self) -> frozenset[str]:
        """The names of all the tools that there are for it just now."""
        return frozenset(self._executor.definitions)

    async def ready(self) -> None:
        """Return once it is known which tools there are for a new run, or that takes too long; mostly at once."""
        await self._executor.ready()

    @cached_property
    def keeping(self) -> "Keeping | None":
        """Where traces of this agent's runs are kept, if anywhere."""
        storage = self.options.trace_storage
        if storage.storage_type is None:
            return None
        from agiwo.observability import TRACE_STORES
        from agiwo.observability.collector import Keeping

        return Keeping(TRACE_STORES[storage.storage_type](**storage.config), storage.capture_content)


def _hosted(tool: HostedTool) -> Hosted:
    return Hosted(tool.definition.timeout_seconds or HOSTED_SECONDS, tool.asks, tool.root)


def _sorted(given: Iterable[BaseTool | Toolset | Callable[..., Any]]) -> tuple[list[BaseTool], list[Toolset]]:
    tools: list[BaseTool] = []
    toolsets: list[Toolset] = []
    for each in given:
        if isinstance(each, Toolset):
            toolsets.append(each)
        else:
            tools.append(each if isinstance(each, BaseTool) else tool(each))
    return tools, toolsets


def _skills_of(options: AgentOptions) -> "Skillset | None":
    if not options.enable_skill:
        return None
    # Loaded with the first agent that has skills, as most have none.
    from agiwo.config import skill_directories
    from agiwo.skill.manager import SkillManager

    return SkillManager((options.skills_dir, *skill_directories())).select()


def _require(name: str, given: object, kind: type[object]) -> None:
    if not isinstance(given, kind):
        raise ConfigError(f"an agent takes as its {name} an object of {kind.__name__}, and not {given!r:.100}")


def _require_texts(**named: object) -> None:
    for name, given in named.items():
        _require(name, given, str)
