"""A client of a daemon: typed calls over one connection, which is opened again when it was lost."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, Literal, TypeVar

from agiwo_protocol import connection, run, scheduler
from agiwo_protocol.channel import ChannelClosed, StreamChannel
from agiwo_protocol.contract import Empty, Method, Wire
from agiwo_protocol.errors import Cancelled, Overloaded
from agiwo_protocol.event import Topic
from agiwo_protocol.item import Input
from agiwo_protocol.peer import Peer

from agiwo_client.door import Door
from agiwo_client.errors import DaemonGone, DaemonNotFound
from agiwo_client.events import Events
from agiwo_client.feed import Feed
from agiwo_client.patience import Patience, pause_after
from agiwo_client.request import Awaited
from agiwo_client.resources import Resources
from agiwo_client.run import Run
from agiwo_client.state import State

P = TypeVar("P", bound=Wire)
R = TypeVar("R", bound=Wire)
T = TypeVar("T")


class Client(Resources[Awaited]):
    """Calls to one daemon. Made by `connect`; enter it, or await it, to have the connection.

    Every request of the protocol has its own name here: `session/fork` is `await client.session.fork(...)`.

    A connection that is lost fails the calls under way with `DaemonGone`; the next call opens another. Where asking
    again is safe, a daemon that went away is looked for during `patience` seconds. What it refuses because there is too
    much at once was not done, and is asked for again in the pace that it asks for, just as long.
    """

    def __init__(self, door: Door, *, patience: float) -> None:
        super().__init__(self.ask)
        self._door = door
        self._patience = patience
        self._peer: Peer | None = None
        self._server: connection.InitializeResult | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()

    @property
    def server(self) -> connection.InitializeResult:
        """What the daemon said of itself when hands were last shaken."""
        if self._server is None:
            raise DaemonGone("the client is not connected yet")
        return self._server

    async def call(self, method: Method[P, R], params: P, *, timeout: float | None = 60.0) -> R:
        """Ask the daemon and return its answer. Cancelling the caller cancels the request.

        Raises:
            RpcError: the daemon answered with an error.
            DaemonGone: the connection ended before the answer; whether the request was served is not known.
            DaemonNotFound: there is no daemon.
        """
        return await self._again(lambda: self._once(method, params, timeout=timeout), Overloaded)

    async def _once(self, method: Method[P, R], params: P, *, timeout: float | None = 60.0) -> R:
        peer = await self._connected()
        try:
            answer = await peer.request(method.name, params.to_wire(), timeout=timeout)
        except (ChannelClosed, Cancelled):  # who cancels is the caller, and then it hears nothing any more
            raise DaemonGone(f"the connection to the daemon ended before it answered {method.name}") from None
        return method.result.model_validate(answer)

    async def ask(self, method: Method[Any, R], params: Wire, *, timeout: float | None, is_safe: bool) -> R:
        """As `call`; what `is_safe` is asked again when a connection was lost."""
        if is_safe:
            return await self.persist(lambda: self._once(method, params, timeout=timeout))
        return await self.call(method, params, timeout=timeout)

    async def start_run(
        self,
        agent: str,
        input: Input,
        *,
        session_id: str | None = None,
        model: str | None = None,
        idempotency_key: str | None = None,
        output_schema: dict[str, Any] | None = None,
        budget: run.Budget | None = None,
        on_disconnect: Literal["continue", "cancel"] = "continue",
        traceparent: str | None = None,
    ) -> Run:
        """Start a run, once: asking goes on over lost connections, under one idempotency key.

        Its events are followed from the first one on, for whoever iterates over the run. One that is to end with this
        client's connection, or may call its tools, is started over that one, and followed once it is iterated. With an
        `output_schema` its last answer is held against that JSON Schema, and is the `output` that `Run.wait` tells.
        `traceparent` (W3C Trace Context) names the span that the run is to be below.
        """
        params = run.StartParams(
            agent=agent,
            input=input,
            session_id=session_id,
            model=model,
            idempotency_key=idempotency_key or uuid.uuid4().hex,
            output_schema=output_schema,
            budget=budget,
            on_disconnect=on_disconnect,
            traceparent=traceparent,
        )
        if on_disconnect == "cancel" or self._door.service.tools:
            alone = params.model_copy(update={"attach": False})
            started = await self.persist(lambda: self._once(run.START, alone))
            return Run(self, self._door, started, 0, self._patience)
        started, feed = await self.persist(lambda: Feed.start(self._door, params))
        return Run(self, self._door, started, 0, self._patience, feed)

    async def replay_run(self, run_id: str, *, model: str | None = None, from_seq: int = 1) -> Run:
        """A finished run done once more, by another model; what was answered before event `from_seq` stands.

        Raises:
            RpcError: it has not ended, or there is no such run.
        """
        params = run.ReplayParams(run_id=run_id, model=model, from_seq=from_seq, attach=False)
        return Run(self, self._door, await self.call(run.REPLAY, params), 0, self._patience)

    async def attach(self, run_id: str, after: int = 0) -> Run:
        """A run that exists, to be read from the event after `after`.

        Raises:
            RpcError: of kind not_found, when there is no such run.
        """
        found = await self.persist(lambda: self._once(run.GET, run.RunParams(run_id=run_id)))
        return Run(self, self._door, found, after, self._patience)

    async def submit(
        self,
        agent: str,
        input: Input,
        *,
        persistent: bool = False,
        state_id: str | None = None,
        session_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> State:
        """Have an agent work on a task that may take long, with agents of its own; asked for once, as `start_run` does.

        A `persistent` one takes other tasks when it has done this one, until it is shut down.
        """
        params = scheduler.SubmitParams(
            agent=agent,
            input=input,
            persistent=persistent,
            state_id=state_id,
            session_id=session_id,
            idempotency_key=idempotency_key or uuid.uuid4().hex,
        )
        submitted = await self.persist(lambda: self._once(scheduler.SUBMIT, params))
        return State(self, submitted.state_id, submitted.run_id)

    async def state(self, state_id: str) -> State:
        """A scheduled agent that exists.

        Raises:
            RpcError: of kind not_found, when there is no such state.
        """
        found = await self.persist(lambda: self._once(scheduler.GET, scheduler.StateParams(state_id=state_id)))
        return State(self, found.state_id)

    def events(self, *topics: Topic) -> Events:
        """The daemon's own events of these topics, once it is entered: `async with client.events("run") as events:`."""
        return Events(self._door, topics, self._patience)

    async def ping(self) -> str:
        """The daemon's time, once it has answered."""
        return (await self.persist(lambda: self._once(connection.PING, Empty()))).at

    async def aclose(self) -> None:
        """Close every connection. Runs go on, except those started with `on_disconnect="cancel"`."""
        conversations = list(self._conversations)
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await self._door.aclose()

    async def __aenter__(self) -> "Client":
        await self._connected()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __await__(self) -> "Generator[Any, None, Client]":
        return self.__aenter__().__await__()

    async def persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What may be done twice, done until there is an answer."""
        return await self._again(attempt, DaemonGone, DaemonNotFound, Overloaded)

    async def _again(self, attempt: Callable[[], Awaitable[T]], *passing: type[Exception]) -> T:
        patience = Patience(self._patience)
        while True:
            try:
                return await attempt()
            except passing as error:
                await patience.wait(error, at_least=pause_after(error))

    async def _connected(self) -> Peer:
        async with self._opening:
            if self._peer is None or self._peer.is_over:
                channel, self._server = await self._door.open()
                self._peer = Peer(channel, self._door.service.serve)
                conversation = asyncio.create_task(self._converse(self._peer, channel))
                self._conversations.add(conversation)
                conversation.add_done_callback(self._conversations.discard)
            return self._peer

    async def _converse(self, peer: Peer, channel: StreamChannel) -> None:
        try:
            await peer.run()
        finally:
            await self._door.close(channel)
