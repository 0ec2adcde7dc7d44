"""Puts the questions of an engine's runs to the code of their agents' users. Cannot hold up a run: it only waits, too.

A child's question goes to the approver of its own agent, else to that of the nearest run above it which has one.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from agiwo.agent.approver import Approver, answer_of
from agiwo.agent.hooks import call_hook
from agiwo.agent.program import AgentProgram
from agiwo.durable import SPEC, Programs
from agiwo.engine.approvals import open_in, question_in, respond
from agiwo.engine.serving import ServingEngine
from agiwo.errors import AgiwoError
from agiwo.schema.approval import Answer, Approval
from agiwo.schema.event import APPROVAL_REQUESTED, APPROVAL_RESOLVED, TERMINAL_EVENTS
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunSpec
from agiwo.schema.text import words_of

_FAREWELL = 1.0
"""Seconds that approvers have to clean up when nobody runs here any more."""

_NAME = "on_approval"

log = logging.getLogger(__name__)


class Approvers:
    """Owns the calls of approvers. `is_wanted` tells whether any agent has one."""

    def __init__(self, programs: Programs, is_wanted: Callable[[], bool]) -> None:
        self._programs, self._is_wanted = programs, is_wanted
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, engine: ServingEngine, head: RunHead) -> None:
        """Put what the run asks from now on, and what it had asked in an earlier process, to who can answer."""
        if self._is_wanted():
            _Questions(engine, head, self._programs, self._tasks)

    async def close(self) -> None:
        """Ask nobody any more. What is open stays so."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_FAREWELL)


class _Questions:
    """The questions of one run: each is with its approver until that has answered, or somebody else has."""

    def __init__(
        self, engine: ServingEngine, head: RunHead, programs: Programs, tasks: set[asyncio.Task[None]]
    ) -> None:
        self._engine, self._run, self._programs, self._tasks = engine, head.run, programs, tasks
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._heard: set[str] = set()
        self._unwatch = engine.journal.watch(head.run, self._hear)
        if head.head > 1 and not head.is_asleep:  # who only sleeps has no open question
            self._own(asyncio.create_task(self._look_back(), name=f"earlier questions of {head.run}"))

    def _own(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _hear(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.type == APPROVAL_REQUESTED:
                self._ask(question_in(record))
            elif record.type == APPROVAL_RESOLVED:
                self._end(record.data["approvalId"])
            elif record.type in TERMINAL_EVENTS:
                self._unwatch()
                for id in list(self._asking):
                    self._end(id)

    async def _look_back(self) -> None:
        for approval in open_in(await self._engine.journal.load(self._run)).values():
            self._ask(approval)

    def _ask(self, approval: Approval) -> None:
        if approval.id not in self._heard:
            self._heard.add(approval.id)
            task = asyncio.create_task(self._put(approval), name=f"{_NAME} {approval.id}")
            self._asking[approval.id] = self._own(task)
            task.add_done_callback(lambda done: self._asking.pop(approval.id, None))

    def _end(self, id: str) -> None:
        """The question is answered: nobody needs to think about it any more."""
        self._heard.add(id)
        if task := self._asking.get(id):
            task.cancel()

    async def _put(self, approval: Approval) -> None:
        found = await self._find()
        if found is None:
            return
        approver, patience = found
        late = asyncio.get_running_loop().call_later(patience, self._tell_late, patience)
        # The border to code that is not ours: whatever comes out of it is told and stays here.
        try:
            if await self._answered(approval, approver):
                return
            fault = None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            fault = "cancelled itself"
        except Exception as error:
            log.warning("%s raised", _NAME, exc_info=error)
            fault = f"raised {type(error).__name__}: {words_of(error)}"
        finally:
            late.cancel()
        await self._leave(approval, fault)

    async def _answered(self, approval: Approval, approver: Approver) -> bool:
        answer = answer_of(await call_hook(approver, approval))
        if answer is None:
            return False
        self._asking.pop(approval.id, None)  # from here on the answer itself would end this task
        await respond(self._engine, approval.id, replace(answer, by=answer.by or _NAME))
        return True

    async def _leave(self, approval: Approval, fault: str | None) -> None:
        """Leave the question to others; where there are none, nobody would ever answer it, and so it is over."""
        if not await self._is_alone():
            if fault:
                self._report(f"{fault}; the question stays open")
            return
        self._asking.pop(approval.id, None)
        self._report(f"{fault or 'gave no answer'}; there is nobody else to ask, so the call is not allowed")
        with suppress(AgiwoError):  # the run has ended meanwhile
            await respond(self._engine, approval.id, Answer("deny", "nobody could be asked", by=_NAME))

    async def _is_alone(self) -> bool:
        """Whether nobody else can answer: of this run, or of those above it, nobody has a handle."""
        run: str | None = self._run
        while run is not None:
            spec = await self._spec(run)
            if spec.plan.get("isAlone"):
                return True
            run = spec.parent
        return False

    async def _spec(self, run: str) -> RunSpec:
        records = await self._engine.journal.load(run)
        return next(RunSpec.from_json(record.data["spec"]) for record in records if record.type == SPEC)

    async def _find(self) -> tuple[Approver, float] | None:
        """Who is to be asked, and after how many seconds it is strange that nothing is said."""
        run: str | None = self._run
        while run is not None:
            spec = await self._spec(run)
            program = self._programs.find(spec)
            if isinstance(program, AgentProgram) and program.on_approval is not None:
                return program.on_approval, program.patience
            run = spec.parent
        return None

    def _tell_late(self, patience: float) -> None:
        # It is not given up: it may be waiting for a person, who needs more time.
        self._report(f"has not answered for {patience:g} seconds; the question stays open")

    def _report(self, what: str) -> None:
        message = f"the callback {_NAME} {what}"
        log.warning("run %s: %s", self._run, message)
        self._engine.tell(self._run, {"level": "error", "hook": _NAME, "message": message})
