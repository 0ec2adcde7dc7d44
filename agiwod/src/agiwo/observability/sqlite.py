"""Traces in a SQLite file, which is opened when it is first used. Each is written as a whole, and read as a whole."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from agiwo.errors import ConfigError
from agiwo.observability.storage import BaseTraceStorage
from agiwo.observability.trace import Span, SpanKind, SpanStatus, Trace, TraceQuery
from agiwo.observability.tree import merged

if TYPE_CHECKING:
    import aiosqlite

_COLUMNS = "root, trace, agent, session, user, status, started_at, duration, body"
_TABLE = """
CREATE TABLE IF NOT EXISTS {name} (
    root TEXT PRIMARY KEY, trace TEXT NOT NULL, agent TEXT NOT NULL, session TEXT NOT NULL, user TEXT,
    status TEXT NOT NULL, started_at REAL NOT NULL, duration REAL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS {name}_by_trace ON {name} (trace);
CREATE INDEX IF NOT EXISTS {name}_by_age ON {name} (started_at);
"""


@dataclass(frozen=True, slots=True)
class _Where:
    """A condition of a query, and what it is held against."""

    condition: str
    value: Any


class SQLiteTraceStorage(BaseTraceStorage):
    """Keeps every trace, or the newest `buffer_size`. `collection_name` is the name of the table."""

    def __init__(
        self,
        db_path: str | PathLike[str] = "agiwo.db",
        collection_name: str = "agiwo_traces",
        buffer_size: int | None = None,
    ) -> None:
        super().__init__()
        if not re.fullmatch(r"[A-Za-z_]\w*", collection_name, re.ASCII):
            raise ConfigError(f"collection_name is {collection_name!r}; it must be a name of letters, digits and '_'")
        self.path = Path(db_path).expanduser()
        self._table, self._size = collection_name, buffer_size
        self._db: aiosqlite.Connection | None = None
        self._door = asyncio.Lock()

    async def keep(self, trace: Trace) -> None:
        """As `BaseTraceStorage.keep`."""
        db = await self._open()
        row = (
            trace.root_span_id,
            trace.trace_id,
            trace.agent_id,
            trace.session_id,
            trace.user_id,
            trace.status,
            trace.start_time,
            trace.duration_ms,
            orjson.dumps(trace).decode(),
        )
        await db.execute(f"INSERT OR REPLACE INTO {self._table} ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", row)
        if self._size is not None:
            newest = f"SELECT root FROM {self._table} ORDER BY started_at DESC, rowid DESC LIMIT ?"
            await db.execute(f"DELETE FROM {self._table} WHERE root NOT IN ({newest})", (self._size,))
        await db.commit()

    async def get_trace(self, trace_id: str) -> Trace | None:
        """As `BaseTraceStorage.get_trace`."""
        return merged(await self._read("WHERE trace = ? ORDER BY started_at", [trace_id]))

    async def query_traces(self, query: TraceQuery | Mapping[str, Any]) -> list[Trace]:
        """As `BaseTraceStorage.query_traces`."""
        wanted = TraceQuery.of(query)
        found = _conditions(wanted)
        clause = f"WHERE {' AND '.join(each.condition for each in found)} " if found else ""
        paged = f"{clause}ORDER BY started_at DESC, rowid DESC LIMIT ? OFFSET ?"
        return await self._read(paged, [*(each.value for each in found), wanted.limit, wanted.offset])

    async def close(self) -> None:
        """Close the file; the next use opens it again."""
        async with self._door:
            db, self._db = self._db, None
            if db is not None:
                await db.close()

    async def _read(self, clause: str, values: list[Any]) -> list[Trace]:
        db = await self._open()
        rows = await db.execute_fetchall(f"SELECT body FROM {self._table} {clause}", values)
        return [trace_from(orjson.loads(body)) for (body,) in rows]

    async def _open(self) -> "aiosqlite.Connection":
        import aiosqlite

        async with self._door:
            if self._db is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                db = await aiosqlite.connect(self.path)
                try:
                    await db.execute("PRAGMA journal_mode = WAL")
                    await db.execute("PRAGMA synchronous = NORMAL")
                    await db.executescript(_TABLE.format(name=self._table))
                except BaseException:
                    await db.close()
                    raise
                self._db = db
            return self._db


def _conditions(query: TraceQuery) -> list[_Where]:
    known = (
        _Where("agent = ?", query.agent_id),
        _Where("session = ?", query.session_id),
        _Where("user = ?", query.user_id),
        _Where("status = ?", query.status),
        _Where("started_at >= ?", query.start_time),
        _Where("started_at <= ?", query.end_time),
        _Where("duration >= ?", query.min_duration_ms),
        _Where("duration <= ?", query.max_duration_ms),
    )
    return [each for each in known if each.value is not None]


def trace_from(data: Mapping[str, Any]) -> Trace:
    """A trace from its JSON data."""
    fields = dict(data)
    fields["status"] = SpanStatus(data["status"])
    fields["spans"] = [span_from(span) for span in data["spans"]]
    return Trace(**fields)


def span_from(data: Mapping[str, Any]) -> Span:
    """A span from its JSON data."""
    fields = dict(data)
    fields["kind"], fields["status"] = SpanKind(data["kind"]), SpanStatus(data["status"])
    fields["links"] = tuple(data["links"])
    return Span(**fields)
