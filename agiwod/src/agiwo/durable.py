"""Where a loop and an engine meet: the keyed context, the steps in it, and the engine above it. Implements nothing.

A loop decides; every effect it wants goes through a `DurableContext` under a key that is the same when the loop is run
again. So the loop runs in memory, on SQLite and on Temporal, and after `kill -9` it is simply run again: what is
recorded is returned from the record, and the first thing that is not recorded is done.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import orjson

from agiwo.schema.event import NewEvent
from agiwo.schema.growing import plain
from agiwo.schema.past import NO_PAST, Past
from agiwo.schema.run import RunResult, RunSpec, RunStatus, TerminationReason, Usage

SPEC: Final = "spec"
"""Key and type of the internal record that holds a run's `RunSpec` and its loop's version."""

STEP: Final = "step"
STEP_FAILED: Final = "step/failed"
INTERRUPTED: Final = "interrupted"
"""Types of the internal record of an operation: it gave a value, it failed, an interruption ended it."""

WaitMode = Literal["all", "any"]
CancelScope = Literal["run", "tree"]


@dataclass(frozen=True, slots=True)
class Message:
    """Something sent to a run: steering, an approval, a shutdown. `id` makes sending it twice harmless."""

    id: str
    topic: str
    data: Mapping[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class StepResult:
    """What an effect gives back: the value that is recorded, and the events that it completes, in one commit."""

    value: Any = None
    events: Sequence[NewEvent] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a loop ends its run. `error` is `{kind, message, retryable}` of a failed one; `counts` as in `RunResult`."""

    status: RunStatus = RunStatus.COMPLETED
    response: str | None = None
    output: Any = None
    termination: TerminationReason = TerminationReason.COMPLETED
    usage: Usage = field(default_factory=Usage)
    error: Mapping[str, Any] | None = None
    reason: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Waited(Mapping[str, RunResult | None]):
    """How each of the runs that were waited for ended, by id; None for those still going.

    `late` counts the seconds from a deadline to the wake, when that was missed because nobody was there to see it.
    """

    results: Mapping[str, RunResult | None]
    late: float = 0.0

    def __getitem__(self, run: str) -> RunResult | None:
        return self.results[run]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)


@dataclass(frozen=True, slots=True)
class RunView:
    """What a loop and its effects may know of their run. `past` holds the records of the session's earlier runs."""

    id: str
    spec: RunSpec
    past: Past = NO_PAST


class StepScope(Protocol):
    """What an effect may do while it runs. Nothing of it is recorded, save what the methods say."""

    @property
    def run(self) -> RunView:
        """The run that the step belongs to."""
        ...

    @property
    def key(self) -> str:
        """The step's key, unique in its run."""
        ...

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this step, also after a crash, and for no other step anywhere."""
        ...

    def open(self, item: str, kind: str, **data: Any) -> None:
        """Begin an item: readers see `item/started`. Opening it again begins a new attempt at it."""
        ...

    def delta(self, item: str, kind: str, text: str) -> None:
        """Add to an open item's stream. Costs no disk write."""
        ...

    def notice(self, type: str, data: Mapping[str, Any]) -> None:
        """Tell present readers something that is not kept: `usage/updated`, `log`."""
        ...

    async def record(self, event: NewEvent) -> None:
        """Commit a durable event at once; `run/retrying` begins a new attempt at the step's items."""
        ...

    async def drain(self, topic: str) -> Sequence[Message]:
        """Take the messages that came for `topic`; the step's record names them, so no other step gets them."""
        ...

    async def close(self, topic: str) -> bool:
        """Accept no more messages for `topic`; False, and nothing is closed, when some wait to be drained."""
        ...


Effect = Callable[[StepScope, Any], Awaitable[StepResult]]
"""Does one thing in the world. What it raises is recorded as the step's failure."""


