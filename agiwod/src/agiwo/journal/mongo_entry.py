"""Whether a MongoDB journal is one of processes that work alone or of such as work together; it is never both's."""

from typing import Any

from agiwo.errors import ConfigError
from agiwo.journal.mongo_documents import UNFINISHED
from agiwo.journal.mongo_owner import SHARED, MongoOwner
from agiwo.journal.mongo_server import Document, MongoServer


async def enter(server: MongoServer, owner: MongoOwner) -> None:
    """Make the database one in which processes work as this one does, after it has made itself known.

    Raises:
        ConfigError: others work there the other way, or have left runs that are not over.
    """

    async def attempt(session: Any) -> None:
        # A write, and each after its own sign of life: of two who come at once the second one sees the first.
        here = {"_id": "journal"}, {"$currentDate": {"opened": True}}
        known = await server.db["meta"].find_one_and_update(*here, session=session)
        if known is None or known.get("shared", False) != owner.is_shared:
            await _require_nobody(server, owner, session)
            await server.db["meta"].update_one(here[0], {"$set": {"shared": owner.is_shared}}, session=session)

    await server.transact(attempt)


async def _require_nobody(server: MongoServer, owner: MongoOwner, session: Any) -> None:
    how = "alone" if owner.is_shared else "together with others"
    living = await owner.strangers(session)
    if living:
        pid = next(iter(living.values()))
        raise ConfigError(
            f"the MongoDB database {server.place} is in use by a process that works {how} (pid {pid}); stop it, or use "
            "another db_name"
        )
    theirs: Document = {**UNFINISHED, "owner": {"$ne": SHARED} if owner.is_shared else SHARED}
    if left := await server.db["runs"].count_documents(theirs, session=session):
        raise ConfigError(
            f"the MongoDB database {server.place} holds {left} unfinished runs of processes that worked {how}, which "
            "would not go on; let them end there, or use another db_name"
        )
