"""What to append for a new run, and for its session when that is new, too. Appends nothing."""

from dataclasses import replace
from typing import Protocol

from agiwo.clock import Clock
from agiwo.durable import Programs
from agiwo.engine.blobs import is_long
from agiwo.engine.redact import Redactor
from agiwo.engine.start import beginning, gone_on, new_run
from agiwo.schema.record import Batch, Change, RunHead, Session, State
from agiwo.schema.run import RunSpec, RunStatus


class Index(Protocol):
    """What is asked of a journal about runs, sessions and states that may be there."""

    async def run(self, run: str) -> RunHead | None:
        """As `Journal.run`."""
        ...

    async def session(self, session: str) -> Session | None:
        """As `Journal.session`."""
        ...

    async def state(self, state: str) -> State | None:
        """As `Journal.state`."""
        ...


class Births:
    """Makes new runs ready to be recorded. A session is created once, however many runs begin it at the same time."""

    def __init__(self, index: Index, programs: Programs, clock: Clock, redactor: Redactor) -> None:
        self._index, self._programs, self._clock, self._redactor = index, programs, clock, redactor
        # Sessions that are being created: creating one twice would lose where its history ends.
        self._new_sessions: set[str] = set()

    def without_secrets(self, spec: RunSpec) -> RunSpec:
        """The spec as it is recorded, so that the run and its replay see the same."""
        return RunSpec.from_json(self._redactor.data(spec.to_json())) if self._redactor else spec

    async def new(self, id: str, spec: RunSpec, *, starts: bool = False) -> tuple[Batch, list[Change]]:
        """What to append for a run, and for its session. Call `settled` when that is done or refused.

        One that `starts` is recorded as started, too, if it can be.
        """
        at, program = self._clock.now(), self._programs.find(spec)
        batch = new_run(id, spec, program.version if program else None, at)
        session = await self._index.session(spec.session)
        changes: list[Change] = []
        if session is None and spec.session not in self._new_sessions:
            self._new_sessions.add(spec.session)
            session = Session(spec.session, spec.agent, at, at)
            changes.append(session)
        if not (starts and program and session):
            return batch, changes
        entries = beginning(id, spec, session.head, self._redactor, at)
        if any(is_long(entry.type, entry.data) for entry in entries):  # what is long is stored first, by the run
            return batch, changes
        batch = replace(batch, entries=(*batch.entries, *entries), status=RunStatus.RUNNING)
        return batch, [gone_on(session, id, at)]

    def settled(self, spec: RunSpec) -> None:
        """The run is recorded, or was refused."""
        self._new_sessions.discard(spec.session)
