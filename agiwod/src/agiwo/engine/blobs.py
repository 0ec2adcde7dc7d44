"""Keeps items small: what is too long for an event is stored once and the event says where."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, cast

from agiwo.engine.redact import Redactor
from agiwo.engine.storage import Writes
from agiwo.failpoint import reach
from agiwo.schema.event import ITEM_COMPLETED, NewEvent
from agiwo.schema.slices import texts
from agiwo.tool.thread import in_thread

_LIMIT = 1024 * 1024
"""Bytes of one text in an item; a longer one becomes `{blob, size, head, tail}`."""

_CONTAINERS = frozenset({dict, list, tuple})

_GLIMPSE = 2048
"""Characters of a long text that the item still shows, at each end."""


def is_long(type: str, data: Mapping[str, Any]) -> bool:
    """Whether these are the data of an item with a text that is too long for it."""
    return type == ITEM_COMPLETED and _is_long(data)


async def spilled(storage: Writes, data: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The data without known secrets, and with every over-long text of it moved to a blob."""
    return await _spill(storage, data, redactor, {})


async def shortened(storage: Writes, event: NewEvent, redactor: Redactor) -> NewEvent:
    """The event without known secrets, its over-long texts, if it has any, moved to blobs."""
    if not is_long(event.type, event.data):
        return NewEvent(event.type, redactor.data(event.data), event.item)
    return NewEvent(event.type, await spilled(storage, event.data, redactor), event.item)


def _is_long(value: Any) -> bool:
    # Each completed item comes by here, so it is one loop and no call for each member.
    if isinstance(value, str):
        return len(value) > _LIMIT // 4 and (len(value) > _LIMIT or len(value.encode(errors="replace")) > _LIMIT)
    members = cast(Iterable[Any], value.values() if isinstance(value, dict) else value)
    for member in members:
        kind = member.__class__
        if kind is str:
            if len(member) > _LIMIT // 4 and _is_long(member):
                return True
        elif kind in _CONTAINERS and _is_long(member):
            return True
    return False


async def _spill(storage: Writes, value: Any, redactor: Redactor, known: dict[int, Any]) -> Any:
    if not (isinstance(value, str | list | tuple | dict) and _is_long(value)):
        return redactor.data(value)
    if isinstance(value, str):
        # An item may hold a text twice, for the model and as a value.
        if id(value) not in known:
            known[id(value)] = await _stored(storage, value, redactor)
        return known[id(value)]
    if isinstance(value, dict):
        members = cast(dict[str, Any], value)
        return {redactor.text(name): await _spill(storage, member, redactor, known) for name, member in members.items()}
    return [await _spill(storage, member, redactor, known) for member in cast(list[Any], value)]


async def _stored(storage: Writes, text: str, redactor: Redactor) -> dict[str, Any]:
    told, content = await in_thread(partial(_written, text, redactor))
    blob = await storage.put_blob(content)
    reach("blob/stored")
    return {"blob": blob, "size": len(content), "head": told[:_GLIMPSE], "tail": told[-_GLIMPSE:]}


def _written(text: str, redactor: Redactor) -> tuple[str, bytes]:
    """The text without known secrets, and the same as bytes."""
    told = redactor.long_text(text)
    return told, b"".join(piece.encode(errors="replace") for piece in texts(told))
