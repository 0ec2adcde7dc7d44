"""Keeps items small: what is too long for an event is stored once and the event says where."""

from typing import Any, cast

import orjson

from agiwo.journal.base import Journal
from agiwo.schema.event import ITEM_COMPLETED
from agiwo.schema.record import Entry

_LIMIT = 1024 * 1024
"""Bytes of one text in an item; a longer one becomes `{blob, size, head, tail}`."""

_GLIMPSE = 2048
"""Characters of a long text that the item still shows, at each end."""


def is_long(entry: Entry) -> bool:
    """Whether the entry is an item with a text that is too long for it."""
    if entry.type != ITEM_COMPLETED:
        return False
    try:
        # Nothing in it is longer than the whole, and nearly always that is short.
        return len(orjson.dumps(entry.data)) > _LIMIT and _is_long(entry.data)
    except TypeError:
        return _is_long(entry.data)


async def spilled(journal: Journal, entry: Entry) -> Entry:
    """The entry, with every over-long text of it moved to a blob."""
    data: dict[str, Any] = await _spill(journal, entry.data)
    return Entry(entry.type, data, entry.at, entry.key, entry.public, entry.item)


def _is_long(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > _LIMIT // 4 and len(value.encode(errors="replace")) > _LIMIT
    if isinstance(value, dict):
        return any(map(_is_long, cast(dict[str, Any], value).values()))
    return isinstance(value, (list, tuple)) and any(map(_is_long, cast(list[Any], value)))


async def _spill(journal: Journal, value: Any) -> Any:
    if not _is_long(value):
        return value
    if isinstance(value, str):
        text = value.encode(errors="replace")
        blob = await journal.put_blob(text)
        return {"blob": blob, "size": len(text), "head": value[:_GLIMPSE], "tail": value[-_GLIMPSE:]}
    if isinstance(value, dict):
        members = cast(dict[str, Any], value)
        return {name: await _spill(journal, member) for name, member in members.items()}
    return [await _spill(journal, member) for member in cast(list[Any], value)]
