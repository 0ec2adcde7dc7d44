"""Runs: start one, follow it, steer it, end it. Their events are one notification with one envelope."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BeforeValidator, Field, model_validator

from agiwo_protocol.approval import Requested, Resolved
from agiwo_protocol.contract import Count, Empty, Event, Limit, Method, Name, Page, Wire
from agiwo_protocol.item import Input, ItemDelta, ItemStarted, Usage
from agiwo_protocol.progress import ProgressToken

RunStatus = Literal["queued", "running", "waiting", "sleeping", "suspended", "completed", "failed", "cancelled"]
Scope = Literal["run", "tree"]

TERMINAL_STATUSES: Final = frozenset[RunStatus]({"completed", "failed", "cancelled"})


class Failure(Wire):
    """Why a run failed."""

    kind: str
    message: str
    retryable: bool


class Run(Wire):
    """A run as it stands. `model` is the one that it began with, its agent's or the one that was asked for."""

    run_id: str
    session_id: str
    agent_id: str
    model: str | None = None
    status: RunStatus
    response: str | None = None
    output: Any = None
    error: Failure | None = None
    termination_reason: str | None = None
    usage: Usage
    head_seq: Count
    parent_run_id: str | None = None
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None


class Budget(Wire):
    """What a run and its children may use up together. Whatever is left out is not limited.

    Each request to a model is held against it before it is made; the run ends with the reason `budget_exhausted`. An
    input that alone has more `tokens` is refused (-32007).
    """

    cost_usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(gt=0, le=2**53 - 1)] | None = None
    calls: Annotated[int, Field(gt=0, le=2**53 - 1)] | None = None
    seconds: Annotated[float, Field(gt=0, le=1e9)] | None = None


class StartParams(Wire):
    """What to run, and how. `model` takes the place of the agent's own for this run.

    `traceparent` (W3C Trace Context) names the span that the run is to be below; what is none is ignored.

    With an `outputSchema` (JSON Schema 2020-12, at most 64 KiB, which refers to nothing but itself) the last answer is
    held against it, and asked for again at most twice; then it is the run's `output`, or the run fails with an error of
    the kind `output_invalid`.
    """

    agent: Name
    input: Input
    session_id: Name | None = None
    model: Name | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    output_schema: dict[str, Any] | None = None
    budget: Budget | None = None
    on_disconnect: Literal["continue", "cancel"] = "continue"
    attach: bool = True
    traceparent: Annotated[str, Field(max_length=256)] | None = None


class StartResult(Wire):
    """The run is recorded. `deduplicated`: it was started before, by the same `idempotencyKey`.

    `toolsLeftOut` are tools of this client that the run does not have: its agent has its own of these names.
    """

    run_id: str
    session_id: str
    status: RunStatus
    head_seq: Count
    deduplicated: bool = False
    tools_left_out: list[str] | None = None


class RunParams(Wire):
    """Names a run."""

    run_id: Name


class WaitParams(RunParams):
    """`timeoutMs`: how long to wait at most; then the answer is -32008, and the run goes on.

    With a `progressToken` the client is told by `$/progress` what the run says meanwhile.
    """

    timeout_ms: Annotated[int, Field(gt=0, le=10**12)] | None = None
    progress_token: ProgressToken | None = None


class SteerParams(RunParams):
    """What to tell a run that is under way; its next model call includes it."""

    input: Input


class CancelParams(RunParams):
    """Why, and whether the run's children end too."""

    reason: str | None = None
    scope: Scope = "tree"


class CancelResult(Wire):
    """`accepted`: the run was still going. That it has ended is told by its terminal event, not by this."""

    accepted: bool
    status: RunStatus


_MOST_RUNS: Final = 10_000


def _bounded(places: object) -> object:
    # Pydantic counts the members of a dict after it has looked into each of them.
    if isinstance(places, dict) and len(cast("dict[str, object]", places)) > _MOST_RUNS:
        raise ValueError(f"it may name at most {_MOST_RUNS} runs")
    return cast("object", places)


After = Annotated[Count | Annotated[dict[str, Count], Field(max_length=_MOST_RUNS)], BeforeValidator(_bounded)]
"""The last seq that the reader has; with scope `tree` it may be one for each run."""


class ResumeResult(Wire):
    """`accepted`: the run was suspended, and is tried again. Its events tell what comes of that."""

    accepted: bool
    status: RunStatus


class AttachParams(RunParams):
    """Where to go on reading."""

    after: After = 0
    scope: Scope = "run"

    @model_validator(mode="after")
    def _a_map_is_for_trees(self) -> "AttachParams":
        if isinstance(self.after, dict) and self.scope != "tree":
            raise ValueError("`after` may be a map only with scope `tree`")
        return self


class AttachResult(Wire):
    """The head as the reading begins; with scope `tree`, `heads` has one for each run that exists so far."""

    run_id: str
    head_seq: Count
    status: RunStatus
    heads: dict[str, Count] | None = None


class ReplayParams(RunParams):
    """A finished run, and who does it once more: `model`, or the one that it had.

    What was answered before event `fromSeq` stands. `attach`: follow the new run.
    """

    model: Name | None = None
    from_seq: Annotated[Count, Field(ge=1)] = 1
    attach: bool = True


