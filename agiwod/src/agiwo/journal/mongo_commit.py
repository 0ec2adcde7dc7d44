"""Commits of appends to a MongoDB journal: a group is one transaction, and what became of it is always found out."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from agiwo import ids
from agiwo.errors import StorageError
from agiwo.journal.blob import blob_name
from agiwo.journal.body import Bodies
from agiwo.journal.group import Append, Decision, Group, Named, Outcome
from agiwo.journal.ledger import Ledger, Standing, Written
from agiwo.journal.listeners import Audience
from agiwo.journal.mongo_blobs import MongoBlobs, is_too_large
from agiwo.journal.mongo_documents import (
    UNFINISHED,
    record_document,
    run_head,
    run_update,
    session_body,
    session_update,
    state_body,
    state_update,
)
from agiwo.journal.mongo_owner import MongoOwner
from agiwo.journal.mongo_server import Document, MongoServer
from agiwo.schema.record import Record, RunHead, Session, StateChange

_TRIES: Final = 5
"""Times that a transaction is made again because another process had just made the same document."""

_OBSTINATE: Final = 8
"""Times that something was in the way of a commit after which it may be what somebody left behind who died."""

_MEMORY: Final = 10.0
"""Seconds for which an append that was made unheard may be made again; who was refused does so at the next probe."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A commit that the server was asked for and did not confirm, and what its appends came to if it was made."""

    commit: str
    outcomes: Sequence[tuple[Append, Outcome]]


