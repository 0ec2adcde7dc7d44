"""An agent: a model, tools and a prompt under a name. The one thing most users make."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agiwo import ids
from agiwo.abort import AbortSignal
from agiwo.agent.approver import Approver
from agiwo.agent.as_tool import AgentTool
from agiwo.agent.carried_tool import CarriedTool
from agiwo.agent.hooks import AgentHooks
from agiwo.agent.options import AgentOptions
from agiwo.errors import ConfigError, NotFound, StorageError
from agiwo.llm.base import Model
from agiwo.loop.plan import Hosted, Plan
from agiwo.schema.budget import Budget, lower
from agiwo.schema.content import UserInput, stored_input
from agiwo.schema.run import RunSpec
from agiwo.schema.stream import RunOutput, StreamEvent
from agiwo.schema.tool import ExecutionContext, ToolDefinition
from agiwo.schema.trace_context import TraceContext
from agiwo.tool.base import BaseTool
from agiwo.tool.builtin import builtin_tool
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.function import tool
from agiwo.tool.toolset import Toolset

# The engine and the loop are loaded by the first run: they are more than half of what there is to load.
if TYPE_CHECKING:
    from agiwo.agent.handle import RunHandle
    from agiwo.agent.home import Home
    from agiwo.agent.output_type import OutputType
    from agiwo.agent.program import AgentProgram
    from agiwo.agent.run_step_storage import RunStepStorage
    from agiwo.engine.embedded import EmbeddedEngine
    from agiwo.journal.base import Journal
    from agiwo.observability import BaseTraceStorage
    from agiwo.observability.collector import Keeping
    from agiwo.skill.skillset import Skillset

_DEFAULT_TOOLS = ("calculator", "current_time", "http_request")
"""The builtin tools that can do no harm."""

HOSTED_SECONDS = 600.0
"""How long a call of a tool that a client hosts waits, unless the tool says: a person may have to start it again."""


class Agent:
    """An agent that runs in this process. `tools` takes tools, plain functions, and sets of tools that come and go.

    Without `tools` it has `calculator`, `current_time` and `http_request`; with an empty list it has none.

    Its runs are kept where `options.run_step_storage` says: in memory until `close`, or in a file. One agent serves any
    number of runs at the same time; runs of one session go one after the other.

    `on_approval` is asked about each call that needs somebody's word, also about those of agents behind its tools that
    have none of their own. It runs beside the run and may take its time; others may answer first, and then it is
    cancelled. Several calls of one answer are asked about at the same time.

    `skills` are what it may read when a task is for one of them (`SkillManager.select` gives them); the options'
    `enable_skill` makes some of a directory. A run keeps the ones that there were when it was started.
    """

    pool: "asyncio.Semaphore | None" = None
    """The slots of the scheduler that it works for, if it works for one, and then for it alone."""

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
        self._carried = [each for each in self.tools if isinstance(each, CarriedTool)]
        self._executor = ToolExecutor(self.tools, policy=self.options.approval_policy, toolsets=self.toolsets)
        self._home: Home | None = None

    @cached_property
    def program(self) -> "AgentProgram":
        """What an engine runs for this agent."""
        from agiwo.agent.program import AgentProgram

        carried, patience = self._carried, self.options.stream_cleanup_timeout
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
        hosted: Sequence[ToolDefinition] = (),
    ) -> Plan:
        """The agent's description as each run stores it; `ancestors` are the agents of the runs above.

        `asks` says that there is somebody who can answer questions; else there is only `on_approval`. `hosted` are
        tools that somebody else runs for the agent, under names that none of its own has.
        """
        return Plan(
            self.model.name,
            self.system_prompt,
            {**self._executor.definitions, **{each.name: each for each in hosted}},
            self.options.limits,
            {each.name: each.carried for each in self._carried}
            | {each.name: Hosted(each.timeout_seconds or HOSTED_SECONDS) for each in hosted},
            ancestors,
            self.hooks.deciding,
            self.options.relevant_memory_max_token,
            self.maker,
            self._executor.judged.union(each.name for each in hosted if self._executor.is_ruled(each.name)),
            asks or self.on_approval is not None,
            approval_timeout=self.options.approval_timeout,
            context_tokens=self.options.context_tokens,
            budget=self.options.budget if budget is None else budget.within(self.options.budget),
            skills=self.skills.entries() if self.skills and self.model.calls_tools else (),
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
        hosted: Sequence[ToolDefinition] = (),
    ) -> RunSpec:
        """What a run of this agent is asked to do; without a session it gets a new one.

        `asks` and `hosted` are as in `plan`.

        `traceparent` names the span that the run is to be below, as W3C Trace Context writes it.

        Raises:
            BudgetExhausted: the input alone has more tokens than the budget.
        """
        from agiwo.loop.budget import refuse_unless_affordable

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

    def family(self) -> Iterator["Agent"]:
        """This agent and all that it can call, each once."""
        known: dict[str, Agent] = {}
        waiting: list[Agent] = [self]
        while waiting:
            agent = waiting.pop()
            if agent.maker not in known:
                known[agent.maker] = agent
                waiting += [each.agent for each in agent._carried if isinstance(each, AgentTool)]
        yield from known.values()

    def as_tool(self, description: str | None = None, name: str | None = None, max_depth: int = 5) -> AgentTool:
        """A tool with which another agent has this one do a task; see `AgentTool`."""
        return AgentTool(self, name, description, max_depth)

    @property
    def run_step_storage(self) -> "RunStepStorage":
        """The runs and steps that are kept where this agent's are, for reading; it opens what `run` would open."""
        from agiwo.agent.journal_view import JournalView

        return JournalView(self._journal)

    async def _journal(self) -> "Journal":
        engine, _ = await self._enter()
        return engine.journal

    @property
    def trace_storage(self) -> "BaseTraceStorage":
        """The traces of the runs that are kept where this agent's are.

        Those that `options.trace_storage` keeps are there at once; any other is made from the records of its runs.
        """
        from agiwo.observability.view import TraceView

        keeping = self.keeping
        captures = self.options.trace_storage.capture_content
        return TraceView(self._traced_journal, keeping and keeping.store, capture=captures)

    async def _traced_journal(self) -> "Journal":
        engine, home = await self._enter()
        await home.traces.settle()
        return engine.journal

    @cached_property
    def keeping(self) -> "Keeping | None":
        """Where traces of this agent's runs are kept, if anywhere."""
        storage = self.options.trace_storage
        if storage.storage_type is None:
            return None
        from agiwo.observability import TRACE_STORES
        from agiwo.observability.collector import Keeping

        return Keeping(TRACE_STORES[storage.storage_type](**storage.config), storage.capture_content)

    async def start(
        self,
        user_input: UserInput,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        abort_signal: AbortSignal | None = None,
        output_type: Any = None,
        budget: Budget | None = None,
        traceparent: str | None = None,
    ) -> "RunHandle":
        """Start a run and return at once; the handle watches, steers and stops it, and so does `abort_signal`.

        A call that needs somebody's word waits for `on_approval`, or for the handle's `answer`. The run and all below
        it keep to the `budget`, inside that of the agent's options.

        With an `output_type` the run ends with an object of that type as its output: a model of pydantic, another type
        that pydantic can check, or a JSON Schema. An answer that does not fit is asked for again, at most twice; then
        the run fails, and the kind of its error is `output_invalid`.

        Raises:
            ConfigError: no answer can be checked for that type.
            BudgetExhausted: the input alone has more tokens than the budget.
        """
        output = self._output(output_type)
        await self.ready()
        spec = self.spec(
            user_input,
            session_id=session_id,
            user_id=user_id,
            metadata=metadata,
            output=output,
            budget=budget,
            traceparent=traceparent,
        )
        engine, home = await self._enter()
        return await home.start(engine, spec, ids.fresh("run"), abort_signal, output)

    def _output(self, output_type: Any) -> "OutputType | None":
        return None if output_type is None else self.program.output_types.of(output_type)

    async def attach(self, run_id: str, *, output_type: Any = None) -> "RunHandle":
        """The handle of a run that was started before, also by an earlier process over the same file.

        Its output is JSON data, unless `output_type` says what to make of it.

        Raises:
            NotFound: no such run is kept where this agent's are.
            ConfigError: no answer can be checked for that type.
        """
        output = self._output(output_type)
        engine, home = await self._enter()
        return await home.attach(engine, run_id, output)

    async def run(
        self,
        user_input: UserInput,
        *,
        context: ExecutionContext | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        abort_signal: AbortSignal | None = None,
        output_type: Any = None,
        budget: Budget | None = None,
        traceparent: str | None = None,
    ) -> RunOutput:
        """Run to the end; a model that fails shows in the output's `error`. Cancelling the caller cancels the run.

        Without `on_approval` there is nobody to ask: the model is told so of each call that needs somebody's word.
        With the `context` of a tool call the run is below that call's: it is for the same user, one level deeper. It
        has the `budget` that it is given; only agents behind tools draw from the one above them. `output_type` is as in
        `start`.

        Raises:
            BudgetExhausted: the input alone has more tokens than the budget.
        """
        output = self._output(output_type)
        await self.ready()
        spec = self.spec(
            user_input,
            session_id=session_id,
            user_id=user_id,
            metadata=metadata,
            asks=False,
            output=output,
            budget=budget,
            traceparent=traceparent,
        )
        if context is not None:
            spec = _below(context, spec)
        run, (engine, home) = ids.fresh("run"), await self._enter()
        try:
            return await (await home.start(engine, spec, run, abort_signal, output)).wait()
        except asyncio.CancelledError:
            with suppress(NotFound, StorageError):
                await engine.cancel(run, "the caller was cancelled")
            raise

    async def run_stream(
        self,
        user_input: UserInput,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        abort_signal: AbortSignal | None = None,
        output_type: Any = None,
        budget: Budget | None = None,
        traceparent: str | None = None,
    ) -> AsyncGenerator[StreamEvent]:
        """Run, and iterate over the events up to the terminal one. Leaving early only stops reading.

        Without `on_approval` there is nobody to ask, as in `run`. With an `output_type`, as in `start`, events that
        bring more of the output have it in `partial`.
        """
        output = self._output(output_type)
        await self.ready()
        spec = self.spec(
            user_input,
            session_id=session_id,
            user_id=user_id,
            metadata=metadata,
            asks=False,
            output=output,
            budget=budget,
            traceparent=traceparent,
        )
        engine, home = await self._enter()
        handle = await home.start(engine, spec, ids.fresh("run"), abort_signal, output)
        async for event in handle.stream():
            yield event

    async def fork(self, session_id: str, *, at: str, seq: int | None = None) -> str:
        """The id of a new session that goes on from the run `at` of this one, or from event `seq` of that run.

        With `seq` 0 it goes on from the moment before the run. Nothing is copied, and the session stays as it is.

        Raises:
            NotFound: no such session, or no such run in it.
            Conflict: the run is still going and no `seq` was given.
            CursorExpired: the run has not had that many events.
        """
        engine, _ = await self._enter()
        return (await engine.branching.fork(session_id, at, seq)).id

    async def rewind(self, session_id: str, *, at: str, seq: int | None = None) -> None:
        """Let the session go on from there itself; what lies behind stays, and can be forked.

        Raises:
            NotFound, CursorExpired: as `fork`.
            Conflict: a run of the session is going, or waits to go.
        """
        engine, _ = await self._enter()
        await engine.branching.rewind(session_id, at, seq)

    @property
    def tool_names(self) -> frozenset[str]:
        """The names of all the tools that there are for it just now."""
        return frozenset(self._executor.definitions)

    async def ready(self) -> None:
        """Return once it is known which tools there are for a new run, or that takes too long; mostly at once."""
        await self._executor.ready()

    async def _enter(self) -> "tuple[EmbeddedEngine, Home]":
        from agiwo.agent.home import home_for

        storage = self.options.run_step_storage
        home = self._home = self._home or home_for(storage)
        return await home.enter(self, storage), home

    async def close(self) -> None:
        """End what is still running and let go of the model and the tools.

        Runs that are kept in a file and are not finished go on when an agent of this id is used again.
        """
        home, self._home = self._home, None
        if home:
            await home.leave(self, self.id)
        if "keeping" in self.__dict__ and self.keeping:
            await self.keeping.store.close()
        await self._executor.close()
        await self.model.close()


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


def _below(context: ExecutionContext, spec: RunSpec) -> RunSpec:
    own = TraceContext(context.trace_id, context.span_id) if context.trace_id and context.span_id else None
    return replace(
        spec,
        parent=context.run_id,
        depth=context.depth + 1,
        user_id=context.user_id,
        metadata=context.metadata,
        trace=own.header if own else spec.trace,
    )
