"""A scheduler: agents that start others, sleep, and go on, in this process. The supervisor over a store of its own."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from agiwo import ids
from agiwo.abort import AbortSignal
from agiwo.agent.agent import Agent
from agiwo.agent.home import Home, home_for
from agiwo.agent.observers import has_seen
from agiwo.clock import Clock
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.errors import AgiwoError, Conflict, NotFound
from agiwo.scheduler.config import SchedulerConfig
from agiwo.scheduler.portrait import AgentTree
from agiwo.scheduler.store import AgentStateStorage
from agiwo.scheduler.supervisor import Supervisor
from agiwo.schema.budget import Budget
from agiwo.schema.content import UserInput
from agiwo.schema.run import TerminationReason
from agiwo.schema.setting import require_kind
from agiwo.schema.state import AgentState, AgentStateStatus
from agiwo.schema.stream import RunOutput, StreamEvent


class Scheduler:
    """Runs agents that can start others and sleep until these have ended or a time has come.

    It is started by its first use or by `async with`, until it is stopped, and goes on with what an earlier process
    left in its store; for that it must know the agents, so they are given here. Agents that are submitted become known,
    too. None of them is changed: the scheduler works with copies, which share their model. `spawn_agent` can name each
    of them.

    A test gives a `clock`, and moves it: agents sleep by that. All who name the same store have the same one.
    """

    def __init__(
        self, config: SchedulerConfig | None = None, agents: Iterable[Agent] = (), *, clock: Clock | None = None
    ) -> None:
        self.config, self._clock = config or SchedulerConfig(), clock
        self._agents: dict[str, Agent] = {agent.id: agent for agent in agents}
        self._home: Home | None = None
        self._supervisor: Supervisor | None = None
        self._is_stopped = False
        self._watches: set[asyncio.Task[None]] = set()

    @property
    def store(self) -> AgentStateStorage:
        """The agents that are kept where this scheduler's are, for reading."""
        return AgentStateStorage(self._opened)

    def family(self) -> Iterator[Agent]:
        """The agents as they run here, with those behind their tools."""
        if self._supervisor:
            for agent in list(self._agents.values()):
                yield from self._supervisor.managed(agent).family()

    # Its life

    async def start(self) -> Supervisor:
        """Open the store, and go on with what is in it; what does the work is returned.

        Raises:
            ConfigError, StorageError: the store cannot be opened.
        """
        self._is_stopped = False
        home = self._home = self._home or home_for(self.config.state_storage, self._clock)
        await home.enter(self, self.config.state_storage, self._meet)
        assert self._supervisor
        return self._supervisor

    async def _opened(self) -> Supervisor:
        if self._is_stopped:
            raise Conflict("the scheduler was stopped: start it again with start() or `async with`")
        return await self.start()

    def _meet(self, engine: EmbeddedEngine) -> None:
        self._supervisor = Supervisor(engine, self._find, self.config, clock=self._clock)

    def _find(self, id: str) -> Agent:
        if id not in self._agents:
            raise NotFound("agent", id, f"there are {', '.join(self._agents)}" if self._agents else "")
        return self._agents[id]

    async def stop(self, wait: float | None = None) -> None:
        """Wait for agents that are at work (`wait` seconds, else as configured), and close the store.

        From its beginning on nothing more is taken; what is asked for is a `Conflict`, until `start` is called again.

        What is kept in a file goes on when a scheduler over it is started again: sleepers sleep on meanwhile.
        """
        self._is_stopped = True
        seconds = self.config.graceful_shutdown_wait_seconds if wait is None else wait
        if self._supervisor and seconds:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._supervisor.at_rest()
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        home, self._home = self._home, None
        if self._supervisor:
            self._supervisor.close()
        if home:
            await home.leave(self)
        self._supervisor = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(0 if error else None)

    # Asking for work

    async def run(
        self,
        agent: Agent,
        user_input: UserInput,
        *,
        session_id: str | None = None,
        abort_signal: AbortSignal | None = None,
        persistent: bool = False,
        timeout: float | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
    ) -> RunOutput:
        """Submit, and wait for the end; cancelling the caller cancels the agent. See `submit` and `wait_for`."""
        supervisor, task = await self._opened(), ids.fresh("run")
        try:
            state = await self.submit(
                agent,
                user_input,
                session_id=session_id,
                abort_signal=abort_signal,
                persistent=persistent,
                user_id=user_id,
                metadata=metadata,
                budget=budget,
                run_id=task,
            )
            return await self.wait_for(state, timeout=timeout)
        except asyncio.CancelledError:
            with suppress(AgiwoError):
                await supervisor.engine.cancel(task, "the caller was cancelled")
            raise

    async def submit(
        self,
        agent: Agent,
        user_input: UserInput,
        *,
        session_id: str | None = None,
        abort_signal: AbortSignal | None = None,
        persistent: bool = False,
        state_id: str | None = None,
        run_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
    ) -> str:
        """Let an agent work on a task, and return at once its id here: the agent's own, unless another one is given.

        A persistent one takes more tasks with `submit_task` afterwards, until it is shut down or cancelled. The signal
        cancels the agent and all below it. `run_id` is the id of the task, when it is to have a certain one.

        Raises:
            ConfigError: it cannot be asked this.
            StateConflict: it is at work, or sleeps, or waits for tasks; a `RuntimeError`, too.
            BudgetExhausted: the input alone has more tokens than the budget.
        """
        require_kind("the agent that is submitted", agent, Agent)
        require_kind("abort_signal", abort_signal, AbortSignal, optional=True)
        require_kind("state_id", state_id, str, optional=True)
        supervisor = await self._opened()
        is_new = self._agents.get(agent.id) is not agent
        self._agents[agent.id] = agent
        if is_new and self._home:
            await self._home.resume(supervisor.managed(agent))
        state = await supervisor.submit(
            agent,
            user_input,
            state_id=state_id,
            session_id=session_id,
            persistent=persistent,
            user_id=user_id,
            metadata=metadata,
            budget=budget,
            run=run_id,
        )
        if abort_signal and abort_signal.is_aborted():
            await supervisor.cancel(state, abort_signal.reason or "")
        elif abort_signal:
            watch = asyncio.create_task(self._obey(abort_signal, supervisor, state), name=f"abort signal of {state}")
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)
        return state

    async def _obey(self, signal: AbortSignal, supervisor: Supervisor, state: str) -> None:
        await signal.wait()
        with suppress(AgiwoError):
            await supervisor.cancel(state, signal.reason or "")

    async def submit_task(self, state_id: str, task: UserInput) -> str:
        """Give a persistent agent another task, and return the task's id; it does them one after the other.

        Raises:
            NotFound: there is no such agent.
            StateConflict: it takes no more tasks; a `RuntimeError`, too.
        """
        return await (await self._opened()).submit_task(state_id, task)

    async def wait_for(self, state_id: str, timeout: float | None = None, *, task: str | None = None) -> RunOutput:
        """How a task ended, once it has: this one, or the one that was submitted last when this is called.

        When the time is over first, the termination reason says so, and the agent goes on.

        Raises:
            NotFound: there is no such agent, or it was given no such task.
            Conflict: another process is at it, or the scheduler was stopped meanwhile.
        """
        supervisor = await self._opened()
        state = await supervisor.states.get(state_id)
        run = task or state.run
        observer = self._home and self._home.observers.of(run)
        try:
            result = await supervisor.wait_for(state_id, run, timeout)
        except TimeoutError:
            return RunOutput(state.session, run, termination_reason=TerminationReason.TIMEOUT)
        await has_seen(observer)
        return RunOutput.of(result)

    # Ending

    async def cancel(self, state_id: str, reason: str = "") -> bool:
        """End an agent, its tasks and all below it, for good; False when there was nothing to end.

        Raises:
            NotFound: there is no such agent.
        """
        return await (await self._opened()).cancel(state_id, reason)

    async def shutdown(self, state_id: str) -> bool:
        """Let an agent and those below it finish without sleeping again and say a last word; False when it was over.

        Returns at once; `wait_for` gives that last word.

        Raises:
            NotFound: there is no such agent.
        """
        return await (await self._opened()).shutdown(state_id)

    # Looking

    async def get_state(self, state_id: str) -> AgentState | None:
        """The agent at this moment, or None when there is no such one."""
        return await self.store.get_state(state_id)

    async def list(
        self,
        *,
        statuses: Sequence[AgentStateStatus] | None = None,
        agent_id: str | None = None,
        roots: bool = False,
        before: str | None = None,
        limit: int = 100,
    ) -> Sequence[AgentState]:
        """Agents, the newest first, with `roots` those that no other one started.

        `before` is the id of the last one of the previous page.

        Raises:
            NotFound: there is no agent `before`.
        """
        supervisor = await self._opened()
        return await supervisor.states.list(statuses=statuses, agent=agent_id, roots=roots, before=before, limit=limit)

    async def tree(self, state_id: str) -> AgentTree:
        """The agent and all below it: what each does or waits for, how long already, and what it used.

        Raises:
            NotFound: there is no such agent.
        """
        return await (await self._opened()).states.tree(state_id)

    async def events(self, state_id: str) -> AsyncGenerator[StreamEvent]:
        """The events of an agent and of all below it, as they happen, until it has nothing more to do.

        Raises:
            NotFound: there is no such agent.
            Conflict: another process is at it, or the scheduler was stopped meanwhile.
        """
        async for event in (await self._opened()).events(state_id):
            yield event
