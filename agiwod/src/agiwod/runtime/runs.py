"""Runs as a client sees them: start, look at, wait for, steer and end them. Drives none: that is the engine's."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

from agiwo import ids
from agiwo.agent import Agent
from agiwo.agent.output_schema import OutputSchema
from agiwo.durable import CancelScope
from agiwo.engine.cursor import Cursor
from agiwo.engine.serving import ServingEngine
from agiwo.engine.terminal import result_of
from agiwo.errors import AgiwoError, CursorExpired, NotFound
from agiwo.schema.budget import Budget
from agiwo.schema.event import RUN_STARTED, Event
from agiwo.schema.hosted import HostedTool
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunResult, RunStatus
from agiwo.tool.thread import in_thread
from agiwo.tool.workspace import WorkspaceTool

from agiwod.runtime.agents import MODEL, Agents
from agiwod.runtime.projects import PROJECT, Project

log = logging.getLogger(__name__)

STEER = "steer"
"""The topic of a run's mailbox that its model calls drain."""

Content = str | list[dict[str, Any]]
"""What an agent is told: a string, or parts as JSON data."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a run is to do, and how. The same `key` for the same agent never starts a second run.

    `hosted` are the tools of the client that asks, `project` is where it works, if it works in one.
    """

    agent: str
    input: Content
    session: str | None = None
    key: str | None = None
    model: str | None = None
    output_schema: Mapping[str, Any] | None = None
    budget: Mapping[str, Any] = field(default_factory=dict[str, Any])
    traceparent: str | None = None
    hosted: Sequence[HostedTool] = ()
    project: Project | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A run that is recorded, and a reader of it from its first moment on.

    `is_duplicate` when an earlier request with the same key had started it. `left_out` are tools of the client that
    the run does not have, because its agent has others of these names.
    """

    head: RunHead
    cursor: Cursor
    is_duplicate: bool = False
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as it stands: begun at `started_at` with `model`; `result` is there once it has ended."""

    head: RunHead
    started_at: float | None = None
    ended_at: float | None = None
    result: RunResult | None = None
    model: str | None = None


