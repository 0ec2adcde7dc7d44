"""Reads a run and all below it side by side, as one stream. Holds no events; slows nobody."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from agiwo.agent.steps import item_step
from agiwo.durable import RunView
from agiwo.engine.cursor import Cursor
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.errors import Conflict
from agiwo.schema.event import (
    APPROVAL_REQUESTED,
    APPROVAL_RESOLVED,
    CHILD_FINISHED,
    CHILD_SPAWNED,
    ITEM_COMPLETED,
    ITEM_DELTA,
    LOG,
    RUN_CANCELLED,
    RUN_COMPLETED,
    RUN_FAILED,
    RUN_STARTED,
    Event,
)
from agiwo.schema.run import RunSpec
from agiwo.schema.stream import EventType, StepDelta, StreamEvent
from agiwo.schema.trace_context import TraceContext, key_of_item

_TYPES = {
    ITEM_COMPLETED: EventType.STEP_COMPLETED,
    RUN_STARTED: EventType.RUN_STARTED,
    RUN_COMPLETED: EventType.RUN_COMPLETED,
    RUN_FAILED: EventType.RUN_FAILED,
    RUN_CANCELLED: EventType.RUN_CANCELLED,
    APPROVAL_REQUESTED: EventType.TOOL_AUTH_REQUIRED,
}

_PAGE = 512
"""Records that are looked through at once for the runs below a run."""


@dataclass(slots=True)
class Branch:
    """One run of the tree, and how far it was read."""

    run: RunView
    cursor: Cursor
    spans: dict[str | None, TraceContext] = field(default_factory=dict[str | None, TraceContext])
    """Where in the trace each item stands that was seen."""

    def span(self, item: str | None) -> TraceContext:
        """The span that an item comes from, or of what is no item's."""
        if item not in self.spans:
            step = key_of_item(self.run.id, item)
            self.spans[item] = TraceContext.of_step(self.run.id, self.run.spec.trace, step)
        return self.spans[item]

    def parent(self, span: TraceContext) -> str | None:
        """The span above: the run's for all but itself, and for that what the run is a part of."""
        own = self.span(None)
        above = TraceContext.parse(self.run.spec.trace) if span == own else own
        return above and above.span_id


class TreeReader:
    """The events of a run and of those below it, up to the run's terminal one.

    What a child says stands between the events of its parent that tell that it was spawned and that it finished.
    Iterating gives what has come since, as lists of events, and raises `Conflict` when the reader is closed before the
    run has ended.
    """

    def __init__(self, engine: EmbeddedEngine, root: Cursor, spec: RunSpec, after: Mapping[str, int]) -> None:
        self._engine, self._after = engine, after
        self._root = Branch(RunView(root.run, spec), root)
        self._branches = {root.run: self._root}
        self._begins_at = root.seq
        self._news = asyncio.Event()
        self._news.set()
        root.on_wake = self._wake
        self._is_closed = False

    def close(self) -> None:
        """Nothing more will come here: end with what is there."""
        self._is_closed = True
        self._news.set()

    def _wake(self, cursor: Cursor) -> None:
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[list[StreamEvent]]:
        if self._begins_at:
            await self._follow_earlier()
        while not await self._is_over():
            await self._news.wait()
            self._news.clear()
            for branch in list(self._branches.values()):
                if told := await self._pull(branch):
                    yield told
            if self._is_closed and not await self._is_over():
                raise Conflict(f"the agent was closed before run {self._root.run.id} had ended")

    async def _is_over(self) -> bool:
        return self._root.cursor.finished

    async def _pull(self, branch: Branch) -> list[StreamEvent]:
        """Everything that the run has said since, with what its children said in its place."""
        told: list[StreamEvent] = []
        while page := await branch.cursor.pull(merge=False):
            for event in page:
                if event.type == ITEM_DELTA:
                    told.append(_told_delta(branch, event))
                    continue
                if event.type == CHILD_FINISHED:
                    told += await self._pull_child(event)
                elif event.is_terminal and branch is self._root:
                    told += await self._pull_children()
                told.append(_told(branch, event))
                if event.type == CHILD_SPAWNED:
                    await self._follow(branch.run, event)
        return told

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
        branch = self._branches[run] = Branch(RunView(run, spec), cursor)
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


def _told(branch: Branch, event: Event) -> StreamEvent:
    run, spec, span = branch.run, branch.run.spec, branch.span(event.item)
    return StreamEvent(
        _type(event),
        event.run,
        spec.session,
        spec.agent,
        event.at,
        event.type,
        event.seq,
        event.item,
        None,
        event.data,
        spec.parent,
        spec.depth,
        item_step(run, event.item or "", event.data, event.at) if event.type == ITEM_COMPLETED else None,
        None,
        span.trace_id,
        span.span_id,
        branch.parent(span),
    )


def _type(event: Event) -> EventType:
    if event.type == LOG and "hook" in event.data:
        return EventType.ERROR
    if event.type == APPROVAL_RESOLVED and event.data["outcome"] == "deny":
        return EventType.TOOL_AUTH_DENIED
    if event.type == APPROVAL_RESOLVED and event.data["outcome"] in ("deny", "expired"):
        return EventType.TOOL_AUTH_DENIED
    return _TYPES.get(event.type, EventType.RUN_EVENT)


def _told_delta(branch: Branch, event: Event) -> StreamEvent:
    # Most events of a stream are deltas, so they take the shortest way.
    spec, data = branch.run.spec, event.data
    span = branch.spans.get(event.item) or branch.span(event.item)
    if data["kind"] == "text":
        delta = StepDelta(data["text"])
    elif data["kind"] == "reasoning":
        delta = StepDelta(None, data["text"])
    elif data["kind"] == "toolArguments":
        delta = StepDelta(tool_calls=[{"item": event.item, "function": {"arguments": data["text"]}}])
    else:
        delta = StepDelta()
    return StreamEvent(
        EventType.STEP_DELTA,
        event.run,
        spec.session,
        spec.agent,
        event.at,
        ITEM_DELTA,
        None,
        event.item,
        delta,
        data,
        spec.parent,
        spec.depth,
        None,
        None,
        span.trace_id,
        span.span_id,
    )
