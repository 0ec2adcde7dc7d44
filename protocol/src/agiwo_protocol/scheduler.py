"""The scheduler: agents that start others, sleep and wake; agents that take task after task; and when they begin."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from agiwo_protocol.contract import Count, Limit, Method, Name, Page, Wire
from agiwo_protocol.item import Input
from agiwo_protocol.progress import ProgressToken
from agiwo_protocol.run import Run, RunStatus

Status = Literal["pending", "running", "sleeping", "completed", "failed", "cancelled"]
Overlap = Literal["skip", "queue"]

Key = Annotated[str, Field(min_length=1, max_length=256)]
"""What makes asking twice harmless: the second time gives what the first one made."""


class Wake(Wire):
    """What a sleeping agent waits for: `all` or `any` of these states to end, a time, a period, or its next task.

    `ended` are those of `states` that have ended. `wakeAt` is when a timer or a period wakes it, `timeoutAt` when it
    is woken whatever has ended by then.
    """

    type: Literal["waitset", "timer", "periodic", "task"]
    mode: Literal["all", "any"] = "all"
    states: list[str] = Field(default_factory=list[str])
    ended: list[str] = Field(default_factory=list[str])
    wake_at: str | None = None
    timeout_at: str | None = None


class State(Wire):
    """A scheduled agent as it stands. It outlives its runs: `runId` is the task that it works on, or did last.

    A persistent one takes task after task, each a run in its session; `queued` of them wait for their turn, and
    between two of them it sleeps. `closing`: it was asked to sum up and end. `result` is what came out of the task once
    it is over: the answer, or why there is none. `tokens` and `costUsd` are what it has used for the task by itself,
    `elapsedMs` how long that takes, or took. `task` and `result` are cut after 500 characters in lists and trees.
    """

    state_id: str
    agent_id: str
    session_id: str
    parent_state_id: str | None = None
    depth: Count = 0
    persistent: bool = False
    status: Status
    closing: bool = False
    run_id: str
    run_status: RunStatus
    task: str
    queued: Count = 0
    wake: Wake | None = None
    wake_count: Count = 0
    result: str | None = None
    tokens: Count = 0
    cost_usd: float | None = None
    elapsed_ms: Count = 0
    created_at: str
    updated_at: str


class SubmitParams(Wire):
    """Who is to work on what. Beside its own tools the agent gets `spawn_agent`, `sleep_and_wait` and
    `query_spawned_agent`.

    A `persistent` one stays when its task is done, and takes others (`scheduler/submitTask`) until it is shut down.
    `stateId` may be chosen, of characters that can be printed, and is a conflict while a state of that id is at work.
    """

    agent: Name
    input: Input
    persistent: bool = False
    state_id: Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    session_id: Name | None = None
    idempotency_key: Key | None = None


class SubmitResult(Wire):
    """The task is recorded. `deduplicated`: it was submitted before, with the same `idempotencyKey`."""

    state_id: str
    session_id: str
    run_id: str
    deduplicated: bool = False


class StateParams(Wire):
    """Names a state."""

    state_id: Name


class SubmitTaskParams(StateParams):
    """What a persistent agent is to do next; its tasks are done one after the other."""

    input: Input
    idempotency_key: Key | None = None


class WaitParams(StateParams):
    """Which task to wait for: without `taskId`, the one that was submitted last.

    `timeoutMs`: how long to wait at most; then the answer is -32008, and the task goes on.

    With a `progressToken` the client is told by `$/progress` what the task says meanwhile.
    """

    task_id: Name | None = None
    timeout_ms: Annotated[int, Field(gt=0, le=10**12)] | None = None
    progress_token: ProgressToken | None = None


class CancelParams(StateParams):
    """Why it is to end, and all below it."""

    reason: str | None = Field(default=None, max_length=10_000)


class EndResult(Wire):
    """`accepted`: it had not ended yet. That it has ended is told by its `status`."""

    accepted: bool
    status: Status


class ListParams(Page):
    """Which states to list, newest first; `roots`: only those that no other agent started."""

    parent_state_id: Name | None = None
    agent_id: Name | None = None
    statuses: Annotated[list[Status], Field(max_length=100)] | None = None
    roots: bool = False


class ListResult(Wire):
    """A page of states; `nextCursor` is there when more follow."""

    states: list[State]
    next_cursor: str | None = None


class TreeParams(Wire):
    """Whose tree; without `stateId`, those of all roots that have not ended, newest first."""

    state_id: Name | None = None
    limit: Limit = 1000


class TreeResult(Wire):
    """The states, each before those below it and these in the order in which they were started.

    `omitted`: there are more than `limit`, and those that are missing were started last.
    """

    states: list[State]
    omitted: bool = False


CronId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
"""What a user calls a schedule."""


class Firing(Wire):
    """What became of a time that a schedule named: `runId` was begun for it, in the state `stateId`.

    `late`: by how many seconds, when it was more than one: the daemon was down, or the machine slept. However many
    times passed meanwhile, there is one firing. `skipped`: `runId`, of the firing before, was still at work. `error`
    says why nothing could be begun.
    """

    due_at: str
    at: str
    state_id: str | None = None
    run_id: str | None = None
    late: float | None = None
    skipped: bool = False
    error: str | None = None


class Cron(Wire):
    """A schedule: at the times that `cron` names in `timezone`, a new state of the agent begins with that input."""

    cron_id: str
    agent_id: str
    input: Input
    cron: str
    timezone: str
    overlap: Overlap
    next_at: str | None = None
    last: Firing | None = None
    fired: Count = 0
    created_at: str
    run_id: str


class AddCronParams(Wire):
    """When an agent is to begin what.

    `cron` has five fields: minute, hour, day of the month, month, day of the week; or six, with the second before them.
    `timezone` is a name such as Europe/Berlin; without it, that of the daemon's machine. `overlap` says what becomes of
    a time that comes while the state of the time before is still at work: it is skipped, or begins when that one has
    ended (what else comes due meanwhile counts as one).
    """

    cron_id: CronId | None = None
    agent: Name
    input: Input
    cron: Annotated[str, Field(min_length=1, max_length=256)]
    timezone: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    overlap: Overlap = "skip"


class CronParams(Wire):
    """Names a schedule."""

    cron_id: Name


class RemoveCronResult(Wire):
    """There is no next time any more; what the schedule has begun goes on."""

    cron_id: str


class ListCronsResult(Wire):
    """A page of schedules, newest first; `nextCursor` is there when more follow."""

    crons: list[Cron]
    next_cursor: str | None = None


SUBMIT = Method(
    "scheduler/submit", SubmitParams, SubmitResult, "Have an agent work on a task that may take long; answers at once."
)
SUBMIT_TASK = Method(
    "scheduler/submitTask", SubmitTaskParams, SubmitResult, "Give a persistent agent its next task; answers at once."
)
WAIT = Method("scheduler/wait", WaitParams, Run, "Answer with the task's run when it has ended.")
CANCEL = Method("scheduler/cancel", CancelParams, EndResult, "End a state and all below it, for good.", urgent=True)
SHUTDOWN = Method(
    "scheduler/shutdown", StateParams, EndResult, "Let a state and those below it sum up, and end.", urgent=True
)
GET = Method("scheduler/get", StateParams, State, "The state as it stands.")
LIST = Method("scheduler/list", ListParams, ListResult, "States, newest first.")
TREE = Method("scheduler/tree", TreeParams, TreeResult, "A state and all below it.")
ADD_CRON = Method("scheduler/addCron", AddCronParams, Cron, "Have an agent begin a task again and again.")
LIST_CRONS = Method("scheduler/listCrons", Page, ListCronsResult, "The schedules, newest first.")
REMOVE_CRON = Method("scheduler/removeCron", CronParams, RemoveCronResult, "End a schedule.")
