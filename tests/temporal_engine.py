"""The same programs on Temporal: a context over a workflow, an engine over its client. A spike, kept as a test.

A step is an activity, a spawn a child workflow, a wait a workflow's wait, mail a signal; a cancel is a signal, too,
which becomes `Interrupted` in every operation under way. Deltas never enter the history.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, TemporalError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from agiwo import ids as agiwo_ids
    from agiwo.durable import CancelScope, Message, Outcome, RunView, Waited, WaitMode, matches
    from agiwo.engine.context import as_failure, check_storable
    from agiwo.engine.terminal import result_of, terminal_event
    from agiwo.errors import Conflict, EffectFailed, Interrupted, NotFound
    from agiwo.schema.event import NewEvent
    from agiwo.schema.record import Record, RunHead
    from agiwo.schema.run import RunResult, RunSpec, RunStatus
    from temporal_programs import PROGRAMS

QUEUE = "agiwo"

_LONGEST_STEP = timedelta(seconds=30)
_HEARTBEAT = timedelta(seconds=2)

Child = workflow.ChildWorkflowHandle[Any, Any]

_T = TypeVar("_T")


class ActivityScope:
    """The `StepScope` of an activity. It takes mail from what the workflow had when the step began."""

    def __init__(self, run: RunView, key: str, mail: Sequence[Message]) -> None:
        self.run, self.key = run, key
        self.idempotency_key = f"{run.id}/{key}"
        self.events: list[NewEvent] = []
        self.drained: list[str] = []
        self._mail = mail

    def open(self, item: str, kind: str, **data: Any) -> None:
        """Would go over a bus to present readers."""

    def delta(self, item: str, kind: str, text: str) -> None:
        """Would go over a bus to present readers."""

    def notice(self, type: str, data: Mapping[str, Any]) -> None:
        """Would go over a bus to present readers."""

    async def record(self, event: NewEvent) -> None:
        """Keep an event for the step's result."""
        self.events.append(event)

    async def drain(self, topic: str) -> Sequence[Message]:
        """Take the messages that came for `topic`."""
        found = [message for message in self._mail if message.topic == topic and message.id not in self.drained]
        self.drained.extend(message.id for message in found)
        return found

    async def close(self, topic: str) -> bool:
        """Whether none of those messages is left."""
        return all(message.topic != topic or message.id in self.drained for message in self._mail)


@activity.defn
async def run_effect(run: str, spec: Any, key: str, effect: str, arg: Any, mail: Any) -> Any:
    """One step."""
    view = RunView(run, RunSpec.from_json(spec))
    scope = ActivityScope(view, key, [Message(**message) for message in mail])
    stop_beating = _beat()
    try:
        result = await PROGRAMS[view.spec.agent].effects[effect](scope, arg)
        check_storable(result.value)
    except Exception as error:
        failed = as_failure(error)
        fault = {"retryable": failed.retryable, "detail": failed.detail}
        raise ApplicationError(str(failed), fault, type=failed.kind, non_retryable=True) from None
    finally:
        stop_beating()
    events = [{"type": event.type, "item": event.item, "data": event.data} for event in (*scope.events, *result.events)]
    return {"value": result.value, "events": events, "drained": scope.drained}


def _beat() -> Callable[[], None]:
    """Tell the server ten times a second that this activity is alive, which also brings its cancel here."""
    loop = asyncio.get_running_loop()
    next_beat: asyncio.TimerHandle

    def beat() -> None:
        nonlocal next_beat
        activity.heartbeat()
        next_beat = loop.call_later(0.1, beat)

    beat()
    return lambda: next_beat.cancel()


