"""Which request of an editor is answered by what. Contains no feature."""

import os
from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from typing import Any, Final

from agiwo.mcp import McpServer
from agiwo.schema.record import Session
from agiwo.schema.run import TERMINAL, RunStatus
from agiwo_protocol.contract import Wire, read_params
from agiwo_protocol.errors import InvalidParams, InvalidRequest, MethodNotFound
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.peer import Reply

from agiwod.face.acp import shapes
from agiwod.face.acp.choices import MODE, MODEL, require_one_of
from agiwod.face.acp.connection import Connection
from agiwod.face.acp.errors import told
from agiwod.face.acp.following import Following
from agiwod.face.acp.listing import sessions_listed
from agiwod.face.acp.servers import secrets_of, servers_of
from agiwod.face.acp.session import OpenSession
from agiwod.face.acp.shapes import Json

_PATIENCE: Final = 10.0
"""Seconds that the runs of a session have to end before it is deleted."""

VERSION: Final = 1
"""The version of ACP that is spoken."""

_CAPABILITIES: Final[Json] = {
    "loadSession": True,
    "promptCapabilities": {"image": True, "audio": True, "embeddedContext": True},
    "mcpCapabilities": {"http": True, "sse": False},
    "_meta": {"agiwod": {"methods": ["_agiwod/run/steer"]}},
    "sessionCapabilities": {name: {} for name in ("list", "resume", "fork", "close", "delete")},
}


async def serve(connection: Connection, request: Request) -> Any:
    """The answer to a request.

    Raises:
        RpcError: the error to answer with.
    """
    if request.method not in _METHODS:
        near = get_close_matches(request.method[:100], _METHODS, n=3, cutoff=0.5)
        raise MethodNotFound(f"there is no method {request.method[:100]!r}", method=request.method[:100], near=near)
    params, handle = _METHODS[request.method]
    if connection.client is None and request.method != "initialize":
        raise InvalidRequest("`initialize` has to come first", kind="not_initialized")
    try:
        return await handle(connection, read_params(params, request.params))
    except Exception as error:
        raise told(error) from None


async def _initialize(connection: Connection, params: shapes.InitializeParams) -> Json:
    connection.welcome(params)
    info = {"name": "agiwod", "title": "agiwod", "version": connection.daemon.facts.version}
    return {
        "protocolVersion": VERSION,
        "agentCapabilities": _CAPABILITIES,
        "agentInfo": info,
        "authMethods": [],
    }


async def _authenticate(connection: Connection, params: Wire) -> Json:
    return {}


async def _new(connection: Connection, params: shapes.NewParams) -> Reply:
    cwd = _directory(params.cwd)
    agents = await connection.agents_at(cwd)
    agent = connection.agent or agents.default
    if agent is None:
        names = ", ".join(each.agent.id for each in agents.list())
        raise InvalidParams(f"no agent is the default one; start `agiwod acp --agent` with one of {names}", errors=[])
    servers = _servers(connection, params, cwd)
    made = await connection.daemon.sessions.create(agent, meta={"cwd": cwd}, agents=agents)
    return await _made(connection, connection.open(made.id, cwd, agent, servers=servers))


async def _load(connection: Connection, params: shapes.OpenParams) -> Reply:
    return await _open_again(connection, params, Following.replay)


async def _resume(connection: Connection, params: shapes.OpenParams) -> Reply:
    return await _open_again(connection, params, Following.resume)


async def _open_again(
    connection: Connection, params: shapes.OpenParams, catch_up: Callable[[Following], Awaitable[None]]
) -> Reply:
    """The answer about a session that there is; it stays as it was, if it is open here."""
    cwd = _directory(params.cwd)
    servers = _servers(connection, params, cwd)
    stored = await connection.daemon.sessions.get(params.session_id)
    if (session := connection.sessions.get(stored.id)) is not None:
        await session.move(cwd, servers)
    else:
        agent, model = await _last_chosen(connection, stored, cwd)
        session = connection.open(stored.id, cwd, agent, model, servers)
    try:
        await catch_up(session.following)
        answer = await session.chosen.told()
    except BaseException:
        await connection.close(session.id)
        raise
    return Reply(answer, lambda: connection.opened(session))


async def _last_chosen(connection: Connection, stored: Session, cwd: str) -> tuple[str, str | None]:
    """The agent and the model that a session goes on with: those that were chosen there, if the agent is there."""
    agents = await connection.agents_at(cwd)
    agent = stored.meta.get("agent") or stored.agent
    if any(each.agent.id == agent for each in agents.list()):
        return agent, stored.meta.get("model")
    return connection.agent or agents.default or agent, None


