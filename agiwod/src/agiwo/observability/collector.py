"""Follows runs while they go on, and makes their traces. Nobody waits for it, and nothing of it can reach a run."""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Protocol

from agiwo.errors import AgiwoError
from agiwo.journal.base import Journal
from agiwo.observability.storage import BaseTraceStorage
from agiwo.observability.trace import Span
from agiwo.observability.tree import TraceFold
from agiwo.schema.record import Record, RunHead
from agiwo.schema.trace_context import TraceContext

log = logging.getLogger(__name__)

_UNSAVED: Final = 1000
"""Traces that wait for a store that is slow; of more than that, the oldest are not saved."""

_PATIENCE = 1.0
"""Seconds that who looks at traces waits for those that are being saved."""

_FAREWELL = 5.0
"""Seconds that a store has for the last traces when the collector is closed."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a trace is kept, and whether what was said is in it."""

    store: BaseTraceStorage
    capture: bool = False


class Export(Protocol):
    """Sends spans elsewhere."""

    @property
    def captures(self) -> bool:
        """Whether it wants what was said."""
        ...

    def samples(self, trace: str, above: TraceContext | None) -> bool:
        """Whether it wants a trace, which is part of `above`, if somebody else began it."""
        ...

    def take(self, spans: Sequence[Span]) -> None:
        """Send these, which have ended, some time. Must not wait."""
        ...


class _Tree:
    """A trace that is being made, where it is kept, and its runs that go on."""

    def __init__(self, fold: TraceFold, store: BaseTraceStorage | None) -> None:
        self.fold, self.store = fold, store
        self.runs: set[str] = set()


