"""The conversation itself: handshake, ping, farewell, and the cancelling of requests."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from agiwo_protocol.contract import Count, Empty, Event, Method, Name, Wire
from agiwo_protocol.run import RunStatus
from agiwo_protocol.tool import Offered

Label = Annotated[str, Field(max_length=256)]
"""What others are shown of a client."""


class ClientInfo(Wire):
    """Who calls. `name` is what other clients are shown."""

    name: Label
    title: Label | None = None
    version: Label | None = None


class ClientCapabilities(Wire):
    """What the client can be asked. An absent capability is an unsupported one."""

    approvals: dict[str, Any] | None = None
    tools: dict[str, Any] | None = None


class Workspace(Wire):
    """Where the client works. In a project that is trusted, its runs have the agents and skills of that, too."""

    cwd: Name


class Workplace(Wire):
    """The project that the client works in. One that is not `trusted` is left out; users should see the `notice`."""

    root: str
    trusted: bool
    notice: str | None = None


class Cursor(Wire):
    """A run to follow, and the last seq of it that the client has."""

    run_id: Name
    after: Count = 0


def _different(tools: list[Offered]) -> list[Offered]:
    seen = set[str]()
    for tool in tools:
        if tool.name in seen:
            raise ValueError(f"two tools are named {tool.name!r}")
        seen.add(tool.name)
    return tools


Tools = Annotated[list[Offered], Field(max_length=128), AfterValidator(_different)]
"""The tools of a client; all of them together have at most 256 KiB as JSON."""


class InitializeParams(Wire):
    """Who calls, what it speaks, the runs it wants to go on reading, and the tools that runs started here may use."""

    protocol_version: int
    client_info: ClientInfo
    capabilities: ClientCapabilities = ClientCapabilities()
    workspace: Workspace | None = None
    token: Name | None = None
    tools: Tools = Field(default_factory=list[Offered])
    attach: Annotated[list[Cursor], Field(max_length=1000)] = Field(default_factory=list[Cursor])


class ServerInfo(Wire):
    """The program that answers."""

    name: str
    version: str


class DaemonIdentity(Wire):
    """The process that answers. `id` is another one after every start."""

    id: str
    pid: int
    started_at: str


class Limits(Wire):
    """What one connection may do."""

    max_message_bytes: int
    max_in_flight: int
    max_attached: int | None = None
    high_water_bytes: int


class ErrorObject(Wire):
    """An error where no answer of its own can carry it."""

    code: int
    message: str
    data: dict[str, Any]


class Attached(Wire):
    """A run that is followed from now on; or `error`, why it is not."""

    run_id: str
    head_seq: Count = 0
    status: RunStatus | None = None
    error: ErrorObject | None = None


class InitializeResult(Wire):
    """Who answers, what it can do, what it allows."""

    protocol_version: int
    supported_versions: list[int]
    schema_hash: str
    server_info: ServerInfo
    daemon: DaemonIdentity
    connection_id: str
    capabilities: dict[str, Any]
    limits: Limits
    attached: list[Attached] = Field(default_factory=list[Attached])
    workspace: Workplace | None = None


class Pong(Wire):
    """The daemon's time."""

    at: str


class CancelRequestParams(Wire):
    """The id of a request under way."""

    id: str | int


INITIALIZE = Method("initialize", InitializeParams, InitializeResult, "Shake hands; comes first.", early=True)
PING = Method("ping", Empty, Pong, "Answer at once.", early=True, urgent=True)
SHUTDOWN = Method("shutdown", Empty, Empty, "End this connection in good order; the daemon goes on.", urgent=True)

INITIALIZED = Event("initialized", Empty, "The client has read the answer of `initialize`.", sender="client")
EXIT = Event("exit", Empty, "The client goes.", sender="client")
CANCEL_REQUEST = Event(
    "$/cancelRequest",
    CancelRequestParams,
    "Cancel a request, not a run; it is still answered, with -32800 or its result.",
    sender="client",
)
