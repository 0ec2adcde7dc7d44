"""What comes to be in a MongoDB journal, as the change stream of its database tells. Reads no record."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pymongo.errors import OperationFailure, PyMongoError

from agiwo.journal.mongo_documents import run_head
from agiwo.journal.mongo_server import Document, MongoServer
from agiwo.schema.record import RunHead

if TYPE_CHECKING:
    from pymongo.asynchronous.change_stream import AsyncDatabaseChangeStream

_PAUSE: Final = 0.2
"""Seconds before a stream that broke is opened again."""

_WAIT: Final = 1.0
"""Seconds for which the server holds an answer back until there is something new."""

_LOST: Final = frozenset({260, 280, 286})
"""What the server says when it cannot go on where the stream broke: it keeps no log of so long ago."""

_PIPELINE: Final[list[Mapping[str, Any]]] = [
    {"$match": {"operationType": "insert", "ns.coll": {"$in": ["records", "runs"]}}},
    # A record is read by who wants it; the number says enough to the others.
    {
        "$project": {
            "documentKey": 1,
            "ns": 1,
            "fullDocument": {"$cond": [{"$eq": ["$ns.coll", "runs"]}, "$fullDocument", "$$REMOVE"]},
        }
    },
]

logger = logging.getLogger(__name__)


class MongoStream:
    """Tells the run and position of each new record, and each new run, in the order in which they were committed.

    A stream that broke goes on where it was. When the server cannot tell any more what was missed, `on_loss` is called
    once a new one is there.
    """

    def __init__(
        self,
        server: MongoServer,
        on_record: Callable[[str, int], None],
        on_run: Callable[[RunHead], None],
        on_loss: Callable[[], None],
    ) -> None:
        self._server = server
        self._on_record, self._on_run, self._on_loss = on_record, on_run, on_loss
        self._stream: AsyncDatabaseChangeStream[Document] | None = None
        self._token: Mapping[str, Any] | None = None

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            StorageError: the server refuses.
        """
        with self._server.translated():
            self._stream = await self._opened()

    async def listen(self) -> None:
        """Tell what comes, for ever."""
        try:
            while True:
                try:
                    await self._follow(self._stream or await self._resumed())
                except PyMongoError as error:
                    logger.debug("the change stream of %s broke: %s", self._server.place, error)
                    if isinstance(error, OperationFailure) and error.code in _LOST:
                        self._token = None
                    await self._end()
                    await asyncio.sleep(_PAUSE)
        finally:
            await self._end()

    async def _follow(self, stream: "AsyncDatabaseChangeStream[Document]") -> None:
        while stream.alive:
            change = await stream.try_next()
            self._token = stream.resume_token
            if change is not None:
                self._tell(change)
        # The database was removed, and what comes after that has no place in this stream.
        self._token = None
        await self._end()

    async def _resumed(self) -> "AsyncDatabaseChangeStream[Document]":
        is_new = self._token is None
        self._stream = stream = await self._opened()
        if is_new:
            self._on_loss()
        return stream

    async def _opened(self) -> "AsyncDatabaseChangeStream[Document]":
        wait = int(min(_WAIT, self._server.patience / 2) * 1000)
        return await self._server.db.watch(_PIPELINE, resume_after=self._token, max_await_time_ms=wait)

    async def _end(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()

    def _tell(self, change: Mapping[str, Any]) -> None:
        if change["ns"]["coll"] == "runs":
            self._on_run(run_head(change["fullDocument"]))
        else:
            id = change["documentKey"]["_id"]
            self._on_record(id["run"], id["position"])
