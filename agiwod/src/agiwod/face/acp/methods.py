"""Which request of an editor is answered by what. Contains no feature."""

import os
from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from typing import Any, Final

from agiwo_protocol.contract import Wire, read_params
from agiwo_protocol.errors import InvalidParams, InvalidRequest, MethodNotFound
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.peer import Reply

from agiwod.face.acp import shapes
from agiwod.face.acp.connection import Connection
from agiwod.face.acp.errors import told
from agiwod.face.acp.session import OpenSession
from agiwod.face.acp.shapes import Json

VERSION: Final = 1
"""The version of ACP that is spoken."""

_CAPABILITIES: Final[Json] = {
    "loadSession": True,
    "promptCapabilities": {"image": True, "audio": True, "embeddedContext": True},
    "mcpCapabilities": {"http": True, "sse": False},
    "sessionCapabilities": {},
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
    project = (await connection.daemon.projects.at(cwd)).project
    agents = project.agents if project else connection.daemon.agents
    agent = connection.agent or agents.default
    if agent is None:
        names = ", ".join(each.agent.id for each in agents.list())
        raise InvalidParams(f"no agent is the default one; start `agiwod acp --agent` with one of {names}", errors=[])
    made = await connection.daemon.sessions.create(agent, meta={"cwd": cwd}, agents=agents)
    return _opened(connection, OpenSession(connection, made.id, cwd, agent), {"sessionId": made.id})


def _opened(connection: Connection, session: OpenSession, answer: Json) -> Reply:
    connection.sessions[session.id] = session
    return Reply(answer, session.is_open.set)


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


Handler = Callable[[Connection, Any], Awaitable[Any]]

_METHODS: Final[dict[str, tuple[type[Wire], Handler]]] = {
    "initialize": (shapes.InitializeParams, _initialize),
    "authenticate": (Wire, _authenticate),
    "session/new": (shapes.NewParams, _new),
    "session/prompt": (shapes.PromptParams, _prompt),
    "_agiwod/run/steer": (shapes.SteerParams, _steer),
}
