"""Looking after a MongoDB journal: how much is in it, and what is forgotten."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from agiwo.journal.care import Measure
from agiwo.journal.care_rows import BLOB_NAME
from agiwo.journal.mongo_blobs import MongoBlobs
from agiwo.journal.mongo_server import Document, MongoServer
from agiwo.schema.run import TERMINAL

_FRESH: Final = timedelta(hours=1)
"""A blob that was written so lately may be one whose record is still on its way."""


class MongoCare:
    """Counts and deletes in one database."""

    def __init__(self, server: MongoServer, blobs: MongoBlobs) -> None:
        self._server, self._db, self._blobs = server, server.db, blobs

    async def measure(self) -> Measure:
        """As `Store.measure`."""
        by_status = [{"$group": {"_id": "$status", "count": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
        with self._server.translated():
            runs = {each["_id"]: each["count"] async for each in await self._db["runs"].aggregate(by_status)}
            names = ("records", "sessions", "states", "blobs")
            records, sessions, states, blobs = [await self._db[name].count_documents({}) for name in names]
            size = (await self._db.command("dbStats"))["storageSize"]
        return Measure(runs, records, sessions, states, blobs, int(size))

    async def forget(self, session: Any, sessions: Sequence[str], until: float) -> int:
        """As `Store.forget`, inside a transaction."""
        theirs = {"session": {"$in": list(sessions)}}
        later = {"updated_at": {"$gt": until}}
        unfinished = {"status": {"$nin": [str(status) for status in TERMINAL]}}
        at_work = {"persistent": True, "phase": {"$in": ["open", "closing"]}}
        going_on: dict[str, Document] = {
            "runs": {**theirs, "$or": [unfinished, later]},
            "states": {**theirs, "$or": [at_work, later]},
            "sessions": {"_id": theirs["session"], **later},
        }
        for collection, filter in going_on.items():
            if await self._db[collection].find_one(filter, {"_id": 1}, session=session):
                return 0
        runs = [each["_id"] async for each in self._db["runs"].find(theirs, {"_id": 1}, session=session)]
        for run in runs:
            within = {"$gt": {"run": run, "position": 0}, "$lt": {"run": run, "position": 2**62}}
            await self._db["records"].delete_many({"_id": within}, session=session)
        await self._db["runs"].delete_many(theirs, session=session)
        await self._db["states"].delete_many(theirs, session=session)
        await self._db["sessions"].delete_many({"_id": theirs["session"]}, session=session)
        return len(runs)

    async def sweep(self) -> int:
        """As `Store.sweep`; blobs of the last hour stay."""
        with self._server.translated():
            now = (await self._db.command("hello"))["localTime"]
            old = {"at": {"$lt": now - _FRESH}}
            unnamed = {blob["_id"] async for blob in self._db["blobs"].find(old, {"_id": 1})}
            for collection in ("records", "sessions", "states"):
                named = {"$or": [{"large": {"$exists": True}}, {"body": {"$regex": '"blob'}}]}
                async for document in self._db[collection].find(named, {"large": 1, "body": 1}):
                    unnamed -= await self._names(document)
        await self._blobs.remove(sorted(unnamed), old)
        return len(unnamed)

    async def _names(self, document: Document) -> set[str]:
        if "large" not in document:
            return set(BLOB_NAME.findall(document["body"]))
        content, _ = await self._blobs.get(document["large"])
        return {document["large"], *BLOB_NAME.findall(content.decode())}