class TraceCollector:
    """Makes the traces of the runs that it is told of, out of what the journal tells of them.

    `keeping` says by the id of a first run's agent where its trace is kept, if anywhere; it is saved when the run
    begins, and when it is over. `export` gets every span once it has ended. Of a run that an earlier process began it
    gets the earlier ones again with `resends`, since nobody may know what that process had sent.

    `dropped` counts traces that a store was too slow for, or would not take. They can still be read from the journal.
    """

    def __init__(
        self,
        journal: Journal,
        keeping: Callable[[str], Keeping | None] = lambda agent: None,
        export: Export | None = None,
        *,
        resends: bool = True,
    ) -> None:
        self._journal, self._keeping, self._export, self._resends = journal, keeping, export, resends
        self.dropped = 0
        self._trees: dict[str, _Tree] = {}
        self._heads: dict[str, int] = {}
        self._late: dict[str, list[Record]] = {}
        self._stops: dict[str, Callable[[], None]] = {}
        self._unread: deque[str] = deque()
        self._unsaved: OrderedDict[str, _Tree] = OrderedDict()
        self._newcomer, self._saving, self._is_quiet = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._jobs = 0
        self._is_quiet.set()

    def follow(self, head: RunHead) -> None:
        """Follow a run that an engine has just taken on, a new or a recovered one, if its trace is wanted."""
        if head.run in self._stops:
            return
        above = self._trees.get(head.parent or "")
        tree = above or self._new_tree(head)
        if tree is None:
            return
        if above and head.parent:
            above.fold.add(head.run, head.parent)
        tree.runs.add(head.run)
        self._trees[head.run] = tree
        self._heads[head.run], self._late[head.run] = head.head, []
        self._stops[head.run] = self._journal.watch(head.run, self._hear, internal=True)
        self._unread.append(head.run)
        self._expect(1)
        self._newcomer.set()
        self._tasks = self._tasks or [
            asyncio.create_task(self._read_runs(), name="traces: read"),
            asyncio.create_task(self._save_traces(), name="traces: save"),
        ]

    def _new_tree(self, head: RunHead) -> _Tree | None:
        kept = self._keeping(head.agent)
        if kept is None and self._export is None:
            return None
        captures = bool(kept and kept.capture) or bool(self._export and self._export.captures)
        return _Tree(TraceFold(head.run, capture=captures, keep=kept is not None), kept and kept.store)

    def _hear(self, records: Sequence[Record]) -> None:
        run = records[0].run
        if run in self._late:
            self._late[run].extend(records)
        else:
            self._take(run, records)

    def _take(self, run: str, records: Sequence[Record]) -> None:
        tree = self._trees[run]
        self._send(tree, tree.fold.take(records))
        if tree.fold.has_ended(run):
            self._let_go(run, tree)

    def _send(self, tree: _Tree, ended: Sequence[Span]) -> None:
        if ended and self._export and self._export.samples(tree.fold.context.trace_id, tree.fold.above):
            self._export.take(ended)

    def _let_go(self, run: str, tree: _Tree) -> None:
        """Save the trace when its first run is over, and again when the last one is that outlived it."""
        tree.runs.discard(run)
        self._stops.pop(run)()
        if run == tree.fold.run or (not tree.runs and tree.fold.has_ended(tree.fold.run)):
            self._save(tree)
        if not tree.runs:
            for each in tree.fold.walk():
                self._trees.pop(each, None)

    def _save(self, tree: _Tree) -> None:
        if tree.store is None:
            return
        self._expect(tree.fold.run not in self._unsaved)
        self._unsaved[tree.fold.run] = tree
        if len(self._unsaved) > _UNSAVED:
            self._unsaved.popitem(last=False)
            self.dropped += 1
            self._expect(-1)
        self._saving.set()

    def _expect(self, jobs: int) -> None:
        """Count what is still to be read and to be saved."""
        self._jobs += jobs
        self._is_quiet.clear() if self._jobs else self._is_quiet.set()

    # What takes time: a store that hangs must not keep what is recorded meanwhile from being read

    async def _read_runs(self) -> None:
        while True:
            await self._newcomer.wait()
            self._newcomer.clear()
            while self._unread:
                await self._catch_up(self._unread.popleft())
                self._expect(-1)

    async def _catch_up(self, run: str) -> None:
        """Read what was recorded before the run was followed, and go on with what has come since."""
        try:
            records = await self._journal.load(run)
        except AgiwoError as error:
            log.warning("the trace of run %s lacks its beginning: %s", run, error)
            records = []
        last = records[-1].position if records else 0
        head, tree = self._heads.pop(run), self._trees[run]
        earlier = list(takewhile(lambda record: record.seq is None or record.seq <= head, records))
        runs = len(tree.fold)
        self._take_earlier(tree, earlier)
        await self._take_ended(tree, runs)
        late = self._late.pop(run)  # from here on what comes is taken as it comes
        self._take(run, [*records[len(earlier) :], *(record for record in late if record.position > last)])
        if run == tree.fold.run and run in self._stops:
            self._save(tree)

    async def _take_ended(self, tree: _Tree, place: int) -> None:
        """Take up the runs of the tree, from that place on, that were over before anybody followed it."""
        while place < len(tree.fold):
            run = tree.fold[place]
            place += 1
            try:
                head = None if run in self._trees else await self._journal.run(run)
                if head and head.status.is_terminal:
                    self._take_earlier(tree, await self._journal.load(run))
            except AgiwoError as error:
                log.warning("the trace of run %s lacks what its child %s did: %s", tree.fold.run, run, error)

    def _take_earlier(self, tree: _Tree, records: Sequence[Record]) -> None:
        """Take up what an earlier process recorded, and may have sent or not."""
        ended = tree.fold.take(records)
        if self._resends:
            self._send(tree, ended)

    async def _save_traces(self) -> None:
        while True:
            await self._saving.wait()
            self._saving.clear()
            while self._unsaved:
                await self._keep(self._unsaved.popitem(last=False)[1])
                self._expect(-1)

    async def _keep(self, tree: _Tree) -> None:
        trace = tree.fold.trace()
        if trace is None or tree.store is None:
            return
        # The border to a store that may be anybody's: whatever it says, the runs go on.
        try:
            await tree.store.save_trace(trace)
        except Exception:
            self.dropped += 1
            log.exception("the trace %s was not saved", trace.trace_id)

    async def settle(self) -> None:
        """Wait, not for long, until what is recorded so far is saved."""
        await self._wait_for_quiet(_PATIENCE)

    async def _wait_for_quiet(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._is_quiet.wait()
        except TimeoutError:
            log.warning("a store of traces is slow; some are not saved yet")

    async def close(self) -> None:
        """Save what is to be saved, not for long, and follow no more."""
        await self._wait_for_quiet(_FAREWELL)
        for stop in self._stops.values():
            stop()
        self._stops.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
