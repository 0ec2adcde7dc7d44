"""A MongoDB database as stores here use it: how it is reached, and what its refusals mean. Knows no collection."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from agiwo.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

Document = dict[str, Any]
"""A document of a collection."""

_PATIENCE: Final = 10.0
"""Seconds that an operation may take with all its retries; an election of a replica set takes less."""

_SELECTION: Final = 5.0
"""Seconds to find a server that takes writes."""

_FAREWELL: Final = 2.0
"""Seconds to say goodbye to a server that may be gone."""


class MongoServer:
    """A client of one database. `place` names it in messages, without user and password."""

    def __init__(self, uri: str, db_name: str, patience: float = _PATIENCE) -> None:
        try:
            from pymongo import AsyncMongoClient
        except ImportError:
            raise ConfigError("MongoDB needs the package pymongo: pip install 'agiwod[mongo]'") from None
        from pymongo.errors import InvalidName, PyMongoError
        from pymongo.read_concern import ReadConcern
        from pymongo.write_concern import WriteConcern

        self._patience = patience
        self.place = f"{place_of(uri)}/{db_name}"
        try:
            self._client = AsyncMongoClient[Document](
                uri,
                serverSelectionTimeoutMS=int(min(_SELECTION, patience) * 1000),
                timeoutMS=int(patience * 1000),
                tz_aware=True,
            )
            # What a majority has on disk is what counts, and what was read once is never taken back.
            self.db: AsyncDatabase[Document] = self._client.get_database(
                db_name, write_concern=WriteConcern("majority", j=True), read_concern=ReadConcern("majority")
            )
        except (PyMongoError, InvalidName, ValueError, TypeError) as error:
            raise ConfigError(f"the address of the MongoDB database {self.place} cannot be used: {error}") from error

    async def require_transactions(self) -> None:
        """Return when the server can commit changes to several documents as one.

        Raises:
            ConfigError: it cannot.
            StorageError: it does not answer.
        """
        with self.translated():
            hello = await self._client.admin.command("hello")
        if "setName" in hello or hello.get("msg") == "isdbgrid":
            return
        if hello.get("isreplicaset"):
            what, todo = "waits to be made a replica set", "run rs.initiate() in mongosh once"
        else:
            what = "is a standalone server, which has no transactions, so that an append could be recorded in part"
            todo = "start mongod with --replSet rs0 and run rs.initiate() in mongosh once; one server is enough"
        raise ConfigError(f"the MongoDB server of {self.place} {what}; {todo}")

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Any]:
        """A session for a transaction, which is done with all its retries within the patience."""
        import pymongo

        with self.translated(), pymongo.timeout(self._patience):
            async with self._client.start_session() as session:
                yield session

    @contextmanager
    def translated(self) -> Generator[None]:
        """A refusal of the server comes out as a StorageError that names the database."""
        from pymongo.errors import PyMongoError

        try:
            yield
        except PyMongoError as error:
            raise StorageError(f"the MongoDB database {self.place} cannot be used: {_said(error)}") from error

    async def farewell(self, collection: str, filter: Mapping[str, Any]) -> None:
        """Delete a document on the way out, if the server is there to hear of it."""
        from pymongo.errors import PyMongoError

        try:
            async with asyncio.timeout(_FAREWELL):
                await self.db[collection].delete_one(filter)
        except (PyMongoError, TimeoutError):
            return

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def place_of(uri: str) -> str:
    """The servers that an address names, without the user, the password and the options."""
    scheme, _, rest = uri.partition("://")
    hosts = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{hosts}"


def _said(error: Exception) -> str:
    # What follows the first sentence describes the driver's view of all servers, over many lines.
    return str(error).partition(", Timeout:")[0].partition(", full error:")[0]