@workflow.defn
class DurableRun:
    """A run. Its history is Temporal's; its events can be asked for."""

    def __init__(self) -> None:
        self.mail: list[Message] = []
        self.taken: set[str] = set()
        self.stop: Interrupted | None = None
        self.shutdown: Interrupted | None = None
        self.resting: set[asyncio.Future[Any]] = set()
        self.told: list[Any] = []
        self.children: dict[str, Child] = {}
        self.busy: set[asyncio.Future[Any]] = set()

    @workflow.run
    async def run(self, spec: Any) -> Any:
        """Run the program to its end."""
        view = RunView(workflow.info().workflow_id, RunSpec.from_json(spec))
        try:
            outcome = await PROGRAMS[view.spec.agent].main(TemporalContext(self, view))
        except Interrupted as stop:
            outcome = Outcome(RunStatus.CANCELLED, reason=stop.reason)
        await workflow.wait_condition(workflow.all_handlers_finished)  # a cancel on its way to the children
        event = terminal_event(outcome, 0)
        head = RunHead(view.id, view.spec.session, view.spec.agent, outcome.status, 0, 0)
        return result_of(head, Record(view.id, 1, 1, event.type, event.data, 0)).to_json()

    @workflow.signal
    def send(self, message: Any) -> None:
        """A message; a second one with the same id is ignored."""
        if all(known.id != message["id"] for known in self.mail):
            self.mail.append(Message(**message))

    @workflow.signal
    async def interrupt(self, reason: str, scope: str) -> None:
        """Interrupt what is under way, and with the scope `tree` all below it."""
        if self.stop is None:
            self.stop = Interrupted("cancel", reason, workflow.now().timestamp())
            for work in self.busy:
                work.cancel()
        going = [child for child in self.children.values() if not child.done()]
        if scope == "tree":
            await asyncio.gather(*(child.signal(DurableRun.interrupt, args=[reason, scope]) for child in going))

    @workflow.signal
    def conclude(self, reason: str) -> None:
        """End what rests, and let nothing rest any more."""
        self.shutdown = self.shutdown or Interrupted("shutdown", reason, workflow.now().timestamp())
        for work in self.resting:
            work.cancel()

    @workflow.query
    def events(self) -> Any:
        """What the run's steps completed and its loop told."""
        return self.told


