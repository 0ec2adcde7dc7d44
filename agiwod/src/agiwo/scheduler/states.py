"""The states of scheduled agents as the journal has them, with the tasks of each. Changes none."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from agiwo.agent.home import spec_of
from agiwo.clock import Clock
from agiwo.errors import NotFound
from agiwo.journal.base import Journal
from agiwo.scheduler.portrait import AgentTree, portrait, used, waited_for
from agiwo.scheduler.transitions import status_of
from agiwo.schema.record import RunHead, State
from agiwo.schema.run import TERMINAL, RunStatus
from agiwo.schema.state import AgentState, AgentStateStatus

_UNFINISHED = frozenset(RunStatus) - TERMINAL
_PAGE = 500


class States:
    """Reads states, and the runs that work for them."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    async def get(self, id: str) -> State:
        """The state.

        Raises:
            NotFound: there is none of that id.
        """
        state = await self._journal.state(id)
        if state is None:
            raise NotFound("state", id, "no agent was submitted under that id")
        return state

    async def below(self, id: str) -> list[State]:
        """The states below it, those nearest to it first."""
        found: list[State] = []
        level = [id]
        while level:
            children = await self._children(level)
            found += children
            level = [child.id for child in children]
        return found

    async def _children(self, parents: list[str]) -> list[State]:
        found: list[State] = []
        before: str | None = None
        while page := await self._journal.states(parents=parents, before=before, limit=_PAGE):
            found += page
            before = page[-1].id
        return found

    async def unfinished(self, state: State) -> list[RunHead]:
        """The tasks of a state that have not ended, the oldest first."""
        if not state.persistent:
            head = await self._journal.run(state.run)
            return [head] if head and not head.status.is_terminal else []
        heads: list[RunHead] = []
        before: str | None = None
        while page := await self._journal.runs(
            session=state.session, agent=state.agent, statuses=_UNFINISHED, before=before, limit=_PAGE
        ):
            heads += [head for head in page if await self.is_task(state, head.run)]
            before = page[-1].run
        return heads[::-1]

    async def all_unfinished(self, states: Sequence[State]) -> list[RunHead]:
        """The tasks of these states that have not ended: of each the oldest first."""
        single = [state.run for state in states if not state.persistent]
        heads = await self._journal.runs(ids=single, statuses=_UNFINISHED, limit=len(single))
        for state in states:
            heads += await self.unfinished(state) if state.persistent else ()
        return heads

    async def is_task(self, state: State, run: str) -> bool:
        """Whether a run works, or worked, for this state."""
        head = await self._journal.run(run)
        return head is not None and head.session == state.session and await self._works_for(state, run)

    async def _works_for(self, state: State, run: str) -> bool:
        return (await spec_of(self._journal, run)).state == state.id

    async def left_behind(self, state: State, tasks: Collection[str]) -> list[str]:
        """The runs below a state that go on although those that started them are over, and are none of its `tasks`."""
        heads = await self.all_unfinished(await self.below(state.id))
        going = {*tasks, *(head.run for head in heads)}
        return [head.run for head in heads if head.parent not in going]

    async def is_scheduled(self, run: str) -> bool:
        """Whether a run works for an agent that is scheduled."""
        return (await spec_of(self._journal, run)).state is not None

    async def current(self, state: State) -> RunHead:
        """The task that the agent works on; without one, the one that it was given last.

        Raises:
            NotFound: its session was deleted since the state was read.
        """
        if state.persistent and (waiting := await self.unfinished(state)):
            return next((head for head in waiting if head.status != RunStatus.QUEUED), waiting[0])
        head = await self._journal.run(state.run)
        if head is None:
            raise NotFound("state", state.id)
        return head

    async def status(self, state: State) -> AgentStateStatus:
        """Where the agent stands."""
        return status_of(state, (await self.current(state)).status)

    async def is_below(self, id: str, above: str | None) -> bool:
        """Whether an agent was started by that one, or by one that it started."""
        found = await self._journal.state(id)
        while found and found.parent is not None and found.parent != above:
            found = await self._journal.state(found.parent)
        return found is not None and found.parent is not None

    async def count_going(self, runs: Sequence[str]) -> int:
        """How many of these runs have not ended."""
        return len(await self._journal.runs(ids=runs, statuses=_UNFINISHED, limit=len(runs)))

    # As their users see them

    async def look(self, id: str) -> AgentState:
        """The agent at this moment.

        Raises:
            NotFound: there is no such agent.
        """
        return (await self._seen(await self.get(id))).state

    async def list(
        self,
        *,
        statuses: Sequence[AgentStateStatus] | None = None,
        agent: str | None = None,
        roots: bool = False,
        before: str | None = None,
        limit: int = 100,
    ) -> Sequence[AgentState]:
        """Agents, the newest first, with `roots` those that no other one started.

        `before` is the id of the last one of the previous page.

        Raises:
            NotFound: there is no agent `before`.
        """
        found: list[AgentState] = []
        while len(found) < limit:
            page = await self._journal.states(agent=agent, roots=roots, before=before)
            if not page:
                break
            before = page[-1].id
            shown = [(await self._seen(each)).state for each in page]
            found += [each for each in shown if statuses is None or each.status in statuses]
        return found[:limit]

    async def tree(self, id: str) -> AgentTree:
        """The agent and all below it at this moment: what each does or waits for, how long, and what it used.

        Raises:
            NotFound: there is no such agent.
        """
        state = await self.get(id)
        below: dict[str | None, list[AgentTree]] = {}
        for each in reversed([state, *await self.below(state.id)]):
            seen = await self._seen(each)
            whole = replace(seen, children=tuple(sorted(below.get(each.id, ()), key=_age)))
            below.setdefault(each.parent, []).append(whole)
        return below[state.parent][-1]

    async def _seen(self, state: State) -> AgentTree:
        head = await self.current(state)
        records = await self._journal.load(head.run)
        above = await self._journal.state(state.parent) if state.parent else None
        ended = await self._ended(waited_for(records), head)
        usage = used(records)
        end = head.updated_at if head.status.is_terminal else self._clock.now()
        shown = portrait(state, head, records, above, ended)
        return AgentTree(shown, end - head.created_at, usage.total_tokens, usage.cost_usd)

    async def _ended(self, ids: Sequence[str], head: RunHead) -> Sequence[str]:
        """Those of the agents that a sleeping run waits for whose runs have ended."""
        runs: Sequence[str] = head.wake["runs"] if head.wake else ()
        heads = [await self._journal.run(run) for run in runs]
        return [id for id, each in zip(ids, heads, strict=False) if each and each.status.is_terminal]


def _age(tree: AgentTree) -> tuple[float, str]:
    return tree.state.created_at, tree.state.id
