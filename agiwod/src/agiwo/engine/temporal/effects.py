"""Steps as activities: an effect, done by this worker while its run's workflow is anywhere. Records no result."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any

from temporalio import activity
from temporalio.client import Client

from agiwo.clock import Clock
from agiwo.durable import Effect, Programs, RunView
from agiwo.engine.blobs import shortened
from agiwo.engine.bus import DeltaBus
from agiwo.engine.context import as_failure, check_storable
from agiwo.engine.execution import GRACE
from agiwo.engine.feed import Feed
from agiwo.engine.interruption import CANCEL, TIMEOUT
from agiwo.engine.operation import INTERRUPTION, failure
from agiwo.engine.pasts import Pasts
from agiwo.engine.redact import Redactor
from agiwo.engine.storage import Storage
from agiwo.engine.temporal.coding import decode, encode
from agiwo.engine.temporal.names import ANSWER, AWAIT_END, BEAT, EFFECT, workflow_of
from agiwo.engine.temporal.scope import ActivityScope
from agiwo.errors import EffectFailed
from agiwo.schema.event import RUN_RESUMED, NewEvent
from agiwo.schema.record import Point, Record, RunHead
from agiwo.schema.run import RunSpec, RunStatus

log = logging.getLogger(__name__)

Pool = Callable[[RunSpec], asyncio.Semaphore | None]


class Effects:
    """What workers do for runs: their steps, and waiting for runs that are none of their children."""

    def __init__(
        self,
        client: Client,
        storage: Storage,
        redactor: Redactor,
        programs: Programs,
        pasts: Pasts,
        bus: DeltaBus,
        clock: Clock,
        pool_of: Pool,
    ) -> None:
        self._client, self._storage, self._journal = client, storage, storage.journal
        self._redactor, self._programs, self._pasts = redactor, programs, pasts
        self._bus, self._clock, self._pool_of = bus, clock, pool_of

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """What a worker is to offer."""
        return (self.effect, self.await_end)

    @activity.defn(name=EFFECT)
    async def effect(self, asked: bytes) -> bytes:
        """One attempt at a step: its value with its events, its failure, or what stood open when it was stopped."""
        call = decode(asked)
        spec = RunSpec.from_json(call["spec"])
        program = self._programs.find(spec)
        if program is None:
            missing = EffectFailed("unavailable", f"agent {spec.agent!r} is not registered where the step was to run")
            return encode({"attempts": 0, "error": failure(missing)})
        point = call["point"]
        view = RunView(call["run"], spec, await self._pasts.up_to(point and Point(**point)))
        async with _beating(), self._pool_of(spec) or nullcontext():
            head = await self._journal.run(view.id)
            assert head
            with self._published(head) as feed:
                scope = await self._scope(view, call, head, feed)
                done = await self._unless_stopped(scope, program.effects[call["effect"]], call["arg"])
        return encode({**done, "attempts": scope.attempts})

    @contextmanager
    def _published(self, head: RunHead) -> Generator[Feed]:
        """What readers anywhere are shown until the step is done: before its record, so that none is shown more."""
        feed = Feed(head.run, head.head)
        stop = self._bus.publish(feed)
        try:
            yield feed
        finally:
            stop()

    async def _scope(self, view: RunView, call: Any, head: RunHead, feed: Feed) -> ActivityScope:
        number = activity.info().attempt
        scope = ActivityScope(
            view,
            call["key"],
            number,
            self._asking(view.id),
            self._storage,
            self._redactor,
            self._clock,
            feed,
            call["attempt"],
        )
        scope.is_stopped = head.status == RunStatus.CANCELLING
        if number > 1:
            await scope.record(NewEvent(RUN_RESUMED, {"agentId": view.spec.agent}))
            scope.begin_again()
        return scope

    def _asking(self, run: str) -> Callable[[str, Sequence[Any]], Awaitable[Any]]:
        handle: Any = self._client.get_workflow_handle(workflow_of(activity.info().task_queue, run))

        async def ask(name: str, args: Sequence[Any]) -> Any:
            return await handle.execute_update(name, args=args, rpc_timeout=ANSWER)

        return ask

    async def _unless_stopped(self, scope: ActivityScope, effect: Effect, arg: Any) -> dict[str, Any]:
        """Run the effect, unless its run is interrupted before or meanwhile."""
        stopped = asyncio.Event()
        if scope.is_stopped:
            stopped.set()

        def hear(records: Sequence[Record]) -> None:
            if any(each.type == INTERRUPTION and each.data["cause"] in (CANCEL, TIMEOUT) for each in records):
                stopped.set()

        work, stop = asyncio.create_task(self._done(scope, effect, arg)), asyncio.create_task(stopped.wait())
        unwatch = self._journal.watch(scope.run.id, hear, internal=True)
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            scope.is_stopped = True
            work.cancel()
            await asyncio.wait({work}, timeout=GRACE)
            return {"stopped": scope.streaming.snapshots()}
        finally:
            unwatch()
            stop.cancel()
            work.cancel()

    async def _done(self, scope: ActivityScope, effect: Effect, arg: Any) -> dict[str, Any]:
        try:
            result = await effect(scope, arg)
            value = self._redactor.data(result.value)
            events = [await shortened(self._storage, event, self._redactor) for event in result.events]
            check_storable([value, *(event.data for event in events)])
        except Exception as error:
            scope.streaming.finish()
            failed = as_failure(error, scope.streaming.snapshots())
            if failed.kind == "internal":
                log.error("%s: step %s failed", scope.run.id, scope.key, exc_info=error)
            return {"error": self._redactor.data(failure(failed))}
        scope.streaming.finish()
        told = [{"type": event.type, "data": event.data, "item": event.item} for event in events]
        return {"value": value, "events": told}

    @activity.defn(name=AWAIT_END)
    async def await_end(self, run: str) -> None:
        """Return when a run has ended."""
        ended = asyncio.Event()
        unwatch = self._journal.watch(run, lambda _: ended.set())
        try:
            async with _beating():
                while (head := await self._journal.run(run)) and not head.status.is_terminal:
                    await ended.wait()
                    ended.clear()
        finally:
            unwatch()


@asynccontextmanager
async def _beating() -> AsyncGenerator[None]:
    """Tell Temporal's server that this activity is alive, which also brings its cancel here."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT)

    beating = asyncio.create_task(beat(), name="heartbeat")
    try:
        yield
    finally:
        beating.cancel()
