"""Tells the hooks that look on what is recorded of a run. Cannot hold up the run, and changes nothing in it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from typing import Any, cast

from agiwo.agent.execution_context import run_context
from agiwo.agent.hooks import AgentHooks, call_hook
from agiwo.agent.output_type import OutputTypes, made
from agiwo.agent.program import AgentProgram
from agiwo.agent.reader import TreeReader
from agiwo.agent.steps import MODEL_KEY, Steps, steps_in, whole_text
from agiwo.clock import SystemClock
from agiwo.durable import SPEC, STEP, Programs, RunView
from agiwo.engine.pasts import BASE
from agiwo.engine.serving import ServingEngine
from agiwo.engine.terminal import result_of
from agiwo.loop.history import BEFORE_RUN
from agiwo.schema.content import read_input
from agiwo.schema.event import ITEM_COMPLETED, LOG, RUN_STARTED, TERMINAL_EVENTS
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunSpec
from agiwo.schema.stream import EventType, RunError, RunOutput, StreamEvent
from agiwo.schema.text import words_of
from agiwo.tool.result import ToolResult

log = logging.getLogger(__name__)


class Observer:
    """Follows one run from now on, for its agent's hooks.

    Each hook has the program's `patience`; the inbox holds what the run records meanwhile, and no more.
    """

    def __init__(self, engine: ServingEngine, head: RunHead, programs: Programs) -> None:
        self._engine, self._head, self._programs = engine, head, programs
        self._inbox: deque[Record] = deque()
        self._news = asyncio.Event()
        self._given_up: set[str] = set()
        self._is_closing = False
        self._hooks, self._patience, self._output_types = AgentHooks(), 0.0, OutputTypes()
        self.late: list[StreamEvent] = []
        """What went wrong after the run's last event, so that nobody could be told of it in the stream."""
        self._unwatch = engine.journal.watch(head.run, self._hear, internal=True)
        self.task = asyncio.create_task(self._follow(), name=f"observer of {head.run}")

    def _hear(self, records: Sequence[Record]) -> None:
        self._inbox.extend(records)
        self._news.set()

    async def _follow(self) -> None:
        try:
            records = await self._engine.journal.load(self._head.run)
            spec = RunSpec.from_json(next(record for record in records if record.type == SPEC).data["spec"])
            while (program := self._programs.find(spec)) is None and not self._is_closing:
                self._news.clear()
                await self._news.wait()  # the run is suspended until its agent is there
            if isinstance(program, AgentProgram):
                self._hooks, self._patience, self._output_types = program.hooks, program.patience, program.output_types
                await self._tell(spec, records)
        finally:
            self._unwatch()

    async def _tell(self, spec: RunSpec, records: Sequence[Record]) -> None:
        events = asyncio.create_task(self._tell_events(spec), name=f"events of {self._head.run}")
        try:
            await self._tell_records(spec, records)
            if not self._is_closing:
                await events
        finally:
            events.cancel()
            await asyncio.gather(events, return_exceptions=True)

    def close(self) -> None:
        """Nothing more will be recorded here: end once everything that was is told."""
        self._is_closing = True
        self._news.set()

    # What is recorded

    async def _tell_records(self, spec: RunSpec, records: Sequence[Record]) -> None:
        run, self._asked = RunView(self._head.run, spec), spec.input
        steps, earlier = Steps(run), list(takewhile(self._is_earlier, records))
        await self._count(steps, earlier)
        for record in earlier:
            steps.take(record)
            self._take_input(record)
        while True:
            while not self._inbox:
                if self._is_closing:
                    return
                self._news.clear()
                await self._news.wait()
            record = self._inbox.popleft()
            if record.type == RUN_STARTED:
                await self._count(steps, self._inbox)
            self._take_input(record)
            await self._tell_record(steps, record)
            if record.type in TERMINAL_EVENTS:
                await self._tell_end(run, record)
                return

    def _is_earlier(self, record: Record) -> bool:
        return record.seq is None or record.seq <= self._head.head

    async def _count(self, steps: Steps, records: Iterable[Record]) -> None:
        """Begin with the number of steps that the session had before this run, if somebody is told numbers."""
        if (self._hooks.on_step or self._hooks.on_after_llm_call) and any(each.key == BASE for each in records):
            steps.count += steps_in(await self._engine.past(self._head.run))

    def _take_input(self, record: Record) -> None:
        if record.key == BEFORE_RUN and record.type == STEP and record.data["value"] is not None:
            self._asked = record.data["value"]

    async def _tell_record(self, steps: Steps, record: Record) -> None:
        step = steps.take(record)
        if step is None:
            return
        if record.type == ITEM_COMPLETED and record.data["kind"] == "toolCall":
            await self._call("on_after_tool_call", *_tool_call(record))
        elif record.type == STEP and record.key and MODEL_KEY.fullmatch(record.key):
            await self._call("on_after_llm_call", step)
        await self._call("on_step", step)

    async def _tell_end(self, run: RunView, record: Record) -> None:
        head = await self._engine.journal.run(run.id)
        assert head
        output, context = self._output(run.spec, RunOutput.of(result_of(head, record))), run_context(run)
        await self._call("on_after_run", output, context)
        if output.response:
            await self._call("on_memory_write", read_input(self._asked), output, context)

    def _output(self, spec: RunSpec, ended: RunOutput) -> RunOutput:
        """The output with an object of its type; with the data that is recorded when the type does not take it."""
        if (wanted := spec.plan.get("output")) is None or ended.output is None:
            return ended
        with suppress(RunError):
            return replace(ended, output=made(self._output_types.find(wanted), ended.output))
        return ended

    # What is streamed

    async def _tell_events(self, spec: RunSpec) -> None:
        """Every event of the run and of those below it; of a run below another one that other's hook hears."""
        if self._hooks.on_event is None or spec.parent is not None:
            return
        after = {} if self._head.head <= 1 else await self._heads(self._head)
        cursor = await self._engine.events(self._head.run, after.get(self._head.run, 0))
        async for events in TreeReader(self._engine, cursor, spec, after):
            for event in events:
                if event.data.get("hook") != "on_event":  # else one that fails would be told of that, and fail
                    await self._call("on_event", event)

    async def _heads(self, head: RunHead) -> dict[str, int]:
        """How far a recovered run, and those below it, had come: what was told then is not told again."""
        heads = {head.run: head.head}
        for child in await self._engine.journal.runs(parent=head.run):
            heads |= await self._heads(child)
        return heads

    # Calling

    async def _call(self, name: str, *args: Any) -> None:
        hook: Callable[..., Any] | None = getattr(self._hooks, name)
        if hook is None or name in self._given_up:
            return
        deadline = asyncio.timeout(self._patience)
        # The border to code that is not ours: whatever comes out of it is told and stays here.
        try:
            async with deadline:
                await call_hook(hook, *args)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._report(name, f"the hook {name} cancelled itself")
        except Exception as error:
            if deadline.expired():
                self._given_up.add(name)
                self._report(name, f"the hook {name} did not return within {self._patience:g} seconds")
            else:
                log.warning("the hook %s raised", name, exc_info=error)
                self._report(name, f"the hook {name} raised {type(error).__name__}: {words_of(error)}")

    def _report(self, name: str, message: str) -> None:
        head = self._head
        log.warning("run %s: %s", head.run, message)
        data = {"level": "error", "hook": name, "message": message}
        if not self._engine.tell(head.run, data):
            at = SystemClock().now()
            self.late.append(StreamEvent(EventType.ERROR, head.run, head.session, head.agent, at, LOG, data=data))


def _tool_call(record: Record) -> tuple[str, str, Any, ToolResult]:
    """What `on_after_tool_call` is told of a completed call; arguments that could not be read are none."""
    data, output = record.data, record.data["output"]
    arguments = cast(dict[str, Any], data["arguments"]) if isinstance(data["arguments"], dict) else {}
    content, seconds = whole_text(output["content"]), data["durationMs"] / 1000
    result = ToolResult(
        tool_name=data["name"],
        tool_call_id=data["callId"],
        input_args=arguments,
        content=content,
        output=output.get("value"),
        start_time=record.at - seconds,
        end_time=record.at,
        duration=seconds,
        content_for_user=output.get("contentForUser"),
        error=content if output["isError"] else None,
        is_success=not output["isError"],
    )
    return data["callId"], data["name"], arguments, result
