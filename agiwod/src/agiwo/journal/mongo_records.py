"""The records of the runs in a MongoDB journal, as they are read. Writes none."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from agiwo.journal.body import read_body
from agiwo.journal.mongo_blobs import MongoBlobs
from agiwo.journal.mongo_documents import record_id, run_head
from agiwo.journal.mongo_server import Document, MongoServer
from agiwo.schema.record import Record, RunHead

_LAST: Final = 2**62
"""Above every position of a record."""


class MongoRecords:
    """The records of one database, whole: what is kept in pieces is put together."""

    def __init__(self, server: MongoServer, blobs: MongoBlobs) -> None:
        self._server, self._blobs = server, blobs

    async def public(self, run: str, after: int, limit: int) -> list[Record]:
        """As `Journal.read`."""
        # A record's position is never below its seq, so the id skips most of what was read before.
        found = {"_id": _within(run, max(after, 0), _LAST), "seq": {"$gt": after}}
        return await self._found(found, limit) if limit > 0 else []

    async def all(self, run: str, after: int, limit: int | None) -> list[Record]:
        """As `Journal.load`."""
        return await self._found({"_id": _within(run, after, _LAST)}, limit or 0)

    async def keyed(self, run: str, key: str) -> Record | None:
        """As `Journal.record`."""
        # Without an order: for the sake of one the server goes through the ids instead of the keys.
        with self._server.translated():
            found = await self._server.db["records"].find_one({"run": run, "key": key})
        return (await self._read([found]))[0] if found else None

    async def after(self, run: str, position: int, limit: int) -> list[Record]:
        """What follows on this position without a hole, at most so much of it."""
        # Not of one moment: while it was read, somebody may have appended what is missing before the last of it.
        found = await self._found({"_id": _within(run, position, _LAST)}, limit)
        return [record for number, record in enumerate(found, position + 1) if record.position == number]

    async def lengths(self, runs: Iterable[str]) -> dict[str, int]:
        """How many records these runs have, internal ones too; unknown ones are left out."""
        filter = {"_id": {"$in": sorted(runs)}}
        with self._server.translated():
            found = self._server.db["runs"].find(filter, {"length": 1})
            return {run["_id"]: run["length"] async for run in found}

    async def runs_since(self, time: float) -> list[RunHead]:
        """The runs that were made after this time, oldest first."""
        with self._server.translated():
            found = self._server.db["runs"].find({"created_at": {"$gt": time}}).sort([("created_at", 1), ("number", 1)])
            return [run_head(run) async for run in found]

    async def _found(self, filter: Document, limit: int = 0) -> list[Record]:
        with self._server.translated():
            found = self._server.db["records"].find(filter).sort("_id").limit(limit)
            documents = [each async for each in found]
        return await self._read(documents)

    async def _read(self, documents: Sequence[Document]) -> list[Record]:
        large = await self._blobs.load(each["large"] for each in documents if "large" in each)
        bodies: list[dict[str, Any]] = [
            orjson.loads(large[each["large"]] if "large" in each else each["body"]) for each in documents
        ]
        blobs = await self._blobs.load(name for body in bodies for _, name in body.get("blobs", ()))
        return [
            read_body(each["_id"]["run"], each["_id"]["position"], each["seq"], body, blobs.__getitem__)
            for each, body in zip(documents, bodies, strict=True)
        ]


def _within(run: str, after: int, before: int) -> Document:
    return {"$gt": record_id(run, after), "$lt": record_id(run, before)}
