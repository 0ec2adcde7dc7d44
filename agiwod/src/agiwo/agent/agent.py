"""An agent that works: its runs are started, read, forked and taken up again here. The one thing most users make."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from agiwo import ids
from agiwo.abort import AbortSignal
from agiwo.agent.as_tool import AgentTool
from agiwo.agent.asked import Asked
from agiwo.agent.definition import AgentDefinition
from agiwo.schema.budget import Budget
from agiwo.schema.content import UserInput
from agiwo.schema.run import RunSpec
from agiwo.schema.setting import require_kind
from agiwo.schema.stream import RunOutput, StreamEvent
from agiwo.schema.tool import ExecutionContext
from agiwo.schema.trace_context import TraceContext

# The engine and the loop are loaded by the first run: they are more than half of what there is to load.
if TYPE_CHECKING:
    from agiwo.agent.handle import RunHandle
    from agiwo.agent.home import Home
    from agiwo.agent.output_type import OutputType
    from agiwo.agent.run_step_storage import RunStepStorage
    from agiwo.engine.embedded import EmbeddedEngine
    from agiwo.journal.base import Journal
    from agiwo.observability import BaseTraceStorage


class Agent(AgentDefinition):
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

    _home: "Home | None" = None

    # Runs

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
        return await self._begin(
            ids.fresh("run"),
            user_input,
            output_type,
            abort_signal,
            session_id=session_id,
            user_id=user_id,
            metadata=metadata,
            budget=budget,
            traceparent=traceparent,
        )

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

        Without `on_approval` there is nobody to ask: the model is told so of each call that needs somebody's word, as
        it is when `on_approval` fails or gives no answer.
        With the `context` of a tool call the run is below that call's: it is for the same user, one level deeper. It
        has the `budget` that it is given; only agents behind tools draw from the one above them. `output_type` is as in
        `start`.

        Raises:
            BudgetExhausted: the input alone has more tokens than the budget.
        """
        run = ids.fresh("run")
        try:
            handle = await self._begin(
                run,
                user_input,
                output_type,
                abort_signal,
                context,
                asks=False,
                session_id=session_id,
                user_id=user_id,
                metadata=metadata,
                budget=budget,
                traceparent=traceparent,
            )
            return await handle.wait()
        except asyncio.CancelledError:
            if self._home:
                await self._home.forsake(run)
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
        handle = await self._begin(
            ids.fresh("run"),
            user_input,
            output_type,
            abort_signal,
            asks=False,
            session_id=session_id,
            user_id=user_id,
            metadata=metadata,
            budget=budget,
            traceparent=traceparent,
        )
        async for event in handle.stream():
            yield event

    async def _begin(
        self,
        run: str,
        user_input: UserInput,
        output_type: Any,
        abort_signal: AbortSignal | None,
        context: ExecutionContext | None = None,
        *,
        asks: bool = True,
        **asked: Unpack[Asked],
    ) -> "RunHandle":
        require_kind("abort_signal", abort_signal, AbortSignal, optional=True)
        require_kind("context", context, ExecutionContext, optional=True)
        output = self._output(output_type)
        await self.ready()
        spec = self.spec(user_input, asks=asks, output=output, **asked)
        if context is not None:
            spec = _below(context, spec)
        engine, home = await self._enter()
        return await home.start(engine, spec, run, abort_signal, output)

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

    def _output(self, output_type: Any) -> "OutputType | None":
        return None if output_type is None else self.program.output_types.of(output_type)

    # Sessions

    async def fork(self, session_id: str, *, at: str, seq: int | None = None) -> str:
        """The id of a new session that goes on from the run `at` of this one, or from event `seq` of that run.

        With `seq` 0 it goes on from the moment before the run. Nothing is copied, and the session stays as it is.

        Raises:
            NotFound: no such session, or no such run in it.
            Conflict: the run is still going and no `seq` was given.
            CursorExpired: the run has not had that many events.
        """
        require_kind("seq", seq, int, optional=True)
        engine, _ = await self._enter()
        return (await engine.branching.fork(session_id, at, seq)).id

    async def rewind(self, session_id: str, *, at: str, seq: int | None = None) -> None:
        """Let the session go on from there itself; what lies behind stays, and can be forked.

        Raises:
            NotFound, CursorExpired: as `fork`.
            Conflict: a run of the session is going, or waits to go.
        """
        require_kind("seq", seq, int, optional=True)
        engine, _ = await self._enter()
        await engine.branching.rewind(session_id, at, seq)

    # Other agents

    def family(self) -> Iterator["Agent"]:
        """This agent and all that it can call, each once."""
        known: dict[str, Agent] = {}
        waiting: list[Agent] = [self]
        while waiting:
            agent = waiting.pop()
            if agent.maker not in known:
                known[agent.maker] = agent
                waiting += [each.agent for each in agent.carried if isinstance(each, AgentTool)]
        yield from known.values()

    def as_tool(self, description: str | None = None, name: str | None = None, max_depth: int = 5) -> AgentTool:
        """A tool with which another agent has this one do a task; see `AgentTool`."""
        return AgentTool(self, name, description, max_depth)

    # Where it lives

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
