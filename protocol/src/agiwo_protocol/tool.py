"""Tools: which there are for agents and clients to call, and those that a client has for the runs that it starts."""

from typing import Annotated, Any, Literal

from pydantic import Field

from agiwo_protocol.contract import ClientMethod, Method, Name, Page, Wire

Effect = Literal["read", "idempotent", "once"]


class Tool(Wire):
    """A tool. `effect` says what a second call would do; `asks`, that some of its calls need somebody's approval first.

    `source` is the package that adds it, `agiwo`, or the MCP server that has it. `modelName` is what models call it,
    when that is another name.
    """

    name: str
    description: str
    effect: Effect
    asks: bool
    source: str
    model_name: str | None = None


class Fault(Wire):
    """A tool of a package that cannot be used, and why."""

    name: str
    source: str
    message: str


class ListResult(Wire):
    """A page of tools, and what is wrong with others."""

    tools: list[Tool]
    faults: list[Fault] = Field(default_factory=list[Fault])
    next_cursor: str | None = None


class Offered(Wire):
    """A tool of a client, which becomes a tool of the runs that it starts. `inputSchema` is one of an object.

    A call has `timeoutMs` (600,000 unless it says so), however often the client is away meanwhile. After the client was
    away the same call comes again, unless the `effect` is `once`: then the model is told that nobody knows.
    """

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: Annotated[str, Field(max_length=4096)]
    input_schema: dict[str, Any]
    effect: Effect = "idempotent"
    timeout_ms: Annotated[int, Field(gt=0, le=86_400_000)] | None = None


class CallParams(Wire):
    """A call, whose arguments fit the tool. `itemId` is the item of the run that it is, and no other call's.

    `callId` is what the model calls it, as in that item. What is sent again has the same ids.
    """

    run_id: str
    item_id: str
    call_id: str
    name: str
    arguments: dict[str, Any]


class CallResult(Wire):
    """What a call gave: `content` for the model, `value` for programs, `contentForUser` for people.

    Without `content` the model reads the value. At most 1 MiB as JSON.
    """

    content: str | None = None
    content_for_user: str | None = None
    value: Any = None
    is_error: bool = False


class InvokeParams(Wire):
    """A call that the client makes itself: the tool by its name in `tool/list`, and arguments that fit it.

    A call that needs approval is denied (-32006) unless it is `approved`: the client's own word, so ask its user first.
    """

    name: Name
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    approved: bool = False


LIST = Method("tool/list", Page, ListResult, "The tools that agents may name.")
INVOKE = Method(
    "tool/call",
    InvokeParams,
    CallResult,
    "Call a tool outside of any run. What the tool does wrong is a result; cancelling the request ends the call.",
    lasting=True,
)
CALL = ClientMethod(
    "tool/call",
    CallParams,
    CallResult,
    "Carry out a call of a tool that this connection has offered. Cancelled once it waits no more.",
    capability="tools",
)
