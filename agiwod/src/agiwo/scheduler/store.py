"""The scheduled agents that are kept in a store, for reading. Changes none: that is the scheduler's."""

from collections.abc import Awaitable, Callable, Sequence

from agiwo.errors import NotFound
from agiwo.scheduler.supervisor import Supervisor
from agiwo.schema.state import AgentState, AgentStateStatus


class AgentStateStorage:
    """Reads what a scheduler has in its store; opens the store when that was not done yet."""

    def __init__(self, supervisor: Callable[[], Awaitable[Supervisor]]) -> None:
        self._supervisor = supervisor

    async def get_state(self, state_id: str) -> AgentState | None:
        """The agent at this moment, or None when there is no such one."""
        supervisor = await self._supervisor()
        try:
            return await supervisor.states.look(state_id)
        except NotFound:
            return None

    async def list_states(
        self, statuses: Sequence[AgentStateStatus] | None = None, *, limit: int = 100
    ) -> Sequence[AgentState]:
        """Agents, the newest first; with `statuses` those that stand there."""
        return await (await self._supervisor()).states.list(statuses=statuses, limit=limit)

    async def list_children(self, state_id: str) -> Sequence[AgentState]:
        """The agents that one has started, the oldest first."""
        tree = await (await self._supervisor()).states.tree(state_id)
        return [child.state for child in tree.children]
