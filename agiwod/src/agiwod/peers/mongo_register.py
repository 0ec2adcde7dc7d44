"""Where daemons over one MongoDB database find each other: a document for each, with its sign of life. Knows no run."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from agiwo.journal.mongo_server import Document, MongoServer

from agiwod.peers.neighbour import Neighbour

_EXPIRY: Final = 20.0
"""Seconds without a sign of life after which a daemon is taken for gone: four beats."""

_FORGOTTEN: Final = 3600.0
"""Seconds after which the document of one that never left is deleted."""

_COLLECTION: Final = "daemons"


class MongoRegister:
    """The register in a database, which `close` lets go of. All times are the server's."""

    def __init__(self, server: MongoServer, own: Neighbour) -> None:
        self._server, self._own = server, own
        self._daemons = server.db[_COLLECTION]

    async def meet(self) -> Sequence[Neighbour]:
        """As `Register.meet`."""
        own = {"machine": self._own.machine, "socket": self._own.socket, "tcp": self._own.tcp, "clock": time.time()}
        with self._server.translated():
            await self._daemons.update_one(
                {"_id": self._own.id}, [{"$set": {**_literal(own), "seen": "$$NOW"}}], upsert=True
            )
            await self._daemons.delete_many(_silent_for(_FORGOTTEN))
            found = [each async for each in self._daemons.find({"_id": {"$ne": self._own.id}, **_heard_of()})]
        return [Neighbour(each["_id"], each["machine"], each["socket"], each["tcp"]) for each in found]

    async def leave(self) -> None:
        """As `Register.leave`; then the connections are closed."""
        await self._server.farewell(_COLLECTION, {"_id": self._own.id})
        await self._server.close()


async def clocks(server: MongoServer) -> dict[str, float]:
    """How far the clock of each daemon that lives is before the server's, in seconds.

    Raises:
        StorageError: the server does not answer.
    """
    with server.translated():
        found = [each async for each in server.db[_COLLECTION].find(_heard_of())]
    return {each["_id"]: each["clock"] - each["seen"].timestamp() for each in found}


async def own_clock(server: MongoServer, now: Callable[[], float]) -> float:
    """How far this machine's clock is before the server's, in seconds.

    Raises:
        StorageError: the server does not answer.
    """
    before = now()
    with server.translated():
        hello = await server.db.command("hello")
    return (before + now()) / 2 - hello["localTime"].timestamp()


def _heard_of() -> Document:
    return {"$expr": {"$lt": [{"$subtract": ["$$NOW", "$seen"]}, int(_EXPIRY * 1000)]}}


def _silent_for(seconds: float) -> Document:
    return {"$expr": {"$gt": [{"$subtract": ["$$NOW", "$seen"]}, int(seconds * 1000)]}}


def _literal(values: dict[str, Any]) -> Document:
    """Values that the server takes as they are, whatever they begin with."""
    return {key: {"$literal": value} for key, value in values.items()}
