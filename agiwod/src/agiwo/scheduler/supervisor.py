"""Scheduled agents over any engine: submitted, given tasks, waited for, stopped. Knows no wire, and opens no store."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from agiwo import ids
from agiwo.agent.agent import Agent
from agiwo.clock import Clock, SystemClock
from agiwo.durable import Program
from agiwo.engine.serving import ServingEngine
from agiwo.errors import Conflict, NotFound, StateConflict
from agiwo.scheduler.config import SchedulerConfig
from agiwo.scheduler.managed import ManagedAgent
from agiwo.scheduler.reader import Readers
from agiwo.scheduler.states import States
from agiwo.scheduler.transitions import Action, refusal
from agiwo.schema.budget import Budget
from agiwo.schema.content import UserInput
from agiwo.schema.record import RunHead, State, StateChange
from agiwo.schema.run import RunResult, RunSpec, RunStatus
from agiwo.schema.stream import StreamEvent

_AT_WORK = frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING, RunStatus.CANCELLING})

_SHUT_DOWN = "the agent is shut down"

_LAST_TASK = (
    "You are being shut down, and this is your last task. Call no tools. "
    "Sum up what you have done and found, and what is left to do."
)


class Supervisor:
    """The operations on scheduled agents. What one of them returned is in the journal.

    `find` gives the agent of an id, or raises `NotFound`. Agents are run as managed copies, which share the model of
    the one that they are made from. `asks` says that there is somebody who answers questions about calls.
    """

    def __init__(
        self,
        engine: ServingEngine,
        find: Callable[[str], Agent],
        config: SchedulerConfig | None = None,
        *,
        clock: Clock | None = None,
        asks: bool = False,
    ) -> None:
        self.config, self.clock = config or SchedulerConfig(), clock or SystemClock()
        self._pool = asyncio.Semaphore(self.config.max_concurrent)
        self.states = States(engine.journal, self.clock)
        self.engine, self._find, self._asks = engine, find, asks
        self._readers = Readers(engine, self.states)
        self._managed: WeakKeyDictionary[Agent, ManagedAgent] = WeakKeyDictionary()

    # Agents

    def managed(self, agent: Agent) -> ManagedAgent:
        """The agent as it is run here; the same one each time."""
        if agent not in self._managed:
            self._managed[agent] = ManagedAgent(agent, self, self.config.task_limits, self._pool)
        return self._managed[agent]

    def known(self, id: str) -> ManagedAgent:
        """The agent of that id, as it is run here.

        Raises:
            NotFound: there is none.
        """
        return self.managed(self._find(id))

    def program(self, spec: RunSpec) -> Program | None:
        """The program of a run that works for a scheduled agent, or None while its agent is not there."""
        try:
            return self.known(spec.agent).program
        except NotFound:
            return None

    def pool_of(self, spec: RunSpec) -> asyncio.Semaphore | None:
        """For `ServingEngine.pool_of`: the slots of all that is scheduled here."""
        return self._pool if spec.state is not None else None

    # Asking for work

    async def submit(
        self,
        agent: Agent,
        user_input: UserInput,
        *,
        state_id: str | None = None,
        session_id: str | None = None,
        persistent: bool = False,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        run: str | None = None,
    ) -> str:
        """Let an agent work on a task, and return its id here, which is the agent's own unless another one is given.

        `run` is the id of the task; when it is the agent's task already, nothing new is started.

        Raises:
            StateConflict: it is at work, or sleeps, or waits for tasks.
            BudgetExhausted: the input alone has more tokens than the budget.
            StorageError: the store refuses writes; nothing was accepted.
        """
        id, session = state_id or agent.id, session_id or ids.fresh("ses")
        await agent.ready()
        spec = self.managed(agent).spec(
            user_input, session_id=session, user_id=user_id, metadata=metadata, asks=self._asks, budget=budget
        )

        task = run or ids.fresh("run")

        async def attempt(found: State | None) -> None:
            if found and found.run == task:
                return
            if found:
                await self._refuse("submit", found)
            at = self.clock.now()
            state = State(id, agent.id, session, task, at, at, persistent=persistent)
            await self._start(replace(spec, state=id), state, found)

        await self._attempt(id, attempt)
        return id

    async def submit_task(self, state: str, user_input: UserInput, *, run: str | None = None) -> str:
        """Give a persistent agent another task, which it does after those that it has; returns the task's id.

        The id may be given as `run`; when it is the agent's last task already, nothing new is started.

        Raises:
            NotFound: there is no such agent, or it is not known here any more.
            StateConflict: it takes no more tasks.
            BudgetExhausted, StorageError: as `submit`.
        """
        task = run or ids.fresh("run")

        async def attempt(found: State | None) -> None:
            root = self._there(state, found)
            if root.run == task:
                return
            await self._refuse("submit_task", root)
            await self._start_task(root, task, user_input)

        await self._attempt(state, attempt)
        return task

    async def _start_task(self, root: State, run: str, user_input: UserInput, phase: str = "open") -> None:
        agent = self.known(root.agent)
        await agent.ready()
        spec = agent.spec(user_input, session_id=root.session, asks=self._asks)
        changed = replace(root, run=run, phase=phase, updated_at=self.clock.now())
        await self._start(replace(spec, state=root.id), changed, root)

    async def _start(self, spec: RunSpec, state: State, found: State | None) -> None:
        await self.engine.start(spec, run=state.run, changes=[StateChange(state, found.version if found else 0)])
        self._readers.notice(state)

    # Waiting

    async def wait_for(self, state: str, task: str | None = None, timeout: float | None = None) -> RunResult:
        """How a task ended, once it has: this one, or the one that the agent was given last when this is called.

        Raises:
            NotFound: there is no such agent, or it was given no such task.
            TimeoutError: it was still going after `timeout` seconds.
            Conflict: another process is at it, or the engine was closed before that.
        """
        root = await self.states.get(state)
        if task not in (None, root.run) and not await self.states.is_task(root, task):
            raise NotFound("task", task, f"agent {state!r} was given none of that id")
        return await self.engine.result(task or root.run, timeout)

    # Ending

    async def cancel(self, state: str, reason: str = "") -> bool:
        """End an agent, all that it was given and all below it; False when there was nothing to end.

        Raises:
            NotFound: there is no such agent.
            StorageError: the store refuses writes; ask again when it takes them.
        """
        ended = False

        async def attempt(found: State | None) -> None:
            nonlocal ended
            root = self._there(state, found)
            if await self._refusal("cancel", root):
                return
            ended |= await self._cancel_all(await self.states.unfinished(root), reason)
            below = await self.states.below(state)  # of whom most have ended with that
            ended |= await self._cancel_all(await self.states.all_unfinished(below), reason)
            if root.persistent and (ended or root.phase == "open"):
                gone = replace(root, phase="cancelled", updated_at=self.clock.now(), meta={"reason": reason})
                await self.engine.storage.append_now(StateChange(gone, root.version))
                self._readers.notice(gone)
                ended = True

        await self._attempt(state, attempt)
        return ended

    async def _cancel_all(self, heads: Sequence[RunHead], reason: str) -> bool:
        """Cancel runs, the last one first, for the next one must not begin meanwhile; whether any was going."""
        ended = False
        for head in reversed(heads):
            ended |= head.status != RunStatus.CANCELLING and await self.engine.cancel(head.run, reason)
        return ended

    async def shutdown(self, state: str) -> bool:
        """Let an agent and those below it finish what they are at, without sleeping again, and say a last word.

        A persistent one is given nothing that it has not begun, and a last task: to sum up. False when it was over, or
        is being shut down.

        Raises:
            NotFound: there is no such agent.
            StorageError: the store refuses writes; ask again when it takes them.
        """
        is_asked, run = False, ids.fresh("run")

        async def attempt(found: State | None) -> None:
            nonlocal is_asked
            root = self._there(state, found)
            if await self._refusal("shutdown", root):
                return
            for each in [root, *await self.states.below(state)]:
                for head in reversed(await self.states.unfinished(each)):
                    await self._wind_up(head)
            if root.persistent:
                await self._start_task(root, run, _LAST_TASK, "closing")
                await self.engine.conclude(run, _SHUT_DOWN)
            is_asked = True

        await self._attempt(state, attempt)
        return is_asked

    async def _wind_up(self, head: RunHead) -> None:
        if head.status == RunStatus.QUEUED:
            await self.engine.cancel(head.run, "shut down before it began")
        else:
            await self.engine.conclude(head.run, _SHUT_DOWN, "tree")

    # Following

    async def events(self, state: str) -> AsyncGenerator[StreamEvent]:
        """The events of an agent and of all below it, as they happen, until it has nothing more to do.

        Raises:
            NotFound: there is no such agent.
            Conflict: another process is at its task, or the engine was closed meanwhile.
        """
        async for events in await self._readers.of(state):
            for event in events:
                yield event

    async def at_rest(self) -> None:
        """Return once no agent that is known here is at work: all have ended, or sleep, or cannot go on here."""
        journal = self.engine.journal
        news = asyncio.Event()
        while busy := await self._at_work():
            news.clear()
            unwatch = [journal.watch(head.run, lambda records: news.set()) for head in busy]
            try:
                if await self._at_work() == busy:
                    await news.wait()
            finally:
                for each in unwatch:
                    each()

    async def _at_work(self) -> Sequence[RunHead]:
        journal = self.engine.journal
        heads = [head for head in await journal.runs(statuses=_AT_WORK) if head.owner == journal.owner]
        return [head for head in heads if self._knows(head.agent) and await self.states.is_scheduled(head.run)]

    def _knows(self, agent: str) -> bool:
        try:
            return bool(self._find(agent))
        except NotFound:
            return False

    def close(self) -> None:
        """Let who follows events know that no more will come. To be called when the engine is closed."""
        self._readers.close()

    # Being first

    def _there(self, id: str, found: State | None) -> State:
        if found is None:
            raise NotFound("state", id, "no agent was submitted under that id")
        return found

    async def _refusal(self, action: Action, state: State) -> str | None:
        return refusal(action, state, await self.states.status(state))

    async def _refuse(self, action: Action, state: State) -> None:
        if why := await self._refusal(action, state):
            raise StateConflict(why)

    async def _attempt(self, id: str, attempt: Callable[[State | None], Awaitable[None]]) -> None:
        """Do what changes a state, again for as long as somebody else changed it first."""
        while True:
            found = await self.engine.journal.state(id)
            try:
                await attempt(found)
                return
            except StateConflict:
                raise
            except Conflict:
                now = await self.engine.journal.state(id)
                if (now.version if now else 0) == (found.version if found else 0):
                    raise
