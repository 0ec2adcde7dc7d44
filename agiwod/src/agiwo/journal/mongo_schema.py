"""The collections of a MongoDB journal, and how a database comes to have them. Knows nothing of what they hold."""

from typing import Final

from agiwo import ids
from agiwo.errors import SchemaTooNew
from agiwo.journal.mongo_server import MongoServer

VERSION: Final = 1
"""Of the layout of the documents."""

_COLLECTIONS: Final = ("meta", "owners", "runs", "records", "sessions", "states", "blobs", "pieces")

_INDEXES: Final = {
    "runs": (
        ("created_at", "number"),
        ("session", "created_at", "number"),
        ("parent", "created_at", "number"),
        ("status", "created_at", "number"),
        ("agent", "created_at", "number"),
    ),
    "sessions": (("updated_at", "number"), ("agent", "updated_at", "number"), ("owner",)),
    "states": (("created_at", "number"), ("parent", "created_at", "number")),
}


async def prepare(server: MongoServer) -> str:
    """Make what is missing; return the random name that the log got when it was made.

    Raises:
        SchemaTooNew: a newer version of this program wrote it; it is left as it is.
        StorageError: the server refuses.
    """
    with server.translated():
        fresh = {"version": VERSION, "epoch": ids.fresh("epoch")}
        log = await server.db["meta"].find_one_and_update(
            {"_id": "journal"}, {"$setOnInsert": fresh}, upsert=True, return_document=True
        )
        assert log  # it has just been made, if it was missing
        if log["version"] > VERSION:
            raise SchemaTooNew(
                f"the journal {server.place} was written by a newer version (its schema is {log['version']}, this "
                f"program knows up to {VERSION}); use that version, or another db_name"
            )
        # A transaction may make a collection, but two that make the same one are in each other's way.
        there = await server.db.list_collection_names()
        for name in _COLLECTIONS:
            if name not in there:
                await _create(server, name)
        for name, indexes in _INDEXES.items():
            for members in indexes:
                await server.db[name].create_index([(member, 1) for member in members])
        keyed = {"key": {"$exists": True}}
        await server.db["records"].create_index([("run", 1), ("key", 1)], unique=True, partialFilterExpression=keyed)
    return log["epoch"]


async def _create(server: MongoServer, name: str) -> None:
    from pymongo.errors import CollectionInvalid, OperationFailure

    try:
        await server.db.create_collection(name)
    except CollectionInvalid:  # somebody else was first
        return
    except OperationFailure as error:
        if error.code != 48:  # the same, told by the server
            raise
