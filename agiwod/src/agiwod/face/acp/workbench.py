"""The tools of one session: those of its editor, and of the servers that the editor names. Decides about no call.

A run that has them keeps them: a call waits for whoever opens the session again, but for one that must not run twice.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson
from agiwo.agent import Agent
from agiwo.agent.output_schema import OutputSchema
from agiwo.errors import SchemaInvalid
from agiwo.mcp import McpServer, McpServers
from agiwo.schema.hosted import HostedCall, HostedTool
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool.base import BaseTool
from agiwo.tool.builtin import FOR_FILES, builtin_tool
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.sandbox import Sandbox
from agiwo.tool.thread import in_thread
from agiwo.tool.workspace import Workspace

from agiwod.face.acp.editor import Editor
from agiwod.face.acp.editor_tools import EditorEdit, EditorRead, EditorTerminal, EditorWrite, ShowTerminal
from agiwod.face.acp.plan_tool import PlanTool
from agiwod.face.acp.shapes import Capabilities

if TYPE_CHECKING:
    from agiwod.face.acp.session import OpenSession

_ALL: Final = 256 * 1024
"""Bytes of the tools of the editor's servers: each run that has them keeps them, and its model reads them."""

log = logging.getLogger(__name__)


class Workbench:
    """What a session's agent can use there. It carries calls out, from `open` to `close`."""

    def __init__(
        self,
        session: "OpenSession",
        editor: Editor,
        can: Capabilities,
        servers: Sequence[McpServer],
        sandbox: Sandbox,
    ) -> None:
        self._session, self._hosts = session, session.hosts
        self._servers = McpServers(*servers)
        self._place = Workspace(session.cwd, sandbox=sandbox)
        self._given = _of_editor(self._place, editor, can, session.updates.show_terminal)
        others = (builtin_tool(name, workspace=self._place) for name in FOR_FILES if name not in self._given)
        foreign = [self._servers.tools()] if servers else []
        self._executor = ToolExecutor([*self._given.values(), *others, PlanTool()], toolsets=foreign)
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def open(self) -> None:
        """Begin to start the servers, and take calls."""
        self._servers.start()
        self._hosts.join(self)

    async def close(self) -> None:
        """Take no more calls, and end the servers. What must not run twice and was under way is lost."""
        lost = self._hosts.leave(self)
        for task in list(self._under_way.values()):
            task.cancel()
        if not self._session.is_ending:
            await self._hosts.lose(lost)
        await self._executor.close()
        await self._servers.close()

    async def tools_for(self, agent: Agent) -> list[HostedTool]:
        """The tools that a new run of the agent is offered.

        Those for files work in the session's directory: through the editor where it can do that, else without it, in
        the place of those that the agent has.
        """
        await self._executor.ready()
        offered = self._executor.definitions.values()
        own = agent.tool_names
        names = [each.name for each in offered if each.name not in FOR_FILES or each.name in self._given]
        names += [each.name for each in offered if each.name in FOR_FILES and each.name in own]
        found = [self._hosted(name) for name in dict.fromkeys(names)]
        return await in_thread(lambda: _usable(found)) if self._servers.states() else found

    def _hosted(self, name: str) -> HostedTool:
        is_for_files = name in FOR_FILES
        # As long as any tool of a client: whoever carries it out may have to be started again.
        definition = replace(self._executor.definitions[name], timeout_seconds=None)
        root = str(self._place.root) if is_for_files else None
        return HostedTool(definition, name in self._executor.judged, root, stands_in=is_for_files)

    # As a host

    def has(self, tool: str) -> bool:
        """Whether there is a tool of that name here."""
        return tool in self._executor.definitions

    def follows(self, run: str) -> bool:
        """Whether the run is one of the session's."""
        return self._session.has(run)

    def call(self, call: HostedCall) -> None:
        """Carry out a call."""
        self._under_way[call.item] = self._session.see_to(self._carry_out(call))

    def drop(self, item: str) -> None:
        """The call waits no more, whoever has answered it."""
        if task := self._under_way.pop(item, None):
            task.cancel()

    async def _carry_out(self, call: HostedCall) -> None:
        if not await self._hosts.may_send(call):
            return
        self._session.updates.describe(call.item, call.name, dict(call.arguments), status="in_progress")
        made = ToolCall(call.id, call.name, orjson.dumps(dict(call.arguments)).decode())
        context = ExecutionContext(self._session.id, call.run, idempotency_key=call.item)
        # Somebody was asked about it, if that was needed: the run does not come here before.
        result = await self._executor.execute(made, context, approved=True)
        # From here on the answer itself would end this task, as anybody's would.
        self._under_way.pop(call.item, None)
        await self._hosts.answer(call, result, self._session.client)


def _of_editor(place: Workspace, editor: Editor, can: Capabilities, show: ShowTerminal) -> dict[str, BaseTool]:
    """The tools that the editor can carry out."""
    reads, writes = bool(can.fs and can.fs.read_text_file), bool(can.fs and can.fs.write_text_file)
    found: list[BaseTool] = []
    found += [EditorRead(place, editor)] if reads else []
    found += [EditorWrite(place, editor)] if writes else []
    found += [EditorEdit(place, editor)] if reads and writes else []
    found += [EditorTerminal(place, editor, show)] if can.terminal else []
    return {tool.name: tool for tool in found}


def _usable(tools: Sequence[HostedTool]) -> list[HostedTool]:
    """Those of the tools whose arguments can be looked at before a call, as far as there is room for them."""
    found: list[HostedTool] = []
    room = _ALL
    for tool in tools:
        definition = tool.definition
        room -= len(definition.description) + len(orjson.dumps(definition.parameters, default=str))
        try:
            OutputSchema.looked_at(dict(definition.parameters))
        except SchemaInvalid as error:
            log.warning("the tool %s is left out: %s", tool.name, error)
            continue
        if room >= 0:
            found.append(tool)
        else:
            log.warning("the tool %s is left out: the tools of the editor's servers say too much", tool.name)
    return found
