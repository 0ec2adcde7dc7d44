"""The runs and steps of an agent's journal, as the stores of old showed them. Reads only: runs write the journal."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NoReturn

from agiwo.agent.run_step_storage import RunStepStorage, chosen
from agiwo.agent.steps import run_steps
from agiwo.durable import SPEC
from agiwo.engine.pasts import Pasts
from agiwo.engine.terminal import result_of
from agiwo.errors import ConfigError
from agiwo.journal.base import Journal
from agiwo.schema.event import RUN_STARTED
from agiwo.schema.metrics import RunMetrics
from agiwo.schema.record import RunHead
from agiwo.schema.run import RunSpec
from agiwo.schema.step import StepRecord
from agiwo.schema.stored import Run
from agiwo.schema.stream import RunOutput
from agiwo.schema.trace_context import TraceContext

_PAGE = 100


class JournalView(RunStepStorage):
    """Everything that is kept where an agent's runs are kept, also what other agents left there.

    The steps of a session are those of its history: numbered from 1, and without what was rewound.
    """

    def __init__(self, journal: Callable[[], Awaitable[Journal]]) -> None:
        self._journal = journal

    async def get_run(self, run_id: str) -> Run | None:
        """As `RunStepStorage.get_run`."""
        journal = await self._journal()
        head = await journal.run(run_id)
        return head and await _run(journal, head)

    async def list_runs(
        self, user_id: str | None = None, session_id: str | None = None, limit: int = 20, offset: int = 0
    ) -> list[Run]:
        """As `RunStepStorage.list_runs`."""
        journal = await self._journal()
        found: list[Run] = []
        before: str | None = None
        while len(found) < offset + limit:
            heads = await journal.runs(session=session_id, before=before, limit=_PAGE)
            if not heads:
                break
            before = heads[-1].run
            runs = [await _run(journal, head) for head in heads]
            found += [run for run in runs if user_id in (None, run.user_id)]
        return found[offset : offset + limit]

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
        journal = await self._journal()
        session = await journal.session(session_id)
        steps: list[StepRecord] = []
        for records in await Pasts(journal).up_to(session and session.head):
            if records:
                steps += run_steps(records[0].run, records, len(steps))
        return chosen(steps, start_seq, end_seq, run_id, agent_id, limit, ascending)

    async def save_run(self, run: Run) -> None:
        """Refused."""
        _refuse()

    async def save_step(self, step: StepRecord) -> None:
        """Refused."""
        _refuse()

    async def delete_run(self, run_id: str) -> None:
        """Refused."""
        _refuse()

    async def delete_steps(self, session_id: str, start_seq: int) -> int:
        """Refused."""
        _refuse()

    async def allocate_sequence(self, session_id: str) -> int:
        """Refused."""
        _refuse()


def _refuse() -> NoReturn:
    raise ConfigError("a journal is written by runs alone and never changed: rewind or fork the session instead")


async def _run(journal: Journal, head: RunHead) -> Run:
    records = await journal.load(head.run)
    spec = next(RunSpec.from_json(record.data["spec"]) for record in records if record.key == SPEC)
    output = RunOutput.of(result_of(head, records[-1])) if head.status.is_terminal else None
    started = next((record.at for record in records if record.type == RUN_STARTED), None)
    return Run(
        spec.agent,
        spec.session,
        spec.input,
        head.run,
        spec.user_id,
        head.status,
        output and output.response,
        replace(output.metrics, start_at=started, end_at=records[-1].at) if output else RunMetrics(start_at=started),
        head.created_at,
        head.updated_at,
        spec.parent,
        TraceContext.of_step(head.run, spec.trace).trace_id,
    )
