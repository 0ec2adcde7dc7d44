"""The journal in a MongoDB database, which several machines may share. Knows no engine."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from agiwo.errors import ConfigError, NotFound, StorageError
from agiwo.journal.base import PROBE, Listener
from agiwo.journal.care import Measure
from agiwo.journal.mongo_base import Address, MongoBase, bases_of_this_loop
from agiwo.journal.mongo_documents import run_head, session_from, state_from
from agiwo.journal.mongo_news import RunListener
from agiwo.journal.mongo_server import Document
from agiwo.schema.event import Event
from agiwo.schema.record import Change, Record, RunHead, Session, State
from agiwo.schema.run import RunStatus


class MongoJournal:
    """A journal in a database. Whoever opens the same one in one process (and event loop) shares its connections."""

    def __init__(self, base: MongoBase) -> None:
        self._opened: MongoBase | None = base
        self.place = base.server.place
        self.epoch = base.epoch
        self.owner = base.owner.name

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        """As `Journal.append`."""
        return await self._base.commits.append(changes, first)

    async def read(self, run: str, after: int = 0, limit: int = 512) -> list[Record]:
        """As `Journal.read`."""
        return await (await self._placed()).records.public(run, after, limit)

    async def events(self, run: str, after: int = 0, limit: int = 512) -> list[Event]:
        """As `Journal.events`."""
        return [Event.of(record) for record in await self.read(run, after, limit)]

    async def load(self, run: str, after: int = 0, limit: int | None = None) -> list[Record]:
        """As `Journal.load`."""
        return await (await self._placed()).records.all(run, after, limit)

    async def record(self, run: str, key: str) -> Record | None:
        """As `Journal.record`."""
        return await (await self._placed()).records.keyed(run, key)

    def watch(self, run: str, listener: Listener, *, internal: bool = False) -> Callable[[], None]:
        """As `Journal.watch`."""
        return self._base.listeners.add(run, listener, internal=internal)

    def watch_all(self, listener: RunListener) -> Callable[[], None]:
        """Tell `listener` of each run that any process makes from now on; call the result to stop.

        Only where processes work together: who works alone knows what it makes. It may hear of a run that was made a
        moment before, and, after a long silence of the server, of one that it has heard of.

        Raises:
            ConfigError: this process works alone.
        """
        if self._base.news is None:
            raise ConfigError(f"the journal {self.place} was not opened as a shared one")
        return self._base.news.watch_all(listener)

    async def run(self, run: str) -> RunHead | None:
        """As `Journal.run`."""
        found = await self._one("runs", run)
        return run_head(found) if found else None

    async def runs(
        self,
        *,
        ids: Sequence[str] | None = None,
        session: str | None = None,
        agent: str | None = None,
        parent: str | None = None,
        statuses: frozenset[RunStatus] | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunHead]:
        """As `Journal.runs`."""
        among = {"_id": ids, "status": None if statuses is None else [str(status) for status in statuses]}
        filter = _filter({"session": session, "agent": agent, "parent": parent}, among)
        return [run_head(found) for found in await self._newest("run", "created_at", filter, before, limit)]

    async def claim(self) -> list[RunHead]:
        """As `Journal.claim`."""
        return await self._base.commits.claim()

    async def session(self, session: str) -> Session | None:
        """As `Journal.session`."""
        found = await self._one("sessions", session)
        return session_from(found, await self._large([found])) if found else None

    async def sessions(self, *, agent: str | None = None, before: str | None = None, limit: int = 100) -> list[Session]:
        """As `Journal.sessions`."""
        found = await self._newest("session", "updated_at", _filter({"agent": agent}, {}), before, limit)
        blobs = await self._large(found)
        return [session_from(each, blobs) for each in found]

    async def state(self, state: str) -> State | None:
        """As `Journal.state`."""
        found = await self._one("states", state)
        return state_from(found, await self._large([found])) if found else None

    async def states(
        self,
        *,
        parents: Sequence[str] | None = None,
        agent: str | None = None,
        phases: Sequence[str] | None = None,
        roots: bool = False,
        before: str | None = None,
        limit: int = 100,
    ) -> list[State]:
        """As `Journal.states`."""
        filter = _filter({"agent": agent}, {"parent": parents, "phase": phases})
        if roots:
            filter = {"$and": [filter, {"parent": None}]}
        found = await self._newest("state", "created_at", filter, before, limit)
        blobs = await self._large(found)
        return [state_from(each, blobs) for each in found]

    async def put_blob(self, data: bytes) -> str:
        """As `Journal.put_blob`."""
        return await self._base.blobs.put(data)

    async def get_blob(self, blob: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """As `Journal.get_blob`."""
        return await self._base.blobs.get(blob, offset, limit)

    async def measure(self) -> Measure:
        """As `Store.measure`."""
        return await self._base.care.measure()

    async def forget(self, sessions: Sequence[str], until: float) -> int:
        """As `Store.forget`."""
        forgotten = list[int]()

        async def attempt(session: Any) -> None:
            forgotten[:] = [await self._base.care.forget(session, sessions, until)]

        await self._base.commits.transact(attempt)
        return forgotten[0]

    async def sweep(self) -> int:
        """As `Store.sweep`."""
        return await self._base.care.sweep()

    async def probe(self, size: int = PROBE) -> None:
        """As `Journal.probe`."""
        await self._base.commits.append(())

    async def close(self) -> None:
        """As `Journal.close`; the connections end when the last who opened them closes. Harmless when closed."""
        bases = bases_of_this_loop()
        async with bases.lock:
            base, self._opened = self._opened, None
            if base is None:
                return
            try:
                await base.commits.finish()
            finally:
                base.users -= 1
                if not base.users:
                    del bases.open[base.address]
                    await base.close()

    @property
    def _base(self) -> MongoBase:
        if self._opened is None:
            raise StorageError(f"the journal {self.place} is closed")
        return self._opened

    async def _placed(self) -> MongoBase:
        """The database, once what was asked to be watched is watched: a read must not miss what no listener hears."""
        base = self._base
        if base.news is not None:
            await base.news.placed()
        return base

    async def _one(self, collection: str, id: str) -> Document | None:
        server = (await self._placed()).server
        with server.translated():
            return await server.db[collection].find_one({"_id": id})

    async def _newest(self, kind: str, age: str, filter: Document, before: str | None, limit: int) -> list[Document]:
        server = (await self._placed()).server
        collection = server.db[f"{kind}s"]
        if limit < 1:
            return []
        with server.translated():
            if before is not None:
                anchor = await collection.find_one({"_id": before}, {age: 1, "number": 1})
                if anchor is None:
                    raise NotFound(kind, before)
                older = [{age: {"$lt": anchor[age]}}, {age: anchor[age], "number": {"$lt": anchor["number"]}}]
                filter = {"$and": [filter, {"$or": older}]}
            return [each async for each in collection.find(filter).sort([(age, -1), ("number", -1)]).limit(limit)]

    async def _large(self, documents: Iterable[Document]) -> dict[str, bytes]:
        return await self._base.blobs.load(each["large"] for each in documents if "large" in each)


async def open_mongo(
    uri: str,
    db_name: str = "agiwo",
    *,
    shared: bool = False,
    lock_dir: str | PathLike[str] | None = None,
    patience: float = 5.0,
) -> MongoJournal:
    """The journal in this database, which is made when it is missing.

    `lock_dir` is where processes of this machine see of each other that they live (default: with your other state).
    An operation is given up after `patience` seconds.

    With `shared` all processes that open it so work together: each appends to any run, none is refused what another has
    begun, and nobody claims anything, so an engine of their own must see to it that each run goes on.

    Raises:
        ConfigError: pymongo is missing, the address is none, the server has no transactions, or others use the
            database the other way, or left runs there that are not over.
        StorageError: the server does not answer, or refuses.
        SchemaTooNew: a newer version made it.
    """
    bases = bases_of_this_loop()
    async with bases.lock:
        address, locks = Address(uri, db_name, shared), Path(lock_dir) if lock_dir else None
        base = bases.open.get(address) or await MongoBase.opened(address, locks, patience)
        base.users += 1
        bases.open[address] = base
    return MongoJournal(base)


def _filter(equal: Mapping[str, str | None], among: Mapping[str, Sequence[str] | None]) -> dict[str, Any]:
    filter: dict[str, Any] = {name: value for name, value in equal.items() if value is not None}
    return filter | {name: {"$in": list(values)} for name, values in among.items() if values is not None}
