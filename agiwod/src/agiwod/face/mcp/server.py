"""An mcp server over what the daemon can do: which request is answered by what. Contains no feature."""

import asyncio
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final

import mcp_types as types
from mcp.server import CacheHint, InitializationOptions, NotificationOptions, Server
from mcp.server.context import HandlerResult
from mcp.shared.exceptions import MCPError

from agiwod.face.mcp import prompts, resources
from agiwod.face.mcp.agent_call import AgentCall
from agiwod.face.mcp.agent_tools import AgentArguments, agent_tools, agents_by_name
from agiwod.face.mcp.arguments import schema_of
from agiwod.face.mcp.changes import Changes
from agiwod.face.mcp.faults import told, unknown
from agiwod.face.mcp.scheduler_tools import OPERATIONS, operate, scheduler_tools
from agiwod.face.mcp.sessions import Context, Sessions
from agiwod.face.mcp.streams import Reading, Writing
from agiwod.face.mcp.tasks import EXTENSION, TaskParams, Tasks, UpdateParams, knows_tasks
from agiwod.face.mcp.view import View, view_of
from agiwod.runtime.daemon import Daemon

_INSTRUCTIONS: Final = (
    "Each agent of this daemon is a tool. A call answers when the agent has; give the sessionId of an answer with the "
    "next call to go on with the conversation. The scheduler_ tools are for work that takes long: scheduler_submit "
    "answers at once, scheduler_wait when it is done."
)

_STALE: Final = CacheHint(ttl_ms=0, scope="private")
"""What is listed changes at any time, and is of this user alone."""

_CACHED: Final = ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read")


class _Server(Server[Any]):
    """A server that tells each client of the older era that it hears of changes, also over HTTP."""

    def create_initialization_options(self, *_: Any, **__: Any) -> InitializationOptions:
        """What the handshake says."""
        changes = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        return super().create_initialization_options(changes)


class McpServer:
    """One server: for one connection, or for all that come over HTTP.

    `is_left` tells whether its clients are gone, and they work in `cwd`, as far as that is known.
    """

    def __init__(self, daemon: Daemon, is_left: Callable[[], bool], cwd: str | None = None) -> None:
        self._daemon, self._is_left, self._cwd = daemon, is_left, cwd
        self._calls = 0
        self._rest = asyncio.Event()
        self._rest.set()
        self._sessions = Sessions()
        self._changes, self._tasks = Changes(daemon, self._sessions), Tasks(daemon)
        self.server = _Server(
            "agiwod",
            version=daemon.facts.version,
            title="agiwod",
            instructions=_INSTRUCTIONS,
            cache_hints=dict.fromkeys(_CACHED, _STALE),
            get_tool_input_schema=self._schema_of,
            on_list_tools=self._list_tools,
            on_list_resources=self._list_resources,
            on_read_resource=self._read_resource,
            on_list_resource_templates=self._list_templates,
            on_subscribe_resource=self._subscribe,
            on_unsubscribe_resource=self._unsubscribe,
            on_subscriptions_listen=self._changes.listen,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
            on_completion=self._complete,
        )
        self.server.extensions = {EXTENSION: {}}
        self.server.middleware.clear()  # its spans go to a provider that there is none of here: traces are made of runs
        self.server.add_request_handler("tools/call", types.CallToolRequestParams, self._call)
        self.server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, self._set_level)
        self.server.add_request_handler("tasks/get", TaskParams, self._tasks.get)
        self.server.add_request_handler("tasks/update", UpdateParams, self._tasks.update)
        self.server.add_request_handler("tasks/cancel", TaskParams, self._tasks.cancel)
        self.server.add_notification_handler("notifications/initialized", types.NotificationParams, self._welcome)

    async def run(self, read: Reading, write: Writing) -> None:
        """Serve one connection to its end."""
        await self.server.run(read, write, self.server.create_initialization_options())

    async def answered(self) -> None:
        """Return once no call is under way."""
        await self._rest.wait()

    async def _welcome(self, context: Context, params: types.NotificationParams) -> None:
        await self._changes.follow(context)

    async def _set_level(self, context: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        self._sessions.of(context).level = params.level
        return types.EmptyResult()

    async def _list_tools(self, context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=_tools(await self._view()))

    async def _view(self) -> View:
        return await view_of(self._daemon, self._cwd)

    def _schema_of(self, name: str) -> dict[str, Any] | None:
        """What a tool takes. No argument of ours comes in a header, so one schema stands for all."""
        return schema_of(AgentArguments)

    async def _call(self, context: Context, params: types.CallToolRequestParams) -> HandlerResult:
        self._calls += 1
        self._rest.clear()
        try:
            return await self._carry_out(context, params)
        except MCPError:
            raise
        except Exception as error:  # the border: a model reads what it was
            return told(error)
        finally:
            self._calls -= 1
            if not self._calls:
                self._rest.set()

    async def _carry_out(self, context: Context, params: types.CallToolRequestParams) -> HandlerResult:
        view = await self._view()
        agents = agents_by_name(view)
        if params.name in agents:
            call = AgentCall(self._daemon, view.project, context, self._sessions.of(context), self._is_left)
            if knows_tasks(context):
                return await self._tasks.begun(await call.start(agents[params.name], params.arguments))
            return await call.make(agents[params.name], params)
        if params.name in OPERATIONS and view.exposure.scheduler:
            return await operate(self._daemon, params.name, params.arguments)
        raise unknown("tool", params.name, _near(params.name, [each.name for each in _tools(view)]))

    async def _list_resources(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=await resources.list_resources(self._daemon, await self._view()))

    async def _list_templates(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=list(resources.TEMPLATES))

    async def _read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return types.ReadResourceResult(
            contents=[*await resources.read_resource(self._daemon, await self._view(), params.uri)]
        )

    async def _subscribe(self, context: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        self._sessions.of(context).subscribe(params.uri)
        return types.EmptyResult()

    async def _unsubscribe(self, context: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        self._sessions.of(context).uris.discard(params.uri)
        return types.EmptyResult()

    async def _list_prompts(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=await prompts.list_prompts(await self._view()))

    async def _get_prompt(self, context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        return await prompts.get_prompt(await self._view(), params.name, params.arguments or {})

    async def _complete(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        if isinstance(params.ref, types.PromptReference):
            return types.CompleteResult(completion=types.Completion(values=[], total=0, has_more=False))
        found = await resources.suggest(self._daemon, await self._view(), params.ref.uri, params.argument.value)
        return types.CompleteResult(completion=found)


def _tools(view: View) -> list[types.Tool]:
    """The operations, and the agents: of two that have one name, the agent counts."""
    tools = {each.name: each for each in scheduler_tools()} if view.exposure.scheduler else {}
    return [*{**tools, **{each.name: each for each in agent_tools(view)}}.values()]


def _near(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(known)}"