class DurableContext(Protocol):
    """What a loop may do. Keys are unique in a run and the same in every replay; parallel calls are gathered.

    Every operation raises `Interrupted` when its run is cancelled or timed out meanwhile, those that rest also when it
    is shut down, and `ReplayMismatch` when the record under its key was made for something else.
    """

    @property
    def run(self) -> RunView:
        """The run."""
        ...

    async def step(self, key: str, effect: str, arg: Any, *, once: bool = False) -> Any:
        """Run an effect of the program, once as far as the record goes, and return its value.

        `once` records the intent first: when a crash leaves an intent without a result, the effect is not run again and
        the step fails with kind `outcome_unknown`.

        Raises:
            EffectFailed: the effect raised; a replay raises the same.
        """
        ...

    async def spawn(self, key: str, spec: RunSpec) -> str:
        """Start a child run; its id derives from this run and the key, so that there is one however often this runs.

        With `spec.state` the child works for a state of that id below this run's own, which is made with it.

        Raises:
            EffectFailed: the state belongs to another agent, or is still at work; kind `conflict`.
        """
        ...

    async def wait(self, key: str, ids: Sequence[str], mode: WaitMode = "all", timeout: float | None = None) -> Waited:
        """Wait for runs to end, or `timeout` seconds; without ids it is a timer. Those still going are None."""
        ...

    async def receive(
        self, key: str, topic: str, match: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Message | None:
        """The oldest message for `topic` whose data holds all of `match`, or None after `timeout` seconds."""
        ...

    def emit(self, key: str, event: NewEvent) -> None:
        """Have a durable event committed together with whatever this run commits next."""
        ...


class Program(Protocol):
    """What an engine runs: a loop, and the effects that it may ask for by name.

    `version` names the loop: a run that was begun by another version is suspended rather than guessed at.
    """

    @property
    def version(self) -> str:
        """The loop's version."""
        ...

    @property
    def effects(self) -> Mapping[str, Effect]:
        """The effects by name."""
        ...

    async def main(self, ctx: DurableContext) -> Outcome:
        """Run to the end. An exception other than `Interrupted` fails the run."""
        ...


class Programs(Protocol):
    """Finds the program of a run, also after a restart."""

    def find(self, spec: RunSpec) -> Program | None:
        """The program, or None while the agent is not registered: then the run is suspended."""
        ...


class Engine(Protocol):
    """Runs programs durably. What it acknowledged survives the process."""

    async def submit(self, spec: RunSpec, *, run: str | None = None) -> str:
        """Queue a run and return its id. With an id that exists already, nothing new is started."""
        ...

    async def send(self, run: str, message: str, topic: str, data: Mapping[str, Any]) -> None:
        """Put a message in a run's mailbox; a second one with the same id is ignored.

        Raises:
            NotFound: no such run.
            Conflict: the run has ended, or takes no more messages on this topic.
        """
        ...

    async def cancel(self, run: str, reason: str = "", scope: CancelScope = "tree") -> bool:
        """Record that a run is to end, and see to it; False when it had ended already."""
        ...

    async def conclude(self, run: str, reason: str = "", scope: CancelScope = "run") -> bool:
        """Record that a run is to rest no more, and see to it; False when it had ended already.

        A sleep and a `receive` under way end as `Interrupted` with the cause `shutdown`, and so do later ones. Steps,
        and waits for children that work for the run, go on.
        """
        ...

    async def result(self, run: str, timeout: float | None = None) -> RunResult:
        """How the run ended, once it has.

        Raises:
            TimeoutError: it was still going after `timeout` seconds.
            NotFound: no such run.
        """
        ...

    async def recover(self) -> list[str]:
        """Go on with every unfinished run whose process is gone; return their ids."""
        ...


_DIGESTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS


def digest(effect: str, arg: Any) -> str:
    """A short name for what a step was asked to do, to hold a replay against."""
    data = orjson.dumps([effect, arg], option=_DIGESTED, default=plain)
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def matches(data: Mapping[str, Any], match: Mapping[str, Any] | None) -> bool:
    """Whether `data` holds every member of `match`."""
    return match is None or all(data.get(name) == value for name, value in match.items())
