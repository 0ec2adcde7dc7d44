"""Takes one run as far as it goes, inside its workflow: the embedded engine's execution, with Temporal below it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ChildWorkflowError, FailureError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

from agiwo.durable import SPEC, CancelScope, Effect, Outcome, StepScope
from agiwo.engine.births import Births
from agiwo.engine.context import Context
from agiwo.engine.ending import Ends
from agiwo.engine.execution import Execution, Working
from agiwo.engine.feed import Feed
from agiwo.engine.finish import OPEN, outcome_of, record_end, record_suspension
from agiwo.engine.interruption import CANCEL, SHUTDOWN, TIMEOUT
from agiwo.engine.mailbox import MAIL
from agiwo.engine.operation import SPAWN, Operation
from agiwo.engine.redact import Redactor
from agiwo.engine.spawning import Spawning
from agiwo.engine.start import spec_in, start_run
from agiwo.engine.stopwatch import Stopwatch
from agiwo.engine.temporal.clock import WorkflowClock
from agiwo.engine.temporal.coding import decode, encode, head_from, heard
from agiwo.engine.temporal.names import RUN, workflow_of
from agiwo.engine.temporal.outside import Log, Store, ask
from agiwo.engine.temporal.step import Steps
from agiwo.engine.temporal.worlds import program_of
from agiwo.errors import Conflict, NotFound, ReplayMismatch
from agiwo.schema.event import CHILD_FINISHED, NewEvent
from agiwo.schema.record import Batch, Entry, Record
from agiwo.schema.run import RunSpec, RunStatus

_FAREWELL = 2.0
"""Seconds that those below a run, and its steps, have to stop before it does."""

_LOOK_AGAIN = timedelta(seconds=30)
"""How often a suspended run looks whether it can go on."""

_PATIENCE = timedelta(seconds=30)
"""How long a workflow waits for its run to be recorded: it is started first, so that no recorded run is without one."""

_SOON = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_interval=timedelta(seconds=1))

log = logging.getLogger(__name__)

Child = ChildWorkflowHandle[Any, Any]


class RunExecution(Execution):
    """An execution whose activities see to over-long texts."""

    async def spilled(self, entry: Entry) -> Entry:
        """The entry as it is."""
        return entry


class RunContext(Context):
    """The `DurableContext` of a workflow: its effects are activities."""

    def __init__(self, execution: Execution, driver: "RunDriver", steps: Steps) -> None:
        super().__init__(execution, program_of(execution.spec), driver.spawn)
        self._steps = steps

    def effect(self, name: str, *, once: bool) -> Effect:
        """An activity that runs the effect of that name."""

        async def run(scope: StepScope, arg: Any) -> Any:
            return await self._steps.run(scope.key, name, arg, once=once)

        return run


class RunDriver:
    """One run: how it begins, what reaches it, how it is stopped, how it ends."""

    def __init__(self, run: str, *, is_free: bool) -> None:
        self.run, self.is_free, self.is_resumed = run, is_free, False
        self.ends = Ends()
        self.execution: Execution | None = None
        self._is_over = False
        self._clock = WorkflowClock()
        self._log = Log(self.ends, lambda run: self._children.get(run) is not None)
        self._children: dict[str, Child | None] = {}  # None is for one from before this workflow began anew
        self._above: list[tuple[str, str]] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    # From its beginning to its end

    async def drive(self) -> None:
        """Take the run to its end; one that was never recorded, or has ended, is let go."""
        try:
            self.execution = await self._opened()
            if self.execution:
                await self._drive(self.execution)
        finally:
            self._is_over = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _opened(self) -> Execution | None:
        try:
            found = await ask("agiwo.open", self.run, _SOON, within=_PATIENCE)
        except NotFound:
            return None
        head, records = head_from(found["head"]), heard(found["records"])
        if head.status.is_terminal:
            return None
        self._above = [(run, session) for run, session in found["above"]]
        spec, slots = spec_in(records), asyncio.Semaphore(1)
        feed = Feed(self.run, head.head)
        store = Store(self._log)
        execution = RunExecution(head, spec, records, feed, store, self._clock, lambda _: slots, Redactor(), self)
        self._children = dict.fromkeys(_going_below(records))
        self._steps = Steps(execution)
        births = Births(self._log, _Version(execution), self._clock, Redactor())
        self._spawning = Spawning(self._log, births, self._clock, lambda _: self._above, self._admit)
        return execution

    async def _drive(self, execution: Execution) -> None:
        await workflow.wait_condition(lambda: self.is_free or execution.interruptions.is_cancelled)
        await self._until_possible(execution)
        outcome = None if execution.interruptions.is_cancelled else await self._ran(execution)
        execution.ending = True
        await record_end(execution, outcome or _cancelled(execution), tells_parent=execution.spec.parent is not None)
        execution.stopwatch.retire()

    async def _ran(self, execution: Execution) -> Outcome | None:
        """How the loop ends the run; None for one that cannot go on, once it is cancelled."""
        try:
            return await self._looped(execution)
        except ReplayMismatch as error:
            await record_suspension(execution, str(error))
            await workflow.wait_condition(lambda: execution.interruptions.is_cancelled)
            return None

    async def _looped(self, execution: Execution) -> Outcome:
        await execution.slot.take()
        execution.is_rebuilt = workflow.info().continued_run_id is not None
        await start_run(execution, self._log, self._log)
        execution.is_rebuilt, execution.is_looping = False, True
        context = RunContext(execution, self, self._steps)
        loop = asyncio.create_task(outcome_of(execution.id, program_of(execution.spec).main(context)))
        while not loop.done():
            await workflow.wait_condition(lambda: loop.done() or self._steps.is_long)
            if self._steps.is_long:
                await self._begin_anew(execution)
        return loop.result()

    async def _begin_anew(self, execution: Execution) -> None:
        """Leave a long history behind: all that the loop knows is in the journal, over which it is run again."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        if execution.interruptions.latest is None:
            workflow.continue_as_new(args=[self.run, True])
        self._steps.go_on()

    async def _until_possible(self, execution: Execution) -> None:
        """Return when there is a program for the run, or it is to end. Until then it is suspended, and says why."""
        version = execution.keyed[SPEC].data["version"]
        while not execution.interruptions.is_cancelled:
            reason = await ask("agiwo.obstacle", {"spec": execution.spec.to_json(), "version": version})
            if reason is None:
                return
            if execution.status != RunStatus.SUSPENDED:
                await record_suspension(execution, reason)
            self.is_resumed = False
            try:
                await workflow.wait_condition(
                    lambda: self.is_resumed or execution.interruptions.is_cancelled, timeout=_LOOK_AGAIN
                )
            except TimeoutError:
                continue

    # Those below it

    async def spawn(self, execution: Execution, operation: Operation, spec: RunSpec) -> None:
        """Create a child, with its workflow."""
        child = await self._spawning.spawn(execution, operation, spec)
        if child is None:
            return
        if stop := execution.interruptions.for_tree:
            await self._tell_below(child, stop.cause, stop.reason, "tree")
        execution.conclude(operation)

    async def _admit(self, batch: Batch, spec: RunSpec) -> None:
        child = self._children[batch.run] = await workflow.start_child_workflow(
            RUN,
            args=[batch.run, True],
            id=workflow_of(workflow.info().task_queue, batch.run),
            parent_close_policy=ParentClosePolicy.ABANDON,
        )
        self._keep(self._follow(batch.run, child))

    async def _follow(self, run: str, child: Child) -> None:
        try:
            await child
        except ChildWorkflowError as error:
            log.error("the workflow of run %s was ended: %s", run, error)
        if not self._is_over:
            await self._log.has_ended(run)

    def below(self, run: str, ids: Sequence[str]) -> list[str]:
        """As `Host.below`."""
        return [id for id in ids if id in self._children]

    @asynccontextmanager
    async def awake(self, which: Callable[[], Sequence[str]]) -> AsyncGenerator[Sequence[Working]]:
        """As `Host.awake`; somewhere one of them is always at work, so their time counts as one."""
        yield [_AtWork(Stopwatch(self._clock, None, lambda: None))] if which() else []

    def fell_asleep(self, execution: Execution) -> None:
        """As `Host.fell_asleep`; it is Temporal that forgets workflows which sleep."""

    def woke_up(self, execution: Execution) -> None:
        """As `Host.woke_up`."""

    # Mail

    async def receive(self, letter: bytes) -> bool:
        """Put a message in the mailbox; False when there is one with this id.

        Raises:
            Conflict: the run has ended, or takes no more messages on this topic.
        """
        execution = await self._known()
        message = decode(letter)
        key, topic = f"{MAIL}/{message['id']}", message["topic"]
        if execution is None or execution.ending:
            raise Conflict(f"run {self.run} has ended")
        if key in execution.keyed or key in execution.mail.arriving:
            return False
        if not execution.mail.is_open(topic):
            raise Conflict(f"run {self.run} is finishing and takes no more messages on {topic!r}")
        execution.mail.arriving[key] = topic
        try:
            await self._deliver(execution, key, message)
        finally:
            del execution.mail.arriving[key]
        execution.mail.ring()
        return True

    async def _deliver(self, execution: Execution, key: str, message: dict[str, Any]) -> None:
        told = message.pop("event")
        entries = [Entry(MAIL, message, self._clock.now(), key, public=False)]
        if told:
            entries.append(execution.entry(NewEvent(**told)))
        execution.recall(await execution.storage.append(Batch(self.run, tuple(entries), expect=OPEN)))

    def drain(self, key: str, attempt: int, topic: str) -> bytes:
        """The messages for a step under way, which are its own from now on."""
        operation = self._operation(key, attempt)
        if self.execution is None or operation is None:
            return encode([])
        mail = self.execution.mail
        mail.reopen(operation, topic)
        messages = mail.waiting(topic)
        for message in messages:
            mail.take(operation, message)
        return encode(messages)

    def close(self, key: str, attempt: int, topic: str) -> bool:
        """Take no more messages on the topic, unless some wait; a step that is over closes nothing."""
        operation = self._operation(key, attempt)
        return self.execution is None or operation is None or self.execution.mail.close(operation, topic)

    def _operation(self, key: str, attempt: int) -> Operation | None:
        operation = self.execution and self.execution.operations.get(key)
        if self.execution is None or operation is None or operation.settled:
            return None
        if self._steps.is_new_attempt(key, attempt):
            self.execution.mail.put_back(operation)
        return operation

    # Stopping

    async def interrupt(self, cause: str, reason: str, scope: CancelScope) -> bool:
        """Record that the run is to stop or to rest no more, and see to it; False when it had ended."""
        execution = await self._known()
        if execution is None or execution.ending:
            return False
        if execution.interruptions.is_cancelled or (cause == SHUTDOWN and execution.interruptions.latest):
            return True
        await self._recorded(execution, cause, reason, scope)
        return True

    async def time_out(self, execution: Execution) -> None:
        """As `Host.time_out`."""
        if not (execution.ending or execution.interruptions.is_cancelled):
            await self._recorded(execution, TIMEOUT, execution.over_time, "run")

    async def _recorded(self, execution: Execution, cause: str, reason: str, scope: CancelScope) -> None:
        """Record the interruption, with what rests; what works is stopped after that, and then recorded."""
        wish = execution.begin_interruption(cause, reason, scope)
        resting = [each for each in execution.operations.values() if not self._steps.is_under_way(each.key)]
        entries, settled = execution.settle(each for each in resting if each.is_resting or cause != SHUTDOWN)
        status = RunStatus.CANCELLING if cause != SHUTDOWN else RunStatus.RUNNING
        is_moved = bool(settled) or cause != SHUTDOWN
        batch = Batch(self.run, (wish, *entries), status if is_moved else None)
        execution.wish = self._keep(self._append(execution, batch))
        await asyncio.wait({execution.wish})
        if is_moved:
            execution.status, execution.wake = status, None
        self._keep(self._stop(execution, cause, reason, scope, settled))

    async def _append(self, execution: Execution, batch: Batch) -> None:
        execution.recall(await execution.storage.append(batch))

    async def _stop(
        self, execution: Execution, cause: str, reason: str, scope: CancelScope, settled: Sequence[Operation]
    ) -> None:
        """Stop those below first, so that the run still hears of them."""
        below = self._touched(execution, cause, scope, settled)
        cause_below = CANCEL if cause == TIMEOUT else cause
        reason_below = "the time of the run above it is over" if cause == TIMEOUT else reason
        await asyncio.gather(*(self._tell_below(each, cause_below, reason_below, scope) for each in below))
        if cause == SHUTDOWN:
            if settled:
                execution.sum_up()
            await execution.stop(settled)
            return
        ending = [child for each in below if cause == CANCEL and (child := self._children[each])]
        await self._steps.stopped(_FAREWELL, ending)
        entries, late = execution.settle(list(execution.operations.values()))
        if late:
            await self._append(execution, Batch(self.run, tuple(entries)))
        if cause == TIMEOUT:
            execution.sum_up()
        await execution.stop([*settled, *late])

    def _touched(
        self, execution: Execution, cause: str, scope: CancelScope, settled: Sequence[Operation]
    ) -> Sequence[str]:
        """Those below that are interrupted, too."""
        going = [run for run, child in self._children.items() if child is None or not child.done()]
        if scope == "tree":
            return going
        if cause == CANCEL:
            return ()
        ended = settled if cause == TIMEOUT else execution.operations.values()
        awaited = {run for operation in ended for run in operation.awaited}
        return [run for run in going if run in awaited]

    async def _tell_below(self, run: str, cause: str, reason: str, scope: CancelScope) -> None:
        below = "tree" if cause == CANCEL else scope
        handle = workflow.get_external_workflow_handle(workflow_of(workflow.info().task_queue, run))
        with suppress(FailureError):  # it has ended meanwhile
            await (self._children[run] or handle).signal("interrupt_below", args=[cause, reason, below])

    # What it needs for that

    async def _known(self) -> Execution | None:
        """The execution, as soon as there is one; None when there will be none."""
        await workflow.wait_condition(lambda: self.execution is not None or self._is_over)
        return self.execution

    def _keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _cancelled(execution: Execution) -> Outcome:
    stop = execution.interruptions.latest
    return Outcome(RunStatus.CANCELLED, reason=stop.reason if stop else None)


def _going_below(records: Sequence[Record]) -> list[str]:
    """The children that a run had spawned and not heard the end of."""
    ended = {record.data["runId"] for record in records if record.type == CHILD_FINISHED}
    return [record.data["value"] for record in records if record.type == SPAWN and record.data["value"] not in ended]


class _AtWork:
    """Somebody whose time counts from now on."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch
        stopwatch.go()


class _Version:
    """The programs of children, as a workflow may know them: by what is told when they are looked up."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def find(self, spec: RunSpec) -> Any:
        """The program that is registered here, or None."""
        try:
            return program_of(spec)
        except LookupError:
            return None
