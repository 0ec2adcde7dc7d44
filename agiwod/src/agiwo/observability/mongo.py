"""Traces in a MongoDB database, opened when it is first used. A trace is one document, and needs no transactions."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from agiwo.errors import ConfigError
from agiwo.journal.mongo_blobs import MongoBlobs, is_too_large, set_aside
from agiwo.journal.mongo_server import Document, MongoServer
from agiwo.observability.sqlite import trace_from
from agiwo.observability.storage import BaseTraceStorage
from agiwo.observability.trace import Trace, TraceQuery
from agiwo.observability.tree import merged

_BODY: Final = 8 * 1024 * 1024
"""Bytes of a trace above which it is kept in pieces; a document may have 16 MB."""

_OLDEST_LAST = [("started_at", -1), ("saved", -1)]


class MongoTraceStorage(BaseTraceStorage):
    """Keeps every trace, or the newest `buffer_size`. `uri` is another name for `mongo_uri`."""

    def __init__(
        self,
        mongo_uri: str | None = None,
        db_name: str = "agiwo",
        collection_name: str = "traces",
        buffer_size: int | None = None,
        *,
        uri: str | None = None,
    ) -> None:
        super().__init__()
        address = mongo_uri or uri
        if address is None:
            raise ConfigError('traces in MongoDB need a mongo_uri, such as "mongodb://localhost:27017"')
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", collection_name, re.ASCII):
            raise ConfigError(f"collection_name is {collection_name!r}; it must begin with a letter or '_'")
        self._address, self._name, self._size = (address, db_name), collection_name, buffer_size
        self._opened: tuple[MongoServer, MongoBlobs] | None = None
        self._door = asyncio.Lock()

    async def keep(self, trace: Trace) -> None:
        """As `BaseTraceStorage.keep`."""
        server, blobs = await self._open()
        raw = orjson.dumps(trace)
        if is_too_large(raw, _BODY):
            await blobs.put(raw)
        with server.translated():
            before = await server.db[self._name].find_one_and_replace(
                {"_id": trace.root_span_id}, _document(trace, raw), upsert=True
            )
        if before and before.get("large") not in (None, set_aside(raw, _BODY).get("large")):
            await blobs.remove([before["large"]])
        if self._size is not None:
            await self._keep_newest(self._size)

    async def get_trace(self, trace_id: str) -> Trace | None:
        """As `BaseTraceStorage.get_trace`."""
        return merged((await self._read({"trace": trace_id}, 0, 0))[::-1])

    async def query_traces(self, query: TraceQuery | Mapping[str, Any]) -> list[Trace]:
        """As `BaseTraceStorage.query_traces`."""
        wanted = TraceQuery.of(query)
        return await self._read(_filter(wanted), wanted.offset, wanted.limit)

    async def close(self) -> None:
        """Close the connections; the next use opens others."""
        async with self._door:
            opened, self._opened = self._opened, None
            if opened is not None:
                await opened[0].close()

    async def _keep_newest(self, size: int) -> None:
        server, blobs = await self._open()
        with server.translated():
            found = server.db[self._name].find({}, {"large": 1}).sort(_OLDEST_LAST).skip(size)
            old = [each async for each in found]
            await server.db[self._name].delete_many({"_id": {"$in": [each["_id"] for each in old]}})
        await blobs.remove([each["large"] for each in old if "large" in each])

    async def _read(self, filter: Document, offset: int, limit: int) -> list[Trace]:
        server, blobs = await self._open()
        with server.translated():
            found = server.db[self._name].find(filter).sort(_OLDEST_LAST).skip(offset).limit(limit)
            documents = [each async for each in found]
        large = await blobs.load(each["large"] for each in documents if "large" in each)
        return [trace_from(orjson.loads(large[d["large"]] if "large" in d else d["body"])) for d in documents]

    async def _open(self) -> tuple[MongoServer, MongoBlobs]:
        async with self._door:
            if self._opened is None:
                server = MongoServer(*self._address)
                try:
                    with server.translated():
                        await server.db[self._name].create_index([("trace", 1)])
                        await server.db[self._name].create_index(_OLDEST_LAST)
                except BaseException:
                    await server.close()
                    raise
                self._opened = server, MongoBlobs(server, f"{self._name}.")
            return self._opened


def _document(trace: Trace, raw: bytes) -> Document:
    from bson import ObjectId

    return {
        "saved": ObjectId(),  # of two that began at once, the one that was saved last is the newer
        "trace": trace.trace_id,
        "agent": trace.agent_id,
        "session": trace.session_id,
        "user": trace.user_id,
        "status": str(trace.status),
        "started_at": trace.start_time,
        "duration": trace.duration_ms,
        **set_aside(raw, _BODY),
    }


def _filter(query: TraceQuery) -> Document:
    equal = {"agent": query.agent_id, "session": query.session_id, "user": query.user_id, "status": query.status}
    ranges = {
        "started_at": {"$gte": query.start_time, "$lte": query.end_time},
        "duration": {"$gte": query.min_duration_ms, "$lte": query.max_duration_ms},
    }
    filter: Document = {name: str(value) for name, value in equal.items() if value is not None}
    for name, bounds in ranges.items():
        if given := {bound: value for bound, value in bounds.items() if value is not None}:
            filter[name] = given
    return filter
