"""What a store of runs and their steps is, and one in memory that anybody may fill. Not what agents write to."""

from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections.abc import Iterable
from operator import attrgetter

from agiwo.schema.step import StepRecord
from agiwo.schema.stored import Run


class RunStepStorage(ABC):
    """Runs, and the steps of sessions. `agent.run_step_storage` is one over the agent's journal, for reading."""

    @abstractmethod
    async def save_run(self, run: Run) -> None:
        """Keep a run, in the place of an earlier one of the same id."""

    @abstractmethod
    async def get_run(self, run_id: str) -> Run | None:
        """The run, or None."""

    @abstractmethod
    async def list_runs(
        self, user_id: str | None = None, session_id: str | None = None, limit: int = 20, offset: int = 0
    ) -> list[Run]:
        """Runs, newest first, of this user and this session where they are named."""

    @abstractmethod
    async def delete_run(self, run_id: str) -> None:
        """Forget a run and its own steps; those of other runs stay."""

    @abstractmethod
    async def save_step(self, step: StepRecord) -> None:
        """Keep a step, in the place of an earlier one with the same number in its session."""

    async def save_steps_batch(self, steps: Iterable[StepRecord]) -> None:
        """Keep several."""
        for step in steps:
            await self.save_step(step)

    @abstractmethod
    async def get_steps(
        self,
        session_id: str,
        start_seq: int | None = None,
        end_seq: int | None = None,
        run_id: str | None = None,
        agent_id: str | None = None,
        limit: int | None = 1000,
        ascending: bool = True,
    ) -> list[StepRecord]:
        """Steps of a session with numbers from `start_seq` to `end_seq`, at most `limit`, oldest first or newest first.

        The rest follows with a `start_seq` above the last one, or with `limit=None` at once.
        """

    @abstractmethod
    async def delete_steps(self, session_id: str, start_seq: int) -> int:
        """Forget the session's steps from this number on; how many there were."""

    async def get_last_step(self, session_id: str) -> StepRecord | None:
        """The session's newest step."""
        steps = await self.get_steps(session_id, limit=1, ascending=False)
        return steps[0] if steps else None

    async def get_step_count(self, session_id: str) -> int:
        """How many steps the session has."""
        return len(await self.get_steps(session_id, limit=None))

    async def get_max_sequence(self, session_id: str) -> int:
        """The number of the session's newest step; 0 when there is none."""
        last = await self.get_last_step(session_id)
        return last.sequence if last else 0

    @abstractmethod
    async def allocate_sequence(self, session_id: str) -> int:
        """The number for the session's next step; no one else gets it."""

    async def get_step_by_tool_call_id(self, session_id: str, tool_call_id: str) -> StepRecord | None:
        """The step with what this tool call gave."""
        steps = await self.get_steps(session_id, limit=None)
        return next((step for step in steps if step.tool_call_id == tool_call_id), None)

    async def close(self) -> None:  # noqa: B027 - most stores hold nothing
        """Let go of what the store holds."""


class InMemoryRunStepStorage(RunStepStorage):
    """A store in memory. A step costs the same however many there are."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._steps: dict[str, list[StepRecord]] = {}
        self._allocated: dict[str, int] = {}

    async def save_run(self, run: Run) -> None:
        """As `RunStepStorage.save_run`."""
        self._runs[run.id] = run

    async def get_run(self, run_id: str) -> Run | None:
        """As `RunStepStorage.get_run`."""
        return self._runs.get(run_id)

    async def list_runs(
        self, user_id: str | None = None, session_id: str | None = None, limit: int = 20, offset: int = 0
    ) -> list[Run]:
        """As `RunStepStorage.list_runs`."""
        found = [
            run
            for run in self._runs.values()
            if user_id in (None, run.user_id) and session_id in (None, run.session_id)
        ]
        found.sort(key=attrgetter("created_at"))
        return found[::-1][offset : offset + limit]

    async def delete_run(self, run_id: str) -> None:
        """As `RunStepStorage.delete_run`."""
        self._runs.pop(run_id, None)
        for session, steps in self._steps.items():
            self._steps[session] = [step for step in steps if step.run_id != run_id]

    async def save_step(self, step: StepRecord) -> None:
        """As `RunStepStorage.save_step`."""
        steps = self._steps.setdefault(step.session_id, [])
        place = _place(steps, step.sequence)
        if place < len(steps) and steps[place].sequence == step.sequence:
            steps[place] = step
        else:
            insort(steps, step, key=_number)
        self._allocated[step.session_id] = max(self._allocated.get(step.session_id, 0), step.sequence)

    async def get_steps(
        self,
        session_id: str,
        start_seq: int | None = None,
        end_seq: int | None = None,
        run_id: str | None = None,
        agent_id: str | None = None,
        limit: int | None = 1000,
        ascending: bool = True,
    ) -> list[StepRecord]:
        """As `RunStepStorage.get_steps`."""
        steps = self._steps.get(session_id, [])
        return chosen(steps, start_seq, end_seq, run_id, agent_id, limit, ascending)

    async def delete_steps(self, session_id: str, start_seq: int) -> int:
        """As `RunStepStorage.delete_steps`."""
        steps = self._steps.get(session_id, [])
        place = _place(steps, start_seq)
        deleted = len(steps) - place
        del steps[place:]
        return deleted

    async def allocate_sequence(self, session_id: str) -> int:
        """As `RunStepStorage.allocate_sequence`."""
        self._allocated[session_id] = self._allocated.get(session_id, 0) + 1
        return self._allocated[session_id]


def chosen(
    steps: list[StepRecord],
    start: int | None,
    end: int | None,
    run: str | None,
    agent: str | None,
    limit: int | None,
    ascending: bool,
) -> list[StepRecord]:
    """Those of a session's steps, which are in order, that `get_steps` asks for."""
    first = 0 if start is None else _place(steps, start)
    last = len(steps) if end is None else _place(steps, end + 1)
    found = [step for step in steps[first:last] if run in (None, step.run_id) and agent in (None, step.agent_id)]
    return (found if ascending else found[::-1])[:limit]


def _place(steps: list[StepRecord], sequence: int) -> int:
    return bisect_left(steps, sequence, key=_number)


def _number(step: StepRecord) -> int:
    return step.sequence
