"""The daemon: how it is, and how it ends. Also the description of the protocol itself."""

from typing import Any, Literal

from pydantic import Field

from agiwo_protocol.client import Client
from agiwo_protocol.contract import Count, Empty, Event, Limit, Method, Seconds, Wire
from agiwo_protocol.run import RunStatus


class Storage(Wire):
    """The store of runs. `error` says in one sentence why it refuses, when `state` is failed.

    `id` is another one when what was kept is gone and a new store has taken its place.
    """

    kind: str
    id: str | None = None
    state: Literal["ok", "failed"]
    durability: str | None = None
    error: str | None = None


class Config(Wire):
    """The settings that hold, since `readAt`. `error` says why newer ones were refused, when `state` is failed.

    What stands in `afterRestart` was changed since the daemon began, and waits for its next start.
    """

    state: Literal["ok", "failed"]
    read_at: str
    error: str | None = None
    after_restart: list[str] = Field(default_factory=list[str])


class RunCounts(Wire):
    """How many unfinished runs stand where."""

    queued: Count = 0
    running: Count = 0
    waiting: Count = 0
    sleeping: Count = 0
    suspended: Count = 0


class Telemetry(Wire):
    """Spans that go elsewhere: how many were sent, dropped for lack of room or time, refused by who is to take them."""

    state: Literal["ok", "failing"]
    sent: Count
    dropped: Count
    refused: Count


class Load(Wire):
    """What clients have under way with the daemon, and how much there may be of it. `tasks` are those of its loop."""

    connections: Count
    max_connections: Count
    requests: Count
    max_requests: Count
    queued_bytes: Count
    max_queued_bytes: Count
    runs_at_hand: Count
    max_runs: Count
    tasks: Count


class Status(Wire):
    """The daemon as it stands."""

    running: bool = True
    state: Literal["ready", "draining", "degraded"]
    id: str
    pid: int
    version: str
    protocol_version: int
    uptime_seconds: float
    started_at: str
    socket: str | None = None
    tcp: str | None = None
    http: str | None = None
    token_file: str | None = None
    data_dir: str | None = None
    storage: Storage
    config: Config
    telemetry: Telemetry | None = None
    clients: Count
    runs: RunCounts
    load: Load | None = None


class ActivityParams(Wire):
    """How many unfinished runs to tell of, the newest first."""

    limit: Limit = 200


class ActiveRun(Wire):
    """An unfinished run. `doing` names the tool that is called, or says what is made; not told of one that waits.

    Tokens and cost are those since this daemon began to drive it; what is streaming is counted by its letters.
    """

    run_id: str
    parent_run_id: str | None = None
    session_id: str
    agent_id: str
    state_id: str | None = None
    status: RunStatus
    created_at: str
    elapsed_ms: float
    input_tokens: Count
    output_tokens: Count
    cost_usd: float
    doing: str | None = None


class Activity(Wire):
    """What goes on at the moment `at`. Tokens and cost are those of all runs since the daemon began.

    `omitted` tells that there are more unfinished runs than those.
    """

    at: str
    state: Literal["ready", "draining", "degraded"]
    version: str
    uptime_seconds: float
    input_tokens: Count
    output_tokens: Count
    cost_usd: float
    counts: RunCounts
    runs: list[ActiveRun]
    omitted: Count
    clients: list[Client]


class DrainParams(Wire):
    """How long runs may go on at most; without it the daemon's own setting counts."""

    seconds: Seconds | None = None


class DrainResult(Wire):
    """When the daemon stops waiting. Unfinished runs resume at the next start."""

    deadline_at: str


class OpenRpc(Wire):
    """An OpenRPC document; the notifications of either side, and what a client is asked, stand beside its methods."""

    openrpc: str
    info: dict[str, Any]
    methods: list[dict[str, Any]]
    components: dict[str, Any]
    notifications: list[dict[str, Any]] = Field(alias="x-notifications")
    client_methods: list[dict[str, Any]] = Field(alias="x-client-methods")


class Draining(Wire):
    """The daemon takes no new runs and ends at `deadlineAt` at the latest."""

    deadline_at: str


STATUS = Method("daemon/status", Empty, Status, "How the daemon is.", early=True, urgent=True)
ACTIVITY = Method("daemon/activity", ActivityParams, Activity, "What goes on at this moment: runs, tokens, clients.")
DRAIN = Method("daemon/drain", DrainParams, DrainResult, "Take no new runs, let the present ones end.")
STOP = Method("daemon/stop", DrainParams, DrainResult, "Drain, then end.")
DISCOVER = Method("rpc/discover", Empty, OpenRpc, "This protocol as an OpenRPC document.", early=True)

DRAINING = Event("daemon/draining", Draining, "The daemon is about to end.")
