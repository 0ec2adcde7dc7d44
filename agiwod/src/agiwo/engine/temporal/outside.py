"""What a run's workflow asks of the world: the journal, by local activities of its own worker. Decides nothing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from agiwo.engine.ending import Ends
from agiwo.engine.temporal.coding import (
    change_data,
    decode,
    encode,
    head_from,
    heard,
    past_from,
    session_from,
    state_from,
)
from agiwo.engine.temporal.names import AT_ONCE, AWAIT_END, ENDLESS, HEARTBEAT
from agiwo.errors import Conflict, NotFound
from agiwo.journal.base import Listener
from agiwo.schema.past import NO_PAST, Past
from agiwo.schema.record import Change, Point, Record, RunHead, Session, State

_AGAIN = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=5))
"""How often what failed is tried again: for ever, since the store takes writes again some day."""


async def ask(name: str, value: Any, again: RetryPolicy = _AGAIN, within: timedelta | None = None) -> Any:
    """What the local activity of that name answers.

    Raises:
        Conflict, NotFound: as the activity did.
    """
    try:
        answer: bytes = await workflow.execute_local_activity(
            name,
            encode(value),
            start_to_close_timeout=AT_ONCE,
            schedule_to_close_timeout=within,
            retry_policy=again,
            result_type=bytes,
        )
    except FailureError as error:
        raise _as_raised(error) from None
    return decode(answer)


def _as_raised(error: FailureError) -> Exception:
    cause = error.cause if isinstance(error, ActivityError) else error  # a local one fails without that around it
    if isinstance(cause, ApplicationError) and cause.type == "Conflict":
        return Conflict(cause.message)
    if isinstance(cause, ApplicationError) and cause.type == "NotFound":
        return NotFound(*cause.details)
    return error


class Log:
    """The journal as a workflow sees it: what was asked for, and the ends of runs."""

    owner = ""

    def __init__(self, ends: Ends, is_child: Callable[[str], bool]) -> None:
        self._ends, self._is_child = ends, is_child
        self._listeners: dict[str, list[Listener]] = {}
        self._waits: dict[str, asyncio.Task[None]] = {}

    def watch(self, run: str, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of the run's end; call the result to stop."""
        self._listeners.setdefault(run, []).append(listener)
        if not self._is_child(run) and run not in self._waits:
            self._waits[run] = asyncio.create_task(self._await_stranger(run), name=f"the end of {run}")

        def stop() -> None:
            if listener in (heard := self._listeners.get(run, [])):
                heard.remove(listener)
            if not heard and (wait := self._waits.pop(run, None)):
                wait.cancel()

        return stop

    async def _await_stranger(self, run: str) -> None:
        await workflow.execute_activity(
            AWAIT_END, run, start_to_close_timeout=ENDLESS, heartbeat_timeout=HEARTBEAT, retry_policy=_AGAIN
        )
        await self.has_ended(run)

    async def has_ended(self, run: str) -> None:
        """Tell who watches the run."""
        found = await ask("agiwo.end", run)
        if found is None:  # its workflow was ended by force: what the journal says of it stands
            return
        head, last = head_from(found["head"]), Record(*found["last"])
        self._ends.note(head, last)
        for listener in tuple(self._listeners.get(run, ())):
            listener([last])

    async def run(self, run: str) -> RunHead | None:
        """As `Journal.run`."""
        found = await ask("agiwo.head", run)
        return found and head_from(found)

    async def read(self, run: str, after: int = 0, limit: int = 512) -> list[Record]:
        """As `Journal.read`."""
        return heard(await ask("agiwo.read", [run, after, limit]))

    async def session(self, session: str) -> Session | None:
        """As `Journal.session`."""
        found = await ask("agiwo.session_of", session)
        return found and session_from(found)

    async def state(self, state: str) -> State | None:
        """As `Journal.state`."""
        found = await ask("agiwo.state", state)
        return found and state_from(found)

    async def up_to(self, point: Point | None) -> Past:
        """As `Pasts.up_to`."""
        return past_from(await ask("agiwo.past", {"run": point.run, "seq": point.seq})) if point else NO_PAST


class Store:
    """Where a run's workflow writes. Secrets and over-long texts are seen to by the activity."""

    def __init__(self, journal: Log) -> None:
        self.journal = journal

    async def append(self, *changes: Change) -> list[Record]:
        """As `Journal.append`; what an earlier attempt had written already is what is returned."""
        return heard(await ask("agiwo.append", [change_data(change) for change in changes]))

    async def put_blob(self, data: bytes) -> str:
        """Keep the bytes."""
        raise NotImplementedError("a workflow has nothing to keep: its activities do that")
