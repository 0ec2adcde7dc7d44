"""Reads all that an agent does, task after task, and all below it, as one stream. Holds no events; slows nobody."""

from typing import Self
from weakref import WeakSet

from agiwo.agent.home import spec_of
from agiwo.agent.reader import TreeReader
from agiwo.durable import RunView
from agiwo.engine.cursor import Cursor
from agiwo.engine.serving import ServingEngine
from agiwo.errors import Conflict
from agiwo.scheduler.states import States
from agiwo.schema.record import State
from agiwo.schema.run import RunSpec


class StateReader(TreeReader):
    """The events of an agent's tasks and of the runs below it, until it has nothing more to do.

    It begins with the task that the agent is at, or was at last; what those below it do for an earlier one is told,
    too. Iterating is as with a `TreeReader`. Whoever gives the agent a task, or ends it, must say so here.
    """

    def __init__(self, engine: ServingEngine, states: States, state: str, root: Cursor, spec: RunSpec) -> None:
        super().__init__(engine, root, spec, {})
        self._states, self.state = states, state
        self._takes_more = True
        self._awaited: list[str] = []
        self._taken = {root.run}

    @classmethod
    async def of(cls, engine: ServingEngine, states: States, state: str) -> Self:
        """A reader of this agent.

        Raises:
            NotFound: there is no such agent.
            Conflict: another process is at its task.
        """
        found = await states.get(state)
        heads = await states.unfinished(found)
        if any(head.owner != engine.journal.owner for head in heads):
            raise Conflict(f"agent {state!r} is at work in another process, which alone sees what it does")
        tasks = [head.run for head in heads] or [found.run]
        reader = cls(engine, states, state, await engine.events(tasks[0]), await spec_of(engine.journal, tasks[0]))
        reader.notice(found, *tasks, *await states.left_behind(found, tasks))
        return reader

    async def look(self) -> None:
        """Take up what happened to the agent since this was made. To be called once `notice` is."""
        state = await self._states.get(self.state)
        tasks = [head.run for head in await self._states.unfinished(state)]
        self.notice(state, *tasks)

    def notice(self, state: State, *tasks: str) -> None:
        """The agent's state is now this one, and it was given these tasks."""
        self._takes_more = state.persistent and state.phase == "open"
        self._awaited += [task for task in (*tasks, state.run) if task not in self._taken]
        self._taken.update(self._awaited)
        self._news.set()

    async def _is_over(self) -> bool:
        while self._awaited and not self._is_closed:
            await self._follow_task(self._awaited.pop(0))
        self._branches = {run: branch for run, branch in self._branches.items() if not branch.cursor.finished}
        return not self._branches and not self._takes_more

    async def _follow_task(self, run: str) -> None:
        if run not in self._branches:
            spec = await spec_of(self._engine.journal, run)
            self._branches[run] = self._branch(RunView(run, spec), await self._engine.events(run, 0, self._wake))
            self._news.set()


class Readers:
    """Those who read here, each of whom is told what its agent was given, and when no more will come."""

    def __init__(self, engine: ServingEngine, states: States) -> None:
        self._engine, self._states = engine, states
        self._readers: WeakSet[StateReader] = WeakSet()

    async def of(self, state: str) -> StateReader:
        """A new reader of this agent, to which nothing is lost.

        Raises:
            NotFound: there is no such agent.
            Conflict: another process is at its task.
        """
        reader = await StateReader.of(self._engine, self._states, state)
        self._readers.add(reader)
        await reader.look()
        return reader

    def notice(self, state: State) -> None:
        """An agent's state is now this one."""
        for reader in self._readers:
            if reader.state == state.id:
                reader.notice(state)

    def close(self) -> None:
        """No more will come."""
        for reader in self._readers:
            reader.close()
