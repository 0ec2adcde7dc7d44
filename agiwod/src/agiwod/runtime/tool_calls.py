"""Calls of tools that clients make themselves, outside of any run: what may be called, and what came of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from agiwo import ids
from agiwo.clock import Clock
from agiwo.engine.redact import Redactor
from agiwo.errors import ConfigError, NotFound, ToolError
from agiwo.mcp.naming import PREFIX
from agiwo.mcp.servers import McpServers
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool.arguments import ArgumentSchema
from agiwo.tool.base import BaseTool
from agiwo.tool.catalog import find_tool
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.result import ToolResult
from agiwo.tool.sandbox import Sandbox
from agiwo.tool.thread import in_thread
from agiwo.tool.workspace import Workspace

from agiwod.runtime.errors import ApprovalNeeded

_LARGEST: Final = 2**20
"""Characters of what a call gives that a client is sent."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call: the tool by the name that people write, and whether the caller's own word is its approval."""

    name: str
    arguments: Mapping[str, Any]
    is_approved: bool = False


class ToolCalls:
    """Runs calls by tools of their own, which work in `directory` and in a `sandbox`; nothing is recorded of them."""

    def __init__(
        self, redactor: Redactor, clock: Clock, directory: Path | None, sandbox: Sandbox | None = None
    ) -> None:
        self.redactor, self.sandbox = redactor, sandbox or Sandbox()
        self._clock, self._directory = clock, directory

    async def make(self, wanted: Wanted, servers: McpServers, root: str | None = None) -> ToolResult:
        """What came of the call; a tool that fails gives a result, too. Cancelling the caller ends the call.

        `servers` are those whose tools can be called, `root` is where the caller works, if it works in a project.

        Raises:
            NotFound: there is no such tool.
            ToolError: it does not take these arguments.
            ApprovalNeeded: the call needs somebody's word, and the caller did not give it.
        """
        tool = await self._find(wanted.name, servers, root)
        definition = tool.get_definition()
        ArgumentSchema(definition.name, definition.parameters).check(dict(wanted.arguments))
        executor = ToolExecutor([tool], self._clock)
        try:
            call = ToolCall(ids.fresh("call"), definition.name, wanted.arguments)
            if executor.judge(call).action == "ask" and not wanted.is_approved:
                raise ApprovalNeeded(wanted.name)
            context = ExecutionContext("", "", idempotency_key=call.id)
            return await self._told(await executor.execute(call, context, approved=wanted.is_approved))
        finally:
            await executor.close()

    async def _find(self, name: str, servers: McpServers, root: str | None) -> BaseTool:
        if name.startswith(PREFIX):
            offered = servers.tools(name)
            await offered.ready()
            for tool in offered.tools():
                return tool
            raise NotFound("tool", name, "`tool/list` names those that there are")
        workspace = Workspace(root or self._directory, make=not root, sandbox=self.sandbox)
        try:
            return await asyncio.to_thread(find_tool, name, workspace=workspace)
        except ConfigError as error:
            raise ToolError(str(error)) from error

    async def _told(self, result: ToolResult) -> ToolResult:
        """The result without known secrets, and no more of it than a client is sent."""
        output = result.output if result.output_size() <= _LARGEST else None
        data = {"content": result.for_model(_LARGEST), "user": result.content_for_user, "output": output}
        # In a thread: it may be a megabyte to look through.
        told = await in_thread(lambda: self.redactor.data(data))
        return replace(result, content=told["content"], content_for_user=told["user"], output=told["output"])
