"""The client for those who do not await: scripts, and notebooks, whose own event loop is busy. Adds nothing else."""

import functools
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from agiwo_protocol import connection
from agiwo_protocol.contract import Method, Wire
from agiwo_protocol.event import DaemonEvent, Topic
from agiwo_protocol.run import RunEvent

from agiwo_client.client import Client
from agiwo_client.connect import connect as _connect
from agiwo_client.events import Events
from agiwo_client.loop_thread import LoopThread
from agiwo_client.request import Blocking
from agiwo_client.resources import Resources
from agiwo_client.run import Run
from agiwo_client.state import State

A = ParamSpec("A")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
X = TypeVar("X")
Y = TypeVar("Y")
P = TypeVar("P", bound=Wire)
R = TypeVar("R", bound=Wire)


class _Held(Protocol[T_co]):
    """Something that lives in the event loop of a thread. `it` is the same, to be awaited."""

    @property
    def thread(self) -> LoopThread: ...
    @property
    def it(self) -> T_co: ...


class _Holder(Generic[T]):
    def __init__(self, thread: LoopThread, it: T) -> None:
        self.thread, self.it = thread, it


def _blocks(method: Callable[Concatenate[T, A], Coroutine[Any, Any, X]]) -> Callable[Concatenate[_Held[T], A], X]:
    """The same method for callers that wait for its answer."""

    @functools.wraps(method)
    def call(held: _Held[T], /, *args: A.args, **kwargs: A.kwargs) -> X:
        return held.thread.call(method(held.it, *args, **kwargs))

    return call


def _gives(
    method: Callable[Concatenate[T, A], Coroutine[Any, Any, X]], kind: Callable[[LoopThread, X], Y]
) -> Callable[Concatenate[_Held[T], A], Y]:
    """The same method for callers that wait for what it gives, and go on with that in the same way."""

    @functools.wraps(method)
    def call(held: _Held[T], /, *args: A.args, **kwargs: A.kwargs) -> Y:
        return kind(held.thread, held.thread.call(method(held.it, *args, **kwargs)))

    return call


class SyncRun(_Holder[Run], Iterator[RunEvent]):
    """A run. Iterate it for its events, each once and in order; see `Run`."""

    wait = _blocks(Run.wait)
    steer = _blocks(Run.steer)
    cancel = _blocks(Run.cancel)
    get = _blocks(Run.get)
    close = _blocks(Run.aclose)

    @property
    def id(self) -> str:
        """The run's id; `SyncClient.attach` takes it."""
        return self.it.id

    @property
    def session_id(self) -> str:
        """The conversation that the run belongs to."""
        return self.it.session_id

    @property
    def seq(self) -> int:
        """The seq of the last durable event that was read; attach with it to go on elsewhere."""
        return self.it.seq

    def __next__(self) -> RunEvent:
        event = self.thread.call(self._next())
        if event is None:
            raise StopIteration
        return event

    async def _next(self) -> RunEvent | None:
        return await anext(self.it, None)


class SyncState(_Holder[State]):
    """A scheduled agent; see `State`."""

    submit_task = _blocks(State.submit_task)
    wait = _blocks(State.wait)
    get = _blocks(State.get)
    tree = _blocks(State.tree)
    cancel = _blocks(State.cancel)
    shutdown = _blocks(State.shutdown)

    @property
    def id(self) -> str:
        """The state's id; `SyncClient.state` takes it."""
        return self.it.id

    @property
    def run_id(self) -> str | None:
        """The task that was submitted last through this object."""
        return self.it.run_id


class SyncEvents(_Holder[Events], Iterator[DaemonEvent]):
    """The daemon's own events, once it is entered; see `Events`."""

    def __enter__(self) -> Self:
        self.thread.call(self.it.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thread.call(self.it.__aexit__(kind, error, trace))

    def __next__(self) -> DaemonEvent:
        return self.thread.call(self.it.__anext__())


class SyncClient(Resources[Blocking]):
    """A connected client, whose methods hold up their caller and nobody else; see `Client`.

    Leave it as a context manager, or `close` it. One that nobody has any more closes itself.
    """

    start_run = _gives(Client.start_run, SyncRun)
    replay_run = _gives(Client.replay_run, SyncRun)
    attach = _gives(Client.attach, SyncRun)
    submit = _gives(Client.submit, SyncState)
    state = _gives(Client.state, SyncState)
    ping = _blocks(Client.ping)

    def __init__(self, client: Client) -> None:
        self.it, self.thread = client, LoopThread(client.aclose)
        super().__init__(functools.partial(_ask, self.thread, client))
        try:
            self.thread.call(client.__aenter__())
        except BaseException:
            self.close()
            raise

    @property
    def server(self) -> connection.InitializeResult:
        """What the daemon said of itself when hands were last shaken."""
        return self.it.server

    def call(self, method: Method[P, R], params: P, *, timeout: float | None = 60.0) -> R:
        """Ask the daemon and return its answer; see `Client.call`."""
        return self.thread.call(self.it.call(method, params, timeout=timeout))

    def events(self, *topics: Topic) -> SyncEvents:
        """The daemon's own events of these topics, once it is entered: `with client.events("run") as events:`."""
        return SyncEvents(self.thread, self.it.events(*topics))

    def close(self) -> None:
        """Close every connection. Runs go on, except those started with `on_disconnect="cancel"`."""
        self.thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ask(
    thread: LoopThread, client: Client, method: Method[Any, Any], params: Wire, *, timeout: float | None, is_safe: bool
) -> Any:
    return thread.call(client.ask(method, params, timeout=timeout, is_safe=is_safe))


def _connected(connects: Callable[A, Client]) -> Callable[A, SyncClient]:
    @functools.wraps(connects)
    def connect(*args: A.args, **kwargs: A.kwargs) -> SyncClient:
        return SyncClient(connects(*args, **kwargs))

    return connect


connect = _connected(_connect)
"""A client that is connected: `with connect() as client:`, or `client = connect()` and `client.close()`.

It takes what `agiwo_client.connect` takes, and callbacks may be plain functions: each is called in a thread.
"""
