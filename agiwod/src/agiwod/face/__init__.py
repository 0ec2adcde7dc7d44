"""The faces, by the name that an opening line or a path asks for. A new one is a module and a line here."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agiwod.face.base import Endpoint, Face
    from agiwod.runtime.daemon import Daemon

FACES: Final = {
    "rpc": "agiwod.face.rpc.face:RpcFace",
    "mcp": "agiwod.face.mcp.face:McpFace",
    "acp": "agiwod.face.acp.face:AcpFace",
}
"""Where each face is made. Loaded when asked for, so that one does not pay for the others."""

ENDPOINTS: Final = {
    "/healthz": "agiwod.face.health:HealthEndpoint",
    "/metrics": "agiwod.face.metrics:MetricsEndpoint",
    "/mcp": "agiwod.face.mcp.endpoint:McpEndpoint",
    "/console": "agiwod.face.console.endpoint:ConsoleEndpoint",
    "/console/call": "agiwod.face.console.endpoint:ConsoleEndpoint",
    "/console/events": "agiwod.face.console.endpoint:ConsoleEndpoint",
    "/console/static/{file:path}": "agiwod.face.console.endpoint:ConsoleEndpoint",
}
"""What is served over HTTP, by path; one endpoint serves all paths that name it. Loaded when HTTP is on."""


def make_face(name: str, daemon: "Daemon") -> "Face":
    """The face of that name, over what the daemon can do.

    Raises:
        KeyError: there is no such face.
    """
    module, _, made = FACES[name].partition(":")
    return getattr(import_module(module), made)(daemon)


def make_endpoints(paths: Iterable[str], daemon: "Daemon", names: Sequence[str]) -> "dict[str, Endpoint]":
    """What is served under these paths. `names` are those under which the server may be asked.

    Raises:
        KeyError: nothing is served under one of them.
    """
    wanted = {path: ENDPOINTS[path] for path in paths}
    made: dict[str, Endpoint] = {}
    for each in dict.fromkeys(wanted.values()):
        module, _, name = each.partition(":")
        made[each] = getattr(import_module(module), name)(daemon, names)
    return {path: made[each] for path, each in wanted.items()}