class TemporalContext:
    """The `DurableContext` of one workflow."""

    def __init__(self, workflow_run: DurableRun, run: RunView) -> None:
        self.run = run
        self._state = workflow_run
        self._emitted: set[str] = set()

    async def step(self, key: str, effect: str, arg: Any, *, once: bool = False) -> Any:
        """An activity, tried once: what it raises is its result."""
        mail = [_message(message) for message in self._waiting()]
        work = workflow.start_activity(
            run_effect,
            args=[self.run.id, self.run.spec.to_json(), key, effect, arg, mail],
            activity_id=key,
            start_to_close_timeout=_LONGEST_STEP,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        try:
            done: dict[str, Any] = await self._operate(work)
        except ActivityError as error:
            raise _effect_failed(error) from None
        self._state.taken.update(done["drained"])
        self._state.told.extend(done["events"])
        return done["value"]

    async def spawn(self, key: str, spec: RunSpec) -> str:
        """A child workflow."""
        id = agiwo_ids.derived("run", self.run.id, key)
        below = {**spec.to_json(), "parent": self.run.id, "depth": self.run.spec.depth + 1}
        policy = workflow.ParentClosePolicy.ABANDON
        start = workflow.start_child_workflow(DurableRun.run, below, id=id, parent_close_policy=policy)
        self._state.children[id] = await self._operate(asyncio.ensure_future(start))
        return id

    async def wait(self, key: str, ids: Sequence[str], mode: WaitMode = "all", timeout: float | None = None) -> Waited:
        """A wait for child workflows, or a timer."""
        handles = [self._state.children[id] for id in ids]
        await self._rest(asyncio.ensure_future(_ended(handles, mode, timeout)))
        ended = (RunResult.from_json(handle.result()) if handle.done() else None for handle in handles)
        return Waited(dict(zip(ids, ended, strict=True)))

    async def receive(
        self, key: str, topic: str, match: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Message | None:
        """A wait for a signal."""
        waiting = workflow.wait_condition(lambda: bool(self._waiting(topic, match)), timeout=timeout)
        try:
            await self._rest(asyncio.ensure_future(waiting))
        except TimeoutError:
            return None
        message = self._waiting(topic, match)[0]
        self._state.taken.add(message.id)
        return message

    def emit(self, key: str, event: NewEvent) -> None:
        """Tell of a milestone; a workflow's replay runs this again, and makes the same list again."""
        if key not in self._emitted:
            self._emitted.add(key)
            self._state.told.append({"type": event.type, "item": event.item, "data": dict(event.data)})

    def _waiting(self, topic: str | None = None, match: Mapping[str, Any] | None = None) -> list[Message]:
        free = (message for message in self._state.mail if message.id not in self._state.taken)
        return [message for message in free if topic in (None, message.topic) and matches(message.data, match)]

    async def _rest(self, work: "asyncio.Future[Any]") -> None:
        """Do it unless the run is shut down, before or meanwhile. In this spike every wait is a rest."""
        self._state.resting.add(work)
        if self._state.shutdown:
            work.cancel()
        try:
            await self._operate(work)
        except asyncio.CancelledError:
            if stop := self._state.shutdown:
                raise Interrupted(stop.cause, stop.reason, stop.at) from None
            raise
        finally:
            self._state.resting.discard(work)

    async def _operate(self, work: "asyncio.Future[_T]") -> _T:
        """Do it unless the run is interrupted, before or meanwhile."""
        if self._state.stop is None:
            self._state.busy.add(work)
            try:
                return await work
            except (asyncio.CancelledError, TemporalError):
                if self._state.stop is None:
                    raise
            finally:
                self._state.busy.discard(work)
        work.cancel()
        stop = self._state.stop
        assert stop
        raise Interrupted(stop.cause, stop.reason, stop.at)


async def _ended(handles: Sequence[Child], mode: WaitMode, timeout: float | None) -> None:
    if not handles:
        await workflow.sleep(timeout or 0)
        return
    when = asyncio.ALL_COMPLETED if mode == "all" else asyncio.FIRST_COMPLETED
    await workflow.wait(handles, timeout=timeout, return_when=when)


def _message(message: Message) -> dict[str, Any]:
    return {"id": message.id, "topic": message.topic, "data": dict(message.data), "at": message.at}


def _effect_failed(error: ActivityError) -> EffectFailed:
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return EffectFailed("outcome_unknown", str(cause))
    fault: Any = cause.details[0] if cause.details else {}
    return EffectFailed(
        cause.type or "internal", cause.message, retryable=fault.get("retryable", False), detail=fault.get("detail")
    )


class TemporalEngine:
    """The `Engine` of a Temporal server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def submit(self, spec: RunSpec, *, run: str | None = None) -> str:
        """Start the workflow."""
        id = run or agiwo_ids.fresh("run")
        await self._client.start_workflow(
            DurableRun.run, spec.to_json(), id=id, task_queue=QUEUE, execution_timeout=timedelta(seconds=60)
        )
        return id

    async def send(self, run: str, message: str, topic: str, data: Mapping[str, Any]) -> None:
        """Signal it."""
        mail = {"id": message, "topic": topic, "data": dict(data), "at": 0.0}
        await self._signal(run, DurableRun.send, [mail])

    async def cancel(self, run: str, reason: str = "", scope: CancelScope = "tree") -> bool:
        """Signal it, if it is still there."""
        handle = self._client.get_workflow_handle(run)
        if (await handle.describe(rpc_timeout=_HEARTBEAT)).status != WorkflowExecutionStatus.RUNNING:
            return False
        await self._signal(run, DurableRun.interrupt, [reason or "cancelled", scope])
        return True

    async def conclude(self, run: str, reason: str = "", scope: CancelScope = "run") -> bool:
        """Signal it, if it is still there. In this spike it is for one run alone."""
        handle = self._client.get_workflow_handle(run)
        if (await handle.describe(rpc_timeout=_HEARTBEAT)).status != WorkflowExecutionStatus.RUNNING:
            return False
        await self._signal(run, DurableRun.conclude, [reason or "shut down"])
        return True

    async def result(self, run: str, timeout: float | None = None) -> RunResult:
        """The workflow's result."""
        limit = None if timeout is None else timedelta(seconds=timeout)
        found: Any = await self._client.get_workflow_handle(run).result(rpc_timeout=limit)
        return RunResult.from_json(found)

    async def events(self, run: str) -> list[NewEvent]:
        """What the run has told, in order."""
        told: Any = await self._client.get_workflow_handle(run).query(DurableRun.events, rpc_timeout=_LONGEST_STEP)
        return [NewEvent(event["type"], event["data"], event["item"]) for event in told]

    async def recover(self) -> list[str]:
        """Nothing: the server gives unfinished runs to whichever worker is there."""
        return []

    async def _signal(self, run: str, signal: Any, args: list[Any]) -> None:
        try:
            await self._client.get_workflow_handle(run).signal(signal, args=args, rpc_timeout=_LONGEST_STEP)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            raise (Conflict(f"run {run} has ended") if "completed" in error.message else NotFound("run", run)) from None


@asynccontextmanager
async def open_temporal(address: str) -> AsyncGenerator[TemporalEngine]:
    """An engine over the server at this address, with a worker in this process."""
    client = await Client.connect(address)
    PROGRAMS.clear()
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[DurableRun],
        activities=[run_effect],
        workflow_failure_exception_types=[Exception],
    ):
        yield TemporalEngine(client)
