"""The tool calls that clients carry out: which are open, who has which, and what was answered. The first answer counts.

A call goes to one client: the one that started the run, else whoever follows it. If that one goes, it goes to another,
or waits for one to come; and whoever comes gets what is open, as it may be the same client over a new connection. A
tool whose effect is `once` is the exception: its call is sent a single time, and lost with the client that got it.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from agiwo.clock import Clock
from agiwo.engine import hosted
from agiwo.engine.hosted import UNKNOWN, call_in, ended_by
from agiwo.engine.serving import ServingEngine
from agiwo.errors import AgiwoError
from agiwo.schema.event import TERMINAL_EVENTS
from agiwo.schema.hosted import HostedCall
from agiwo.schema.record import Record, RunHead
from agiwo.tool.result import ToolResult

log = logging.getLogger(__name__)


class Host(Protocol):
    """A client that has tools. Must not wait."""

    def has(self, tool: str) -> bool:
        """Whether it has a tool of that name."""
        ...

    def follows(self, run: str) -> bool:
        """Whether it follows the run, or waits for its end."""
        ...

    def call(self, call: HostedCall) -> None:
        """Carry out a call."""
        ...

    def drop(self, item: str) -> None:
        """The call waits no more."""
        ...


class Hosts:
    """The calls of the runs that an engine drives. What is kept here is only what the runs' journals say."""

    def __init__(self, engine: ServingEngine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._open: dict[str, HostedCall] = {}
        self._holders: dict[str, list[Host]] = {}
        self._starters: dict[str, Host] = {}
        self._unread: set[str] = set()
        self._ended_unread: set[str] = set()
        self._hosts: list[Host] = []

    def follow(self, head: RunHead) -> None:
        """Hear which calls the run makes, from now until it ends; those of an earlier process are looked up."""
        if head.head > 1:
            self._unread.add(head.run)
        stops: list[Callable[[], None]] = []

        def hear(records: Sequence[Record]) -> None:
            for record in records:
                self._take(record)
                if record.type in TERMINAL_EVENTS:
                    self._forget(record.run)
                    stops.pop()()

        stops.append(self._engine.journal.watch(head.run, hear, internal=True))

    def _take(self, record: Record) -> None:
        if call := call_in(record):
            self._open[call.item] = call
            self._place(call)
        elif (item := ended_by(record)) in self._open:
            self._close(item)
        elif item and record.run in self._unread:
            self._ended_unread.add(item)

    def _forget(self, run: str) -> None:
        self._unread.discard(run)
        self._starters.pop(run, None)
        for item in [each.item for each in self._open.values() if each.run == run]:
            self._close(item)

    def _close(self, item: str) -> None:
        del self._open[item]
        for host in self._holders.pop(item, ()):
            host.drop(item)

    def _place(self, call: HostedCall) -> None:
        """Give the call to a client, if there is one and none has it."""
        starter = self._starters.get(call.run)
        candidates = [*([starter] if starter else []), *self._hosts]
        host = next((each for each in candidates if self._takes(each, call)), None)
        if host is not None and not self._holders.get(call.item):
            self._give(call, host)

    def _takes(self, host: Host, call: HostedCall) -> bool:
        return host.has(call.name) and (host.follows(call.run) or self._starters.get(call.run) is host)

    def _give(self, call: HostedCall, host: Host) -> None:
        self._holders.setdefault(call.item, []).append(host)
        host.call(call)

    def join(self, host: Host) -> None:
        """A client with tools has come."""
        self._hosts.append(host)

    def started(self, run: str, host: Host) -> None:
        """The client has started the run: its calls go to it first."""
        self._starters[run] = host

    async def concerns(self, run: str, host: Host) -> None:
        """The client follows the run, waits for it or has started it: give it what is open there.

        Raises:
            StorageError: the run's records cannot be read.
        """
        if run in self._unread:
            records = await self._engine.journal.load(run)
            if run in self._unread:  # it may have ended, or been read by another client, meanwhile
                self._recall(records)
                self._unread.discard(run)
        for call in [each for each in self._open.values() if each.run == run]:
            holders = self._holders.get(call.item, [])
            if host not in holders and self._takes(host, call) and not (holders and call.effect == "once"):
                self._give(call, host)

    def _recall(self, records: Iterable[Record]) -> None:
        found: dict[str, HostedCall] = {}
        for record in records:
            if call := call_in(record):
                found[call.item] = call
            elif item := ended_by(record):
                found.pop(item, None)
        ended = self._ended_unread.intersection(found)
        self._open |= {item: call for item, call in found.items() if item not in self._open.keys() | ended}
        self._ended_unread -= ended

    async def may_send(self, call: HostedCall) -> bool:
        """Whether the call may go to the client that got it; one that must not run twice is noted first.

        Raises:
            NotFound: its run is gone.
            StorageError: the store refuses.
        """
        if call.effect != "once" or await hosted.note_sent(self._engine, call):
            return True
        await self.lose([call])
        return False

    async def answer(self, call: HostedCall, result: ToolResult, by: str) -> bool:
        """Give the result of a call, unless there is one; whether it was the first.

        Raises: as `may_send`.
        """
        return await hosted.answer(self._engine, call, result, by, self._clock.now())

    def leave(self, host: Host) -> list[HostedCall]:
        """The client has gone: what it had goes to others, or waits. Gives what must not run twice, for `lose`."""
        self._hosts.remove(host)
        self._starters = {run: each for run, each in self._starters.items() if each is not host}
        held = [item for item, holders in self._holders.items() if host in holders]
        for item in held:
            self._holders[item].remove(host)
            if self._open[item].effect != "once":
                self._place(self._open[item])
        return [self._open[item] for item in held if self._open[item].effect == "once"]

    async def lose(self, calls: Iterable[HostedCall]) -> None:
        """Let the models know that nobody can tell what became of these calls."""
        result = ToolResult(content=UNKNOWN, error=UNKNOWN, is_success=False)
        for call in calls:
            try:
                await self.answer(call, result, "")
            except AgiwoError as error:
                log.warning("run %s waits for a call that is lost: %s", call.run, error)
