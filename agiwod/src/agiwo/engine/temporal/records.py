"""What a workflow wants to know of the journal, or written there: its local activities. Runs no effect."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from agiwo.durable import Programs
from agiwo.engine.blobs import is_long, spilled
from agiwo.engine.pasts import Pasts
from agiwo.engine.redact import Redactor
from agiwo.engine.storage import Storage
from agiwo.engine.temporal.coding import change_from, decode, encode, told
from agiwo.errors import Conflict, NotFound
from agiwo.schema.event import TERMINAL_EVENTS
from agiwo.schema.past import Past
from agiwo.schema.record import Batch, Change, Entry, Point, Record, RunHead
from agiwo.schema.run import RunSpec


class Records:
    """The journal, for workflows. Who appends what is there gets that: an earlier attempt may have been cut off."""

    def __init__(self, storage: Storage, redactor: Redactor, programs: Programs, pasts: Pasts) -> None:
        self._storage, self._journal = storage, storage.journal
        self._redactor, self._programs, self._pasts = redactor, programs, pasts

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """What a worker is to offer."""
        asked = (self.open, self.obstacle, self.append, self.end, self.head, self.read, self.session, self.state)
        return (*asked, self.past)

    # Reading

    @activity.defn(name="agiwo.open")
    async def open(self, asked: bytes) -> bytes:
        """A run as it stands: its records, and the sessions above it.

        Raises:
            ApplicationError: it is not recorded yet.
        """
        run = decode(asked)
        records = await self._journal.load(run)
        head = await self._journal.run(run)
        if head is None or not records:
            # It is usual, so no log should tell of it: the workflow is there before its run is recorded.
            benign = ApplicationErrorCategory.BENIGN
            raise ApplicationError(f"no run {run!r}", "run", run, type="NotFound", category=benign)
        above = await self._above(head)
        return encode({"head": head, "records": told(records), "above": above})

    async def _above(self, head: RunHead) -> list[tuple[str, str]]:
        found = [(head.run, head.session)]
        while head.parent and (above := await self._journal.run(head.parent)) and not above.status.is_terminal:
            found.append((above.run, above.session))
            head = above
        return found

    @activity.defn(name="agiwo.obstacle")
    async def obstacle(self, asked: bytes) -> bytes:
        """Why the run cannot go on in this process; null when it can."""
        call = decode(asked)
        spec, version = RunSpec.from_json(call["spec"]), call["version"]
        program = self._programs.find(spec)
        if program is None:
            return encode(f"agent {spec.agent!r} is not registered in this process")
        if version in (None, program.version):
            return encode(None)
        return encode(f"the run was begun by loop version {version}, and this is version {program.version}")

    @activity.defn(name="agiwo.end")
    async def end(self, asked: bytes) -> bytes:
        """How a run ended: its index entry and its last event; null while it has not."""
        head = await self._journal.run(decode(asked))
        if head is None or not head.status.is_terminal:
            return encode(None)
        (last,) = await self._journal.read(head.run, head.head - 1, 1)
        return encode({"head": head, "last": list(last)})

    @activity.defn(name="agiwo.head")
    async def head(self, asked: bytes) -> bytes:
        """As `Journal.run`."""
        return encode(await self._journal.run(decode(asked)))

    @activity.defn(name="agiwo.read")
    async def read(self, asked: bytes) -> bytes:
        """As `Journal.read`."""
        run, after, limit = decode(asked)
        return encode(told(await self._journal.read(run, after, limit)))

    @activity.defn(name="agiwo.session_of")
    async def session(self, asked: bytes) -> bytes:
        """As `Journal.session`."""
        return encode(await self._journal.session(decode(asked)))

    @activity.defn(name="agiwo.state")
    async def state(self, asked: bytes) -> bytes:
        """As `Journal.state`."""
        return encode(await self._journal.state(decode(asked)))

    @activity.defn(name="agiwo.past")
    async def past(self, asked: bytes) -> bytes:
        """What a session had said up to a point: the records of its runs, the oldest first."""
        past: Past = await self._pasts.up_to(Point(**decode(asked)))
        return encode([told(records) for records in past])

    # Writing

    @activity.defn(name="agiwo.append")
    async def append(self, asked: bytes) -> bytes:
        """As `Journal.append`, without secrets and over-long texts.

        Raises:
            ApplicationError: a Conflict over something else than what an earlier attempt has written.
        """
        changes = [await self._ready(change_from(each)) for each in decode(asked)]
        with _refusals():
            return encode(told(await self._append(changes)))

    async def _append(self, changes: Sequence[Change]) -> list[Record]:
        try:
            return await self._storage.append_now(*changes)
        except Conflict:
            written = await self._written(changes)
            if not written:
                raise
            missing = [each for each in changes if isinstance(each, Batch) and _lacks(each, written)]
            return written + (await self._append([_without(each, written) for each in missing]) if missing else [])

    async def _written(self, changes: Sequence[Change]) -> list[Record]:
        """What of this is in the journal, by the keys of its entries; or the end of a run that is over."""
        found: list[Record] = []
        for batch in changes:
            if isinstance(batch, Batch) and batch.create is None:
                known = [await self._journal.record(batch.run, each.key) for each in batch.entries if each.key]
                found += [record for record in known if record]
                if any(entry.type in TERMINAL_EVENTS for entry in batch.entries):
                    found += [each for each in await self._journal.load(batch.run) if each.type in TERMINAL_EVENTS]
        return found

    async def _ready(self, change: Change) -> Change:
        if not isinstance(change, Batch):
            return change
        entries = tuple([await self._ready_entry(entry) for entry in change.entries])
        return replace(change, entries=entries)

    async def _ready_entry(self, entry: Entry) -> Entry:
        if entry.public and is_long(entry.type, entry.data):
            return entry._replace(data=await spilled(self._storage, entry.data, self._redactor))
        return entry._replace(data=self._redactor.data(entry.data)) if self._redactor else entry


def _lacks(batch: Batch, written: Sequence[Record]) -> bool:
    """Whether an entry with a key is not among the records, though another of its batch is."""
    keys = {record.key for record in written if record.run == batch.run}
    asked = {entry.key for entry in batch.entries if entry.key}
    return bool(keys & asked) and bool(asked - keys)


def _without(batch: Batch, written: Sequence[Record]) -> Batch:
    keys = {record.key for record in written if record.run == batch.run}
    return replace(batch, entries=tuple(entry for entry in batch.entries if entry.key and entry.key not in keys))


@contextmanager
def _refusals() -> Generator[None]:
    """Let the workflow know what it must not try again."""
    try:
        yield
    except Conflict as error:
        raise ApplicationError(str(error), type="Conflict", non_retryable=True) from error
    except NotFound as error:
        raise ApplicationError(str(error), error.kind, error.id, type="NotFound", non_retryable=True) from error
