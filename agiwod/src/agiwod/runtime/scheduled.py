"""Scheduled agents as a client sees them: submit, give tasks, wait for, end, look at. Runs none itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from agiwo import ids
from agiwo.agent.home import spec_of
from agiwo.errors import NotFound
from agiwo.journal.base import Journal
from agiwo.scheduler.supervisor import Supervisor
from agiwo.schema.record import State
from agiwo.schema.state import AgentStateStatus

from agiwod.runtime.agents import Agents
from agiwod.runtime.cron import CRON, Begun
from agiwod.runtime.looks import Look, Looks
from agiwod.runtime.runs import Content

_PAGE: Final = 500

_ROOTS: Final = 1000
"""How many of the newest roots are looked through for those that have not ended."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who is to work on what. The same `key` for the same agent never makes a second state."""

    agent: str
    input: Content
    persistent: bool = False
    state: str | None = None
    session: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """A task that is recorded. `is_duplicate` when an earlier request with the same key had done so."""

    state: State
    run: str
    is_duplicate: bool = False


class Scheduled:
    """The scheduled agents. `check` raises when no new run may start, `ready` returns when one may begin."""

    def __init__(
        self,
        journal: Journal,
        agents: Agents,
        supervisor: Supervisor,
        check: Callable[[], None],
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        self._journal, self._agents, self._supervisor = journal, agents, supervisor
        self._check, self._ready, self._states = check, ready, supervisor.states
        self._looks = Looks(journal, supervisor.states, supervisor.clock)
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # Asking for work

    async def submit(self, order: Order) -> Submitted:
        """Let an agent work on a task, and return at once; or what was submitted with the same key.

        Raises:
            NotFound: there is no such agent.
            Conflict: the state that was asked for is at work.
            BudgetExhausted: the input alone has more tokens than the agent's budget.
            Draining, TooMuch: no new run may start.
            StorageError: the store refuses; nothing was accepted.
        """
        run = ids.derived("run", "submit", order.agent, order.key) if order.key else ids.fresh("run")
        async with self._once(run):
            if order.key and (known := await self._known(run)):
                return known
            self._check()
            return await self._submit(order, run)

    async def begin(self, id: str, agent: str, input: Content) -> Begun:
        """Let an agent work on what is due; once for each id. Also while the daemon drains: its next life goes on."""
        run = ids.derived("run", "due", id)
        async with self._once(run):
            if not await self._known(run):
                await self._submit(Order(agent, input, state=id), run)
        return Begun(id, run)

    async def _submit(self, order: Order, run: str) -> Submitted:
        agent = self._agents.get(order.agent).agent
        await self._ready()
        id = order.state or (order.agent if order.persistent else f"{order.agent}_{run[-8:]}")
        await self._supervisor.submit(
            agent, order.input, state_id=id, session_id=order.session, persistent=order.persistent, run=run
        )
        return Submitted(await self._states.get(id), run)

    async def submit_task(self, state: str, input: Content, key: str | None = None) -> Submitted:
        """Give a persistent agent another task, and return at once; or the one that was given with the same key.

        Raises:
            NotFound: there is no such state, or its agent is not there any more.
            Conflict: it takes no more tasks.
            BudgetExhausted, Draining, TooMuch, StorageError: as `submit`.
        """
        run = ids.derived("run", "task", state, key) if key else ids.fresh("run")
        async with self._once(run):
            if key and (known := await self._known(run)):
                return known
            self._check()
            await self._ready()
            await self._supervisor.submit_task(state, input, run=run)
            return Submitted(await self._states.get(state), run)

    def _once(self, run: str) -> asyncio.Lock:
        return self._starting.setdefault(run, asyncio.Lock())

    async def _known(self, run: str) -> Submitted | None:
        if await self._journal.run(run) is None:
            return None
        id = (await spec_of(self._journal, run)).state
        return Submitted(await self._states.get(id or ""), run, is_duplicate=True)

    # Ending

    async def task(self, state: str, task: str | None = None) -> str:
        """The run of a task of an agent; without `task`, of the one that it was given last.

        Raises:
            NotFound: there is no such state, or it was given no such task.
        """
        found = await self._get(state)
        if task is not None and not await self._states.is_task(found, task):
            raise NotFound("task", task, f"agent {state!r} was given none of that id")
        return task or found.run

    async def cancel(self, state: str, reason: str = "") -> tuple[bool, AgentStateStatus]:
        """End an agent and all below it, for good; whether there was something to end, and how it stands.

        Raises:
            NotFound: there is no such state.
            StorageError: the store refuses.
        """
        await self._get(state)
        accepted = await self._supervisor.cancel(state, reason)
        return accepted, await self._states.status(await self._get(state))

    async def shutdown(self, state: str) -> tuple[bool, AgentStateStatus]:
        """Let an agent and those below it sum up, and end; whether it had not ended yet, and how it stands.

        Raises:
            NotFound: there is no such state.
            StorageError: the store refuses.
        """
        await self._get(state)
        accepted = await self._supervisor.shutdown(state)
        return accepted, await self._states.status(await self._get(state))

    # Looking

    async def get(self, state: str) -> Look:
        """The agent as it stands.

        Raises:
            NotFound: there is no such state.
        """
        return await self._looks.at(await self._get(state))

    async def tree(self, state: str | None, limit: int) -> tuple[list[Look], bool]:
        """An agent and those below it, each before those below it; without `state`, the trees of unfinished roots.

        At most `limit`, and whether there are more.

        Raises:
            NotFound: there is no such state.
        """
        roots = [await self._get(state)] if state else await self._unfinished_roots()
        found: list[State] = []
        for root in roots:
            found += in_order(root, await self._states.below(root.id))
            if len(found) > limit:
                break
        looks = [await self._looks.find(each) for each in found[:limit]]
        return [look for look in looks if look], len(found) > limit

    async def _unfinished_roots(self) -> Sequence[State]:
        roots = await self._journal.states(roots=True, limit=_ROOTS)
        return [each for each in roots if each.agent != CRON and await self._is_active(each)]

    async def _is_active(self, state: State) -> bool:
        try:
            return (await self._states.status(state)).is_active
        except NotFound:  # its session was deleted since
            return False

    async def list(
        self,
        *,
        parent: str | None = None,
        agent: str | None = None,
        statuses: frozenset[str] | None = None,
        roots: bool = False,
        before: str | None = None,
        limit: int = 100,
    ) -> list[Look]:
        """Agents, the newest first; `before` is the id of the last one of the previous page.

        Raises:
            NotFound: there is no state `before`.
        """
        parents, found = None if parent is None else [parent], list[Look]()
        while len(found) < limit:
            page = await self._journal.states(parents=parents, agent=agent, roots=roots, before=before, limit=_PAGE)
            for each in page:
                if each.agent != CRON and len(found) < limit:
                    look = await self._looks.find(each)
                    found += [look] if look and (statuses is None or look.shown.status in statuses) else []
            if len(page) < _PAGE:
                break
            before = page[-1].id
        return found

    async def _get(self, id: str) -> State:
        state = await self._journal.state(id)
        if state is None or state.agent == CRON:
            raise NotFound("state", id)
        return state


def in_order(root: State, below: Sequence[State]) -> list[State]:
    """The root and those below it: each before those below it, and these in the order in which they were started."""
    children: dict[str | None, list[State]] = {}
    for state in sorted(below, key=lambda each: (each.created_at, each.id), reverse=True):
        children.setdefault(state.parent, []).append(state)
    found: list[State] = []
    waiting = [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1].id, ())
    return found
