"""An agent: a model, tools and a prompt under a name. The one thing most users make."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from agiwo import ids
from agiwo.agent.handle import RunHandle
from agiwo.agent.options import AgentOptions
from agiwo.agent.program import AgentProgram
from agiwo.durable import Program
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.errors import ConfigError, NotFound, StorageError
from agiwo.journal.memory import MemoryJournal
from agiwo.llm.base import Model
from agiwo.loop.plan import Plan
from agiwo.schema.run import RunSpec
from agiwo.schema.stream import RunOutput, StreamEvent
from agiwo.tool.base import BaseTool
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.function import tool

UserInput = str | list[dict[str, Any]]
"""What an agent is asked: text, or content parts `{type: text | image | file, text?, url?, data?, mimeType?}`."""


class Agent:
    """An agent that runs in this process. `tools` takes tools and plain functions.

    Without a daemon its runs are kept in memory until `close`. One agent serves any number of runs at the same time;
    runs of one session go one after the other.
    """

    def __init__(
        self,
        id: str,
        description: str,
        model: Model,
        tools: Sequence[BaseTool | Callable[..., Any]] = (),
        system_prompt: str = "",
        options: AgentOptions | None = None,
    ) -> None:
        if not id:
            raise ConfigError("an agent needs an id")
        self.id, self.description, self.model = id, description, model
        self.system_prompt, self.options = system_prompt, options or AgentOptions()
        self.tools = [each if isinstance(each, BaseTool) else tool(each) for each in tools]
        self._executor = ToolExecutor(self.tools)
        self._engine: EmbeddedEngine | None = None
        self.program = AgentProgram(model, system_prompt, self._executor)

    def plan(self) -> Plan:
        """The agent's description as each run stores it."""
        return Plan(self.model.name, self.system_prompt, self._executor.definitions, self.options.limits)

    def spec(
        self,
        input: UserInput,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> RunSpec:
        """What a run of this agent is asked to do; without a session it gets a new one."""
        return RunSpec(
            agent=self.id,
            session=session_id or ids.fresh("ses"),
            input=input,
            plan=self.plan().to_json(),
            timeout=self.options.run_timeout,
            user_id=user_id,
            metadata=metadata or {},
        )

    async def start(
        self,
        input: UserInput,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> RunHandle:
        """Start a run and return at once; the handle watches, steers and stops it."""
        spec = self.spec(input, session_id=session_id, user_id=user_id, metadata=metadata)
        engine = self._own_engine()
        return RunHandle(engine, await engine.start(spec), spec)

    async def run(
        self,
        input: UserInput,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> RunOutput:
        """Run to the end; a model that fails shows in the output's `error`. Cancelling the caller cancels the run."""
        spec = self.spec(input, session_id=session_id, user_id=user_id, metadata=metadata)
        engine, run = self._own_engine(), ids.fresh("run")
        try:
            await engine.submit(spec, run=run)
            return RunOutput.of(await engine.result(run))
        except asyncio.CancelledError:
            with suppress(NotFound, StorageError):
                await engine.cancel(run, "the caller was cancelled")
            raise

    async def run_stream(
        self,
        input: UserInput,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[StreamEvent]:
        """Run, and iterate over the events up to the terminal one. Leaving early only stops reading."""
        handle = await self.start(input, session_id=session_id, user_id=user_id, metadata=metadata)
        async for event in handle.stream():
            yield event

    def _own_engine(self) -> EmbeddedEngine:
        if self._engine is None:
            self._engine = EmbeddedEngine(MemoryJournal(), _Only(self))
        return self._engine

    async def close(self) -> None:
        """End what is still running and let go of the model and the tools."""
        if self._engine:
            await self._engine.close()
            await self._engine.journal.close()
            self._engine = None
        await self._executor.close()
        await self.model.close()


class _Only:
    """The `Programs` of an agent that runs by itself."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def find(self, spec: RunSpec) -> Program | None:
        return self._agent.program if spec.agent == self._agent.id else None