async def _fork(connection: Connection, params: shapes.OpenParams) -> Reply:
    cwd, daemon = _directory(params.cwd), connection.daemon
    servers = _servers(connection, params, cwd)
    stored = await daemon.sessions.get(params.session_id)
    agent, model = await _last_chosen(connection, stored, cwd)
    if stored.head is None:
        agents = await connection.agents_at(cwd)
        made = await daemon.sessions.create(agent, meta={**stored.meta, "cwd": cwd}, agents=agents)
    else:
        head = await daemon.runs.head(stored.head.run)
        seq = stored.head.seq if head.status.is_terminal else head.head
        made = await daemon.sessions.fork(stored.id, stored.head.run, seq)
        made = await daemon.sessions.note(made.id, {"cwd": cwd})
    return await _made(connection, connection.open(made.id, cwd, agent, model, servers))


async def _made(connection: Connection, session: OpenSession) -> Reply:
    """The answer about a session that is new; what a prompt may begin with is told behind it."""
    answer = {"sessionId": session.id, **await session.chosen.told()}
    return Reply(answer, lambda: connection.opened(session))


def _servers(connection: Connection, params: shapes.NewParams, cwd: str) -> list[McpServer]:
    """The servers that the editor gives to a session; what they are told in confidence is recorded nowhere.

    Raises:
        InvalidParams: one of them cannot be started.
    """
    servers = servers_of(params.mcp_servers or (), cwd)
    connection.daemon.engine.learn_secrets(secrets_of(servers))
    return servers


def _directory(cwd: str) -> str:
    """Where a session works.

    Raises:
        InvalidParams: that is no absolute path.
    """
    if not os.path.isabs(cwd) or "\0" in cwd:
        raise InvalidParams(
            "the directory is not an absolute path", errors=[{"path": "cwd", "message": "not absolute"}]
        )
    return os.path.normpath(cwd)


async def _prompt(connection: Connection, params: shapes.PromptParams) -> Json:
    return await connection.session(params.session_id).prompt(params.prompt)


async def _steer(connection: Connection, params: shapes.SteerParams) -> Json:
    session = connection.session(params.session_id)
    return {"runId": await session.steer(params.prompt, params.run_id)}


async def _list(connection: Connection, params: shapes.ListParams) -> Json:
    cwd = None if params.cwd is None else _directory(params.cwd)
    return await sessions_listed(connection.daemon, cwd, params.cursor)


async def _close(connection: Connection, params: shapes.SessionParams) -> Json:
    session = connection.session(params.session_id)
    await session.cancel()
    await connection.close(session.id)
    return {}


async def _delete(connection: Connection, params: shapes.SessionParams) -> Json:
    daemon, id = connection.daemon, params.session_id
    going = [state.head.run for state in await daemon.runs.list(session=id, statuses=frozenset(RunStatus) - TERMINAL)]
    await daemon.runs.abandon(going, "the session is deleted")
    for run in going:
        await daemon.runs.wait(run, _PATIENCE)
    await connection.close(id)
    await daemon.sessions.delete(id)
    return {}


async def _set_mode(connection: Connection, params: shapes.ModeParams) -> Json:
    session = connection.session(params.session_id)
    await session.chosen.choose_agent(params.mode_id, "modeId")
    session.tell({"sessionUpdate": "config_option_update", "configOptions": await session.chosen.options()})
    return {}


async def _set_option(connection: Connection, params: shapes.OptionParams) -> Json:
    session = connection.session(params.session_id)
    if require_one_of(params.config_id, (MODE, MODEL), "configId") == MODEL:
        await session.chosen.choose_model(params.value, "value")
    else:
        await session.chosen.choose_agent(params.value, "value")
        session.tell({"sessionUpdate": "current_mode_update", "currentModeId": session.chosen.agent})
    return {"configOptions": await session.chosen.options()}


Handler = Callable[[Connection, Any], Awaitable[Any]]

_METHODS: Final[dict[str, tuple[type[Wire], Handler]]] = {
    "initialize": (shapes.InitializeParams, _initialize),
    "authenticate": (Wire, _authenticate),
    "session/new": (shapes.NewParams, _new),
    "session/load": (shapes.OpenParams, _load),
    "session/resume": (shapes.OpenParams, _resume),
    "session/fork": (shapes.OpenParams, _fork),
    "session/list": (shapes.ListParams, _list),
    "session/close": (shapes.SessionParams, _close),
    "session/delete": (shapes.SessionParams, _delete),
    "session/set_mode": (shapes.ModeParams, _set_mode),
    "session/set_config_option": (shapes.OptionParams, _set_option),
    "session/prompt": (shapes.PromptParams, _prompt),
    "_agiwod/run/steer": (shapes.SteerParams, _steer),
}