class Runs:
    """The runs of an engine. `check` raises when no new run may start, `ready` returns when one may begin."""

    def __init__(
        self, engine: ServingEngine, agents: Agents, check: Callable[[], None], ready: Callable[[], Awaitable[None]]
    ) -> None:
        self._engine, self._agents, self._check, self._ready = engine, agents, check, ready
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self, ask: Ask, bind: Callable[[str], None] | None = None) -> Started:
        """Record a new run and return at once; or the one that was started with the same key.

        `bind` is told the id of a new run before it is recorded: it may be there although the caller was cut off.

        Raises:
            NotFound: there is no such agent or model.
            SchemaInvalid: no answer can be held against the output schema.
            ConfigError: its budget is none.
            BudgetExhausted: the input alone has more tokens than the budget.
            Draining, TooMuch: no new run may start.
            StorageError: the store refuses; nothing was accepted.
        """
        if ask.key is None:
            return await self._start(ask, ids.fresh("run") if bind else None, bind)
        run = ids.derived("run", "key", ask.agent, ask.key)
        async with self._starting.setdefault(run, asyncio.Lock()):
            if await self._engine.journal.run(run):
                return Started(await self._engine.head(run), await self._engine.events(run), is_duplicate=True)
            return await self._start(ask, run, bind)

    async def begin(self, ask: Ask, bind: Callable[[str], None]) -> Cursor:
        """A reader of a new run, for who needs to know no more: what it costs to look at the run is spared.

        Raises: as `start`.
        """
        cursor, _ = await self._begin(ask, ids.fresh("run"), bind)
        return cursor

    async def _start(self, ask: Ask, run: str | None, bind: Callable[[str], None] | None) -> Started:
        cursor, left_out = await self._begin(ask, run, bind)
        return Started(await self._engine.head(cursor.run), cursor, left_out=left_out)

    async def _begin(
        self, ask: Ask, run: str | None, bind: Callable[[str], None] | None
    ) -> tuple[Cursor, tuple[str, ...]]:
        """A reader of a new run, and the names of the client's tools that it does not get."""
        agents, ready = self._agents, self._ready
        if ask.project is not None:
            agents, ready = ask.project.agents, ask.project.skills.ready
        agent = agents.with_model(ask.agent, ask.model)
        schema = ask.output_schema
        # In a thread: a large one takes long enough to be felt by everybody else.
        output = None if schema is None else await in_thread(lambda: OutputSchema.looked_at(schema))
        if agent.skills:
            await ready()
        await agent.ready()
        self._check()
        budget = Budget(**ask.budget) if ask.budget else None
        # The agent's own come first: its rules are about those, and no client may put itself in their place.
        own = _not_replaced(agent, ask.hosted)
        spec = agent.spec(
            ask.input,
            session_id=ask.session,
            output=output,
            budget=budget,
            traceparent=ask.traceparent,
            metadata=None if ask.project is None else {PROJECT: ask.project.root},
            hosted=[tool for tool in ask.hosted if tool.name not in own],
        )
        if ask.model:
            spec = replace(spec, plan={**spec.plan, MODEL: ask.model})
        if bind and run:
            bind(run)
        cursor = await self._engine.start(spec, run=run, is_new=True)
        return cursor, tuple(tool.name for tool in ask.hosted if tool.name in own)

    async def head(self, run: str) -> RunHead:
        """Where the run stands, without what it costs to look into its events.

        Raises:
            NotFound: there is no such run.
        """
        return await self._engine.head(run)

    async def get(self, run: str) -> RunState:
        """The run as it stands.

        Raises:
            NotFound: there is no such run.
        """
        return await self._state(await self._engine.head(run))

    async def _state(self, head: RunHead) -> RunState:
        started = [record for record in await self._read(head, 2) if record.type == RUN_STARTED]
        state = RunState(head, started[0].at, model=started[0].data.get("model")) if started else RunState(head)
        if not head.status.is_terminal:
            return state
        last = await self._read(head, head.head)
        if not last:
            return state  # its session was deleted since the index was read
        return replace(state, ended_at=last[0].at, result=result_of(head, last[0]))

    async def _read(self, head: RunHead, seq: int) -> list[Record]:
        return await self._engine.journal.read(head.run, seq - 1, 1)

    async def wait(self, run: str, timeout: float | None = None) -> RunState:
        """The run once it has ended. Cancelling the caller ends the waiting only.

        Raises:
            NotFound: there is no such run.
            TimeoutError: it was still going after `timeout` seconds.
        """
        await self._engine.result(run, timeout)
        return await self.get(run)

    async def result(self, run: str) -> RunResult:
        """How the run ended, once it has, without what it costs to look into its events.

        Cancelling the caller ends the waiting only.

        Raises:
            NotFound: there is no such run.
        """
        return await self._engine.result(run)

    async def steer(self, run: str, content: Content) -> str:
        """Tell a run something that its next model call includes; returns the message's id.

        Raises:
            NotFound: there is no such run.
            Conflict: it has ended, or is about to.
            StorageError: the store refuses.
        """
        message = ids.fresh("msg")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        await self._engine.send(run, message, STEER, {"content": parts})
        return message

    async def cancel(self, run: str, reason: str = "", scope: CancelScope = "tree") -> tuple[bool, RunHead]:
        """Ask a run to end; whether it was still going, and how it stands. Its terminal event tells the rest.

        Raises:
            NotFound: there is no such run.
            StorageError: the store refuses.
        """
        accepted = await self._engine.cancel(run, reason, scope)
        return accepted, await self._engine.head(run)

    async def resume(self, run: str) -> tuple[bool, RunHead]:
        """Try a suspended run again; whether it was suspended, and how it stands.

        Raises:
            NotFound: there is no such run.
        """
        await self._engine.head(run)
        accepted = await self._engine.resume(run)
        return accepted, await self._engine.head(run)

    async def abandon(self, runs: Iterable[str], reason: str) -> None:
        """End those of the runs that are still going, as far as the store allows."""
        for run in runs:
            try:
                await self._engine.cancel(run, reason)
            except NotFound:
                continue  # it was refused, or cut off before it was recorded
            except AgiwoError as error:
                log.warning("run %s goes on without its client: %s", run, error)

    async def page(self, run: str, after: int, limit: int) -> tuple[list[Event], RunHead]:
        """Durable events from `after` on, at most `limit`, and how the run stands.

        Raises:
            NotFound: there is no such run.
            CursorExpired: it has not had that many events.
        """
        head = await self._engine.head(run)
        if after > head.head:
            raise CursorExpired(run, after, head.head)
        return await self._engine.journal.events(run, after, limit), head

    async def list(
        self,
        *,
        session: str | None = None,
        agent: str | None = None,
        parent: str | None = None,
        statuses: frozenset[RunStatus] | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunState]:
        """Runs, newest first; `before` is the id of the last one of the previous page.

        Raises:
            NotFound: there is no run `before`.
        """
        heads = await self._engine.journal.runs(
            session=session, agent=agent, parent=parent, statuses=statuses, before=before, limit=limit
        )
        if self._engine.storage.trouble is not None:
            heads = [await self._engine.head(head.run) for head in heads]
        return [await self._state(head) for head in heads]


def _not_replaced(agent: Agent, hosted: Iterable[HostedTool]) -> frozenset[str]:
    """The names of the agent's own tools that no tool of the client may take the place of."""
    on_files = {tool.name for tool in agent.tools if isinstance(tool, WorkspaceTool)}
    return agent.tool_names.difference(each.name for each in hosted if each.stands_in and each.name in on_files)
