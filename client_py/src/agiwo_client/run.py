"""A run in the hands of a client: read its events, wait for it, steer it, end it. It lives in the daemon, not here."""

from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Protocol, TypeVar

from agiwo_protocol import run
from agiwo_protocol.contract import Method, Wire
from agiwo_protocol.errors import RpcError
from agiwo_protocol.item import Input
from agiwo_protocol.run import RunEvent

from agiwo_client.door import Door
from agiwo_client.errors import DaemonGone, DaemonNotFound
from agiwo_client.feed import Feed
from agiwo_client.patience import Patience
from agiwo_client.position import Gap, Position

P = TypeVar("P", bound=Wire)
R = TypeVar("R", bound=Wire)


class Caller(Protocol):
    """What a run needs of a client."""

    async def call(self, method: Method[P, R], params: P, *, timeout: float | None = None) -> R:
        """Ask the daemon."""
        ...


class Run(AsyncIterator[RunEvent]):
    """A run. Iterate it for its events: each once and in order, however often the connection is lost in between.

    Reading has a connection of its own, which follows at the reader's pace: a slow reader holds up nothing but itself.
    Leaving the iteration keeps the place; iterating again goes on there. A second reader is `client.attach(run.id)`.
    """

    def __init__(
        self,
        caller: Caller,
        door: Door,
        started: run.Run | run.StartResult,
        after: int,
        patience: float,
        feed: Feed | None = None,
    ) -> None:
        self.id = started.run_id
        self.session_id = started.session_id
        self._caller = caller
        self._door = door
        self._position = Position(after)
        self._patience = Patience(patience)
        self._seconds = patience
        self._feed = feed
        self._is_read = False
        self._ready: deque[RunEvent] = deque()

    @property
    def seq(self) -> int:
        """The seq of the last durable event that was read; attach with it to go on elsewhere."""
        pending = [event.seq for event in self._ready if event.seq is not None]
        return pending[0] - 1 if pending else self._position.seq

    async def __anext__(self) -> RunEvent:
        self._is_read = True
        while not self._ready:
            if self._position.has_ended:
                await self.aclose()
                raise StopAsyncIteration
            await self._read()
        return self._ready.popleft()

    async def wait(self, timeout: float | None = None) -> run.Run:
        """Return the run once it has ended, whatever happens to the connection meanwhile.

        If nobody has begun to read its events by then, they are no longer followed; iterating attaches anew.

        Raises:
            RpcError: of kind deadline_exceeded, when it has not ended after `timeout` seconds. It goes on.
            DaemonGone, DaemonNotFound: the daemon went and did not come back.
        """
        patience = Patience(self._seconds)
        limit = None if timeout is None else max(1, round(timeout * 1000))
        while True:
            try:
                ended = await self._caller.call(run.WAIT, run.WaitParams(run_id=self.id, timeout_ms=limit))
                break
            except (DaemonGone, DaemonNotFound) as gone:
                await patience.wait(gone)
        if not self._is_read:
            await self.aclose()
        return ended

    async def steer(self, input: Input) -> None:
        """Tell the run something more; its next model call includes it."""
        await self._caller.call(run.STEER, run.SteerParams(run_id=self.id, input=input), timeout=60)

    async def cancel(self, reason: str | None = None, *, scope: run.Scope = "tree") -> bool:
        """Ask the run to end; True if it was still going. Its terminal event tells when it has."""
        params = run.CancelParams(run_id=self.id, reason=reason, scope=scope)
        return (await self._caller.call(run.CANCEL, params, timeout=60)).accepted

    async def get(self) -> run.Run:
        """The run as it stands."""
        return await self._caller.call(run.GET, run.RunParams(run_id=self.id), timeout=60)

    async def aclose(self) -> None:
        """Stop reading. The run goes on."""
        feed, self._feed = self._feed, None
        if feed is not None:
            await feed.close()

    async def __aenter__(self) -> "Run":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _read(self) -> None:
        """Take in what comes next, over a new connection if the old one is gone."""
        try:
            if self._feed is None:
                self._feed = await self._attach()
            else:
                self._take(await self._feed.receive())
        except (DaemonGone, DaemonNotFound, Gap, RpcError) as error:
            await self.aclose()
            if isinstance(error, RpcError) and not error.retryable:
                raise
            await self._patience.wait(DaemonGone(str(error)) if isinstance(error, Gap) else error)

    async def _attach(self) -> Feed:
        attached, feed = await Feed.attach(self._door, self.id, self._position.seq)
        is_over = attached.status in run.TERMINAL_STATUSES
        if is_over and attached.head_seq == self._position.seq:
            self._position.has_ended = True
        return feed

    def _take(self, events: list[RunEvent]) -> None:
        for event in events:
            new = self._position.take(event)
            if new is not None:
                self._ready.append(new)
                self._patience.restore()