class ListParams(Page):
    """Which runs to list, newest first."""

    session_id: Name | None = None
    agent_id: Name | None = None
    parent_run_id: Name | None = None
    statuses: Annotated[list[RunStatus], Field(max_length=100)] | None = None


class ListResult(Wire):
    """A page of runs; `nextCursor` is there when more follow."""

    runs: list[Run]
    next_cursor: str | None = None


class FindParams(Wire):
    """The id of a run or of a trace, or the beginning of one that no other has."""

    id: Annotated[str, Field(min_length=1, max_length=4096)]


class FindResult(Wire):
    """The run that is meant, or the first one of the trace that is."""

    run_id: str


class EventsParams(RunParams):
    """A page of a run's durable events."""

    after: Count = 0
    limit: Limit = 100


class RunEvent(Wire):
    """One event of a run.

    Durable events have `seq` (1, 2, 3 … without a hole); ephemeral ones have `after`, the seq that they follow.
    """

    run_id: str
    seq: int | None = None
    after: int | None = None
    at: str
    type: str
    item_id: str | None = None
    data: dict[str, Any] = Field(default_factory=dict[str, Any])


class EventsResult(Wire):
    """A page of events; more follow while the last one's seq is below `headSeq`."""

    events: list[RunEvent]
    head_seq: Count


class Queued(Wire):
    """The run is recorded and waits for its turn. `traceparent`: the span that it is below, if it is below one."""

    agent_id: str
    session_id: str
    model: str | None = None
    traceparent: str | None = None


class Started(Wire):
    """The run began."""

    agent_id: str
    session_id: str
    model: str
    parent_run_id: str | None = None


class Resumed(Wire):
    """The run goes on after its process was gone."""

    agent_id: str


class Retrying(Wire):
    """A request to the model is made once more, after `delay` seconds."""

    attempt: Count
    delay: float
    reason: str
    kind: str | None = None


class Completed(Wire):
    """The run ended with an answer, which is empty if it had no words."""

    response: str
    output: Any = None
    termination_reason: str
    usage: Usage
    duration_ms: Count


class Failed(Wire):
    """The run ended by a failure; `response` is what had been answered before."""

    error: Failure
    response: str | None = None
    termination_reason: str
    usage: Usage
    duration_ms: Count | None = None


class RunCancelled(Wire):
    """The run was ended from outside."""

    reason: str
    usage: Usage | None = None
    duration_ms: Count | None = None


class ChildSpawned(Wire):
    """The run started another one."""

    run_id: str
    agent_id: str
    session_id: str


class ChildFinished(Wire):
    """A run that it started has ended."""

    run_id: str
    agent_id: str
    status: RunStatus


class OutputRejected(Wire):
    """An answer was not what `outputSchema` asks for. Unless a limit is reached, it is asked for again."""

    message: str


class Log(Wire):
    """Something a reader should know, such as why a run is suspended. Not kept."""

    level: Literal["debug", "info", "warning", "error"]
    message: str


EVENT_DATA: Final[Mapping[str, type[Wire]]] = {
    "run/queued": Queued,
    "run/started": Started,
    "run/resumed": Resumed,
    "run/retrying": Retrying,
    "run/completed": Completed,
    "run/failed": Failed,
    "run/cancelled": RunCancelled,
    "child/spawned": ChildSpawned,
    "child/finished": ChildFinished,
    "approval/requested": Requested,
    "approval/resolved": Resolved,
    "item/started": ItemStarted,
    "item/delta": ItemDelta,
    "output/rejected": OutputRejected,
    "usage/updated": Usage,
    "log": Log,
}
"""The `data` of each event type with a fixed shape; that of `item/completed` is an `Item`. Readers ignore the rest."""

TERMINAL_EVENTS: Final = frozenset({"run/completed", "run/failed", "run/cancelled"})
"""A run has exactly one of these, and it is the last."""


START = Method("run/start", StartParams, StartResult, "Start a run and answer at once; never waits for it.")
WAIT = Method("run/wait", WaitParams, Run, "Answer when the run has ended.")
STEER = Method("run/steer", SteerParams, Empty, "Tell a run that is under way something more.")
CANCEL = Method("run/cancel", CancelParams, CancelResult, "Ask a run to end.", urgent=True)
RESUME = Method(
    "run/resume", RunParams, ResumeResult, "Try a run again that is suspended, such as for want of its agent."
)
ATTACH = Method("run/attach", AttachParams, AttachResult, "Follow a run: what was missed, then what happens.")
DETACH = Method("run/detach", RunParams, Empty, "Stop following a run; no event of it comes after the answer.")
REPLAY = Method(
    "run/replay", ReplayParams, StartResult, "Do a finished run once more, with another model and the recorded tools."
)
GET = Method("run/get", RunParams, Run, "The run as it stands.")
LIST = Method("run/list", ListParams, ListResult, "Runs, newest first.")
FIND = Method("run/find", FindParams, FindResult, "Which run an id means, or the beginning of one.")
EVENTS = Method("run/events", EventsParams, EventsResult, "A page of a run's durable events.")

EVENT = Event("run/event", RunEvent, "Something happened in a run that this connection follows.")
