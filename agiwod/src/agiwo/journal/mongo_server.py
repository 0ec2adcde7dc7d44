"""A MongoDB database as stores here use it: how it is reached, and what its refusals mean. Knows no collection."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from agiwo.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from pymongo.asynchronous.client_session import AsyncClientSession
    from pymongo.asynchronous.database import AsyncDatabase

Document = dict[str, Any]
"""A document of a collection."""

_PATIENCE: Final = 5.0
"""Seconds that an operation may take with all its retries; when an election takes longer, runs wait as for a disk."""

_SELECTION: Final = 3.0
"""Seconds to find a server that takes writes."""

_AGAIN: Final = 0.1
"""Seconds after which a task is cancelled again."""

_FAREWELL: Final = 2.0
"""Seconds to say goodbye to a server that may be gone."""


logger = logging.getLogger(__name__)


class MongoServer:
    """A client of one database. `place` names it in messages, without user and password."""

    def __init__(self, uri: str, db_name: str, patience: float = _PATIENCE) -> None:
        try:
            from pymongo import AsyncMongoClient
        except ImportError:
            raise ConfigError("mongodb needs the package pymongo: pip install 'agiwod[mongo]'") from None
        from pymongo.errors import InvalidName, PyMongoError
        from pymongo.read_concern import ReadConcern
        from pymongo.write_concern import WriteConcern

        self.patience = patience
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
            # Of an address with a password the driver may quote a part that is the password's.
            why = "user and password must be percent-encoded, and the rest as usual" if "@" in uri else str(error)
            raise ConfigError(f"the address of the MongoDB database {self.place} cannot be used: {why}") from None

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

    async def version(self) -> str:
        """The server's version.

        Raises:
            StorageError: it does not answer, or does not let us in.
        """
        with self.translated():
            await self.db.command("dbStats")  # which asks for the right to read, too
            return (await self._client.server_info())["version"]

    @cached_property
    def session(self) -> "AsyncClientSession":
        """The one session of this process: what is begun in it ends what was begun before and never came to an end."""
        return self._client.start_session()

    async def transact(self, attempt: Callable[["AsyncClientSession"], Coroutine[Any, Any, None]]) -> None:
        """Do a transaction in our session, with all its retries within the patience; one at a time.

        Raises:
            StorageError: the server refuses, or nobody knows whether it committed.
        """
        import pymongo
        from pymongo.read_concern import ReadConcern

        with self.translated(), pymongo.timeout(self.patience):
            await self.session.with_transaction(attempt, read_concern=ReadConcern("snapshot"))

    async def end_sessions(self, sessions: Sequence[Any]) -> None:
        """End what other processes had begun in these sessions when they died; else it would be in our way."""
        from pymongo.errors import OperationFailure

        try:
            await self._client.admin.command({"killSessions": [{"id": session} for session in sessions]})
        except OperationFailure as error:
            # They are another user's; a minute later the server ends them by itself.
            logger.warning("the sessions of processes that are gone cannot be ended: %s", _said(error))

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
        if "session" in self.__dict__:
            await self.session.end_session()
        await self._client.close()


def begin_task(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """A task that asks the server things until `end_task`; when it fails before, the log says so at once."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


async def end_task(task: asyncio.Task[Any]) -> None:
    """Cancel a task that asks the server things, and return when it has ended."""
    # The driver loses a cancellation that comes while it waits for an answer, so it may have to be said again.
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_AGAIN)


def place_of(uri: str) -> str:
    """The servers that an address names, without the user, the password and the options."""
    scheme, colon, rest = uri.partition("://") if "://" in uri else ("mongodb", "://", uri)
    # The last "@" first: a password that should have been quoted may have a "/" in it.
    hosts = rest.rpartition("@")[2].partition("/")[0].partition("?")[0]
    return f"{scheme}{colon}{hosts}"


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("the task %r failed", task.get_name(), exc_info=error)


def _said(error: Exception) -> str:
    # What follows is settings of the driver, and its view of all servers, over many lines.
    said = str(error)
    for end in (" (configured timeouts", ", Timeout:", ", full error:"):
        said = said.partition(end)[0]
    return said
