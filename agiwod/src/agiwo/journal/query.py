"""Statements that the tables of a SQLite journal share. Knows no table. Runs on a connection's thread."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from agiwo.errors import NotFound


def newest(
    db: sqlite3.Connection,
    selected: str,
    age: str,
    conditions: Mapping[str, Sequence[Any]],
    before: str | None,
    limit: int,
) -> list[Any]:
    """The newest rows of what is `selected` (`… FROM table`) that meet the conditions, with the values that these take.

    Raises:
        NotFound: there is no row with the id `before`.
    """
    table = selected.rpartition(" ")[2]
    conditions = dict(conditions)
    if before is not None:
        anchor = db.execute(f"SELECT {age}, number FROM {table} WHERE id = ?", (before,)).fetchone()
        if anchor is None:
            raise NotFound(table, before)
        conditions[f"({age}, number) < (?, ?)"] = anchor
    where = " AND ".join(conditions) or "TRUE"
    values = [value for values in conditions.values() for value in values]
    sql = f"SELECT {selected} WHERE {where} ORDER BY {age} DESC, number DESC LIMIT ?"
    return db.execute(sql, (*values, limit)).fetchall()


def equal(filters: Mapping[str, str | None]) -> dict[str, Sequence[Any]]:
    """Conditions that columns have these values (None: any)."""
    return {f"{column} = ?": (value,) for column, value in filters.items() if value is not None}


def one_of(filters: Mapping[str, Sequence[str] | None]) -> dict[str, Sequence[Any]]:
    """Conditions that columns have one of these values (None: any)."""
    given = {column: values for column, values in filters.items() if values is not None}
    return {
        f"{column} IN (SELECT value FROM json_each(?))": (as_json(list(values)),) for column, values in given.items()
    }


def write_all(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run the statement for each row."""
    if rows:
        db.executemany(statement, rows)


def as_json(values: Sequence[Any]) -> str:
    """The values as `json_each` takes them."""
    return orjson.dumps(values).decode()
