"""Reads a run and all below it side by side, as one stream. Holds no events; slows nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from agiwo.agent.answers import OPENING, Answers
from agiwo.agent.llm_call import llm_call
from agiwo.agent.steps import steps_in, steps_up_to
from agiwo.agent.telling import Telling
from agiwo.durable import RunView
from agiwo.engine.cursor import Cursor
from agiwo.engine.serving import ServingEngine
from agiwo.errors import Conflict
from agiwo.schema.event import CHILD_FINISHED, CHILD_SPAWNED, ITEM_COMPLETED, ITEM_DELTA, Event
from agiwo.schema.llm_call import LLMCallContext
from agiwo.schema.record import Record
from agiwo.schema.run import RunSpec
from agiwo.schema.stream import StreamEvent

_PAGE = 512
"""Records that are looked through at once for the runs below a run."""


@dataclass(slots=True)
class Branch:
    """One run of the tree, and how far it was read."""

    run: RunView
    cursor: Cursor
    answers: Answers
    telling: Telling
    begins_at: int
    recorded: tuple[RunView, Mapping[str, Record]] | None = None
    """What the run's loop sees, as long as this process drives it."""

    def llm(self, answer: Record) -> Callable[[], LLMCallContext] | None:
        """Makes the model call again that gave an answer; None when this process has not driven the run meanwhile."""
        return partial(llm_call, *self.recorded, answer) if self.recorded else None


class TreeReader:
    """The events of a run and of those below it, up to the run's terminal one.

    What a child says stands between the events of its parent that tell that it was spawned and that it finished.
    Iterating gives what has come since, as lists of events, and raises `Conflict` when the reader is closed before the
    run has ended.
    """

    def __init__(self, engine: ServingEngine, root: Cursor, spec: RunSpec, after: Mapping[str, int]) -> None:
        self._engine, self._after = engine, after
        self._news = asyncio.Event()
        self._news.set()
        self._root = self._branch(RunView(root.run, spec), root)
        self._branches = {root.run: self._root}
        self._begins_at = root.seq
        root.on_wake = self._wake
        self._is_closed = False

    def _branch(self, run: RunView, cursor: Cursor) -> Branch:
        answers = Answers(self._engine.journal, run, cursor.seq, cursor.head, self._news.set)
        return Branch(run, cursor, answers, Telling(run), cursor.seq)

    def close(self) -> None:
        """Nothing more will come here: end with what is there."""
        self._is_closed = True
        self._news.set()

    def _wake(self, cursor: Cursor) -> None:
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[list[StreamEvent]]:
        try:
            if self._begins_at:
                await self._follow_earlier()
            while not await self._is_over():
                await self._news.wait()
                self._news.clear()
                for branch in list(self._branches.values()):
                    if events := await self._pull(branch):
                        yield events
                if self._is_closed and not await self._is_over():
                    raise Conflict(f"the agent was closed before run {self._root.run.id} had ended")
        finally:
            for branch in self._branches.values():
                branch.answers.close()

    async def _is_over(self) -> bool:
        return self._root.cursor.finished

    async def _pull(self, branch: Branch) -> list[StreamEvent]:
        """Everything that the run has said since, with what its children said in its place."""
        events: list[StreamEvent] = []
        await branch.answers.catch_up()
        if branch.telling.count is None and branch.begins_at >= OPENING:
            await self._count(branch)
        branch.recorded = self._engine.recorded(branch.run.id) or branch.recorded
        while page := await branch.cursor.pull(merge=False):
            if branch.telling.count is None and any(event.type == ITEM_COMPLETED for event in page):
                await self._count(branch)
            for event in page:
                if event.type == ITEM_DELTA:
                    events.append(branch.telling.delta(event))
                else:
                    events += await self._tell(branch, event)
        events += self._answers(branch, branch.cursor.seq + 1)
        return events

    async def _tell(self, branch: Branch, event: Event) -> list[StreamEvent]:
        events = self._answers(branch, event.seq) if event.seq else []
        if event.type == CHILD_FINISHED:
            events += await self._pull_child(event)
        elif event.is_terminal and branch is self._root:
            events += await self._pull_children()
        answer = branch.answers.of(event.item, event.seq) if event.item and event.seq else None
        events.append(branch.telling.event(event, answer, branch.llm(answer) if answer else None))
        if event.type == CHILD_SPAWNED:
            await self._follow(branch.run, event)
        elif event.is_terminal:
            branch.answers.close()
        return events

    async def _count(self, branch: Branch) -> None:
        """Begin with the number of steps that the session had by then. The run has started."""
        branch.telling.count = steps_in(await self._engine.past(branch.run.id))
        if branch.begins_at:
            branch.telling.count += steps_up_to(await self._engine.journal.load(branch.run.id), branch.begins_at)

    def _answers(self, branch: Branch, before: int) -> list[StreamEvent]:
        """The answers until then that completed no item."""
        return [branch.telling.answer(answer, branch.llm(answer)) for answer in branch.answers.until(before)]

    async def _pull_child(self, event: Event) -> list[StreamEvent]:
        child = self._branches.get(event.data["runId"])
        return await self._pull(child) if child else []

    async def _pull_children(self) -> list[StreamEvent]:
        children = [branch for branch in self._branches.values() if branch is not self._root]
        return [event for child in children for event in await self._pull(child)]

    async def _follow(self, parent: RunView, spawned: Event) -> None:
        data = spawned.data
        run: str = data["runId"]
        if run in self._branches:
            return
        after = self._after.get(run, 0)
        spec = RunSpec(
            data["agentId"],
            data["sessionId"],
            "",
            parent=parent.id,
            depth=parent.spec.depth + 1,
            trace=await self._trace_of(run),
        )
        cursor = await self._engine.events(run, after, self._wake)
        branch = self._branches[run] = self._branch(RunView(run, spec), cursor)
        if after:
            await self._follow_until(branch, after)
        self._news.set()

    async def _trace_of(self, run: str) -> str | None:
        queued = await self._engine.journal.read(run, 0, 1)
        return queued[0].data.get("traceparent") if queued else None

    async def _follow_earlier(self) -> None:
        await self._follow_until(self._root, self._begins_at)

    async def _follow_until(self, branch: Branch, until: int) -> None:
        """Follow the children that were spawned before the reader begins, unless they had finished by then, too."""
        spawned: dict[str, Event] = {}
        seq = 0
        while records := await self._engine.journal.read(branch.run.id, seq, _PAGE):
            for record in records:
                if record.seq is None or record.seq > until:
                    continue
                if record.type == CHILD_SPAWNED:
                    spawned[record.data["runId"]] = Event(record.run, record.type, record.data, record.at)
                elif record.type == CHILD_FINISHED and record.data["runId"] not in self._after:
                    spawned.pop(record.data["runId"], None)
            seq = records[-1].seq or until
            if seq >= until:
                break
        for event in spawned.values():
            await self._follow(branch.run, event)
