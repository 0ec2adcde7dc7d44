"""A call of an agent, from its arguments to its result. What is told and asked meanwhile is `telling` and `asking`."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
from agiwo.agent import Agent
from agiwo.engine.cursor import Cursor
from agiwo_protocol.contract import read_params
from mcp_types import CallToolRequestParams, CallToolResult, InputRequests, InputRequiredResult

from agiwod.face.mcp.agent_tools import AgentArguments
from agiwod.face.mcp.asking import Asking, respond_all
from agiwod.face.mcp.faults import unknown
from agiwod.face.mcp.questions import Questions, can_ask, form_of
from agiwod.face.mcp.sessions import Context, Session, client_name, is_modern
from agiwod.face.mcp.shapes import outcome
from agiwod.face.mcp.telling import Telling
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.projects import Project
from agiwod.runtime.runs import Ask

_FAREWELL: Final = 2.0
"""Seconds in which a run has to be told that its call was cancelled."""

Outcome = CallToolResult | InputRequiredResult


class AgentCall:
    """One call, or one round of it; its run begins in the `project`, if there is one.

    `is_left` tells whether the client went without a word: then its run goes on.
    """

    def __init__(
        self,
        daemon: Daemon,
        project: Project | None,
        context: Context,
        session: Session,
        is_left: Callable[[], bool],
    ) -> None:
        self._daemon, self._project, self._is_left = daemon, project, is_left
        self._context, self._session = context, session
        self._can_ask = can_ask(context.session.client_capabilities)
        self._run: str | None = None

    async def make(self, agent: Agent, params: CallToolRequestParams) -> Outcome:
        """What the agent says; or what it asks, of a client of the newer era, which then calls again.

        A call that the client cancels cancels its run.

        Raises: as `start`; MCPError when there is no earlier round to go on with.
        """
        try:
            cursor = await (self._again(agent, params) if params.request_state else self.start(agent, params.arguments))
            return await self._wait(cursor)
        except asyncio.CancelledError:
            await self._abandon()
            raise

    async def start(self, agent: Agent, arguments: Mapping[str, Any] | None) -> Cursor:
        """A run for the call.

        Raises: as `Runs.start`; InvalidParams when the arguments are wrong.
        """
        given = read_params(AgentArguments, arguments)
        traceparent = (self._context.meta or {}).get("traceparent")
        ask = Ask(
            agent.id,
            given.input,
            given.session_id,
            output_schema=given.output_schema,
            traceparent=traceparent if isinstance(traceparent, str) else None,
            project=self._project,
        )
        return await self._daemon.runs.begin(ask, self._take)

    def _take(self, run: str) -> None:
        self._run = run

    async def _again(self, agent: Agent, params: CallToolRequestParams) -> Cursor:
        """The run of an earlier round, with the answers to what it asked."""
        run = params.request_state or ""
        head = await self._daemon.journal.run(run)
        if head is None or head.agent != agent.id:
            raise unknown("call to go on with", run)
        self._run = run
        await respond_all(self._daemon.approvals, params.input_responses or {}, client_name(self._context))
        return await self._daemon.engine.events(run, head.head)

    async def _wait(self, cursor: Cursor) -> Outcome:
        is_told = "progress_token" in (self._context.meta or {}) or self._session.hears("warning")
        if not is_told and not self._can_ask:
            return await self._read(cursor)
        questions = Questions(self._daemon.approvals, cursor.run)
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = Telling(cursor, self._context, self._session, tells_questions=not self._can_ask)
                beside = [tasks.create_task(telling.run())] if is_told else []
                if self._can_ask and not is_modern(self._context):
                    asking = Asking(questions, self._daemon.approvals, self._context)
                    beside.append(tasks.create_task(asking.run()))
                result = await self._end(cursor.run, questions)
                if is_told and isinstance(result, CallToolResult):
                    await telling.finish()
                for task in beside:
                    task.cancel()
                return result
        finally:
            questions.close()

    async def _read(self, cursor: Cursor) -> CallToolResult:
        """How the run ended, from what is in memory of it while it goes on: nothing is asked of the store."""
        while not cursor.finished:
            await cursor.wait()
            await cursor.pull(lagging=True)
        return outcome(await self._daemon.runs.result(cursor.run))

    async def _end(self, run: str, questions: Questions) -> Outcome:
        """How the run ended; or what it asks, of a client that is asked by way of an answer."""
        if not (self._can_ask and is_modern(self._context)):
            return outcome(await self._daemon.runs.result(run))
        await questions.catch_up()
        ended = asyncio.ensure_future(self._daemon.runs.result(run))
        raised = asyncio.ensure_future(questions.raised())
        try:
            await asyncio.wait({ended, raised}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return outcome(ended.result())
            forms: InputRequests = {id: form_of(approval) for id, approval in questions.open.items()}
            return InputRequiredResult(input_requests=forms, request_state=run)
        finally:
            for each in (ended, raised):
                each.cancel()
            await asyncio.gather(ended, raised, return_exceptions=True)

    async def _abandon(self) -> None:
        """End the run of a call that was cancelled; one whose client vanished, or whose daemon ends, goes on."""
        if self._run is None or self._is_left() or self._daemon.ended.is_set():
            return
        with anyio.move_on_after(_FAREWELL, shield=True):
            await self._daemon.runs.abandon([self._run], "the MCP client cancelled the call")