class MongoCommits(Group):
    """Appends to one database.

    A connection may break after the server was asked to commit and before it said that it had. Then the appends are
    refused, and before the next commit it is found out which one of ours was the last. If it was that one, listeners
    are told then, and whoever makes the same append again gets the records that are there.
    """

    def __init__(
        self,
        server: MongoServer,
        owner: MongoOwner,
        blobs: MongoBlobs,
        listeners: Audience,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(lambda group: asyncio.ensure_future(self._commit_documents(group)), listeners, told)
        self._server, self._owner, self._blobs, self._told = server, owner, blobs, listeners
        self._door = asyncio.Lock()
        self._doubt: _Doubt | None = None
        self._unheard: list[tuple[Append, list[Record]]] = []
        self._forget_at = 0.0

    async def claim(self) -> list[RunHead]:
        """As `Journal.claim`."""
        async with self._door:
            await self._transact(self._take_over)
        with self._server.translated():
            ours = self._server.db["runs"].find({**UNFINISHED, "owner": self._owner.name})
            return [run_head(found) async for found in ours.sort([("created_at", 1), ("number", 1)])]

    async def transact(self, attempt: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        """Do a transaction between two commits."""
        async with self._door:
            await self._transact(attempt)

    async def _commit_documents(self, group: Sequence[Append]) -> list[Outcome]:
        async with self._door:
            await self._end_doubt()
            new = [append for append in group if not self._was_made(append)]
            await self._blobs.put_all(_contents(new))
            outcomes = iter(await self._commit_new(new))
            # Of what was made before, its caller has the records and the listeners have been told.
            return [next(outcomes) if append in new else list[Record]() for append in group]

    async def _commit_new(self, group: Sequence[Append]) -> list[Outcome]:
        commit, decided, tries = ids.fresh("commit"), list[Decision](), count(1)

        async def attempt(session: Any) -> None:
            decided.clear()
            if next(tries) % _OBSTINATE == 0:
                await self._owner.end_the_dead()
            await self._owner.touch(session, commit)
            decided.append(await self._decide(session, group))

        try:
            await self._transact(attempt)
        except StorageError:
            if decided:
                self._doubt = _Doubt(commit, list(zip(group, decided[0].outcomes, strict=True)))
            raise
        return decided[0].outcomes

    async def _transact(self, attempt: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        for tries in range(_TRIES):
            try:
                await self._server.transact(attempt)
                return
            except StorageError as error:
                # Two who make the same document at once: the second one looks again, and sees it.
                if not _is_duplicate(error.__cause__) or tries == _TRIES - 1:
                    raise

    async def _end_doubt(self) -> None:
        if self._doubt is None:
            if asyncio.get_running_loop().time() > self._forget_at:
                self._unheard = []
            return
        made = await self._owner.last_commit() == self._doubt.commit
        taken = [(append, outcome) for append, outcome in self._doubt.outcomes if isinstance(outcome, list)]
        self._unheard = taken if made else []
        self._forget_at = asyncio.get_running_loop().time() + _MEMORY
        self._doubt = None
        for _, records in self._unheard:
            self._told.tell(records)

    def _was_made(self, append: Append) -> bool:
        """Whether it was made unheard before; then its caller gets the records of that."""
        for each in self._unheard:
            if each[0].changes == append.changes:
                self._unheard.remove(each)
                if not append.done.done():
                    append.done.set_result(each[1])
                return True
        return False

    async def _decide(self, session: Any, group: Sequence[Append]) -> Decision:
        ledger, gone = await self._ledger(session, Named.by(group))
        decision = Decision.of(ledger, group)
        await self._owner.bury(session, gone)
        await self._write(session, decision.written, decision.bodies)
        return decision

    async def _ledger(self, session: Any, named: Named) -> tuple[Ledger, Sequence[str]]:
        """What the database has of what appends name, and the owners among it that are gone."""
        db = self._server.db
        runs = await self._found("runs", {"_id": {"$in": named.runs}}, session)
        wanted = [*named.sessions, *(run["session"] for run in runs)]
        sessions = await self._found("sessions", {"_id": {"$in": wanted}}, session, {"owner": 1})
        living, gone = await self._owners([*runs, *sessions], session)
        ledger = Ledger(self._owner.name, living.get)
        ledger.runs.update({run["_id"]: Standing(run_head(run), run["length"]) for run in runs})
        ledger.session_owners.update({known["_id"]: known["owner"] for known in sessions})
        there = {run["_id"] for run in runs}
        if keys := [{"run": run, "key": key} for run, key in named.keys if run in there]:
            taken = db["records"].find({"$or": keys}, {"run": 1, "key": 1}, session=session)
            ledger.keys.update([(record["run"], record["key"]) async for record in taken])
        if named.states:
            states = await self._found("states", {"_id": {"$in": named.states}}, session, {"version": 1})
            ledger.versions.update({state["_id"]: state["version"] for state in states})
        return ledger, gone

    async def _found(
        self, collection: str, filter: Document, session: Any, projection: Document | None = None
    ) -> list[Document]:
        return [each async for each in self._server.db[collection].find(filter, projection, session=session)]

    async def _owners(self, owned: Sequence[Document], session: Any) -> tuple[Mapping[str, int], Sequence[str]]:
        others = sorted({document["owner"] for document in owned} - {self._owner.name})
        living = await self._owner.living(session, others)
        return living, [owner for owner in others if owner not in living]

    async def _write(self, session: Any, written: Written, bodies: Bodies) -> None:
        records = [record_document(r, raw) for r, raw in zip(written.records, bodies.raws, strict=True)]
        taken = {"_id": {"$in": sorted(written.taken)}}
        # The runs first: they tell at once whether another process is about to write there, too.
        writes: dict[str, list[Any]] = {
            "runs": [UpdateOne(*run_update(standing), upsert=True) for standing in written.runs.values()],
            "records": [InsertOne(record) for record in records],
            "states": [UpdateOne(*state_update(state), upsert=True) for state in written.states.values()],
            "sessions": [UpdateOne(*session_update(each), upsert=True) for each in written.sessions.values()],
        }
        writes["sessions"] += [UpdateOne(taken, {"$set": {"owner": self._owner.name}})] if written.taken else []
        for collection, operations in writes.items():
            if operations:
                await self._server.db[collection].bulk_write(operations, session=session)

    async def _take_over(self, session: Any) -> None:
        await self._owner.touch(session, ids.fresh("claim"))
        runs, sessions = self._server.db["runs"], self._server.db["sessions"]
        owners = {*await runs.distinct("owner", UNFINISHED, session=session)}
        owners |= {*await sessions.distinct("owner", session=session)}
        _, gone = await self._owners([{"owner": owner} for owner in owners], session)
        if gone:
            ours = {"$set": {"owner": self._owner.name}}
            await runs.update_many({**UNFINISHED, "owner": {"$in": gone}}, ours, session=session)
            await sessions.update_many({"owner": {"$in": gone}}, ours, session=session)
            await self._owner.bury(session, gone)


def _contents(group: Sequence[Append]) -> dict[str, bytes]:
    """What is kept beside the documents of these appends."""
    found: dict[str, bytes] = {}
    for append in group:
        raws = [*append.bodies.raws]
        raws += [session_body(change) for change in append.changes if isinstance(change, Session)]
        raws += [state_body(change.state) for change in append.changes if isinstance(change, StateChange)]
        found |= {blob_name(raw): raw for raw in raws if is_too_large(raw)}
        found |= append.bodies.blobs
    return found


def _is_duplicate(error: BaseException | None) -> bool:
    if isinstance(error, BulkWriteError):
        return any(each.get("code") == 11000 for each in error.details.get("writeErrors", ()))
    return isinstance(error, DuplicateKeyError)
