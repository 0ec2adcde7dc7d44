"""A record's body as bytes: how an entry is written down and read back, its large strings set aside. Knows no store."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import orjson

from agiwo.journal.blob import blob_name
from agiwo.schema.event import Event
from agiwo.schema.record import Batch, Change, Entry, Record, Session, StateChange

_BLOB_ABOVE: Final = 128 * 1024
"""Bytes of a string above which it is kept once, by its hash, instead of in the body."""

_IN_ORDER: Final = b'{"at":'
"""How bodies begin whose data comes last, where it can be cut out; those of earlier versions begin with the type."""

_BEFORE_DATA: Final = b',"data":'
"""What cannot be inside a string: there its quotation marks are escaped."""

_Place = tuple[str | int, ...]
"""The keys and indexes that lead from a record's data to a value inside it."""


@dataclass(slots=True)
class Bodies:
    """Entries written down, in order, and the blobs that they name: what is written for some records."""

    raws: list[bytes] = field(default_factory=list[bytes])
    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def add(self, later: "Bodies") -> None:
        """Put these behind."""
        self.raws += later.raws
        self.blobs |= later.blobs


def detached_session(session: Session) -> Session:
    """The session with data of its own, so that what the caller does to its data later changes nothing here.

    Raises:
        TypeError: it is not JSON.
    """
    return _with_meta(session, orjson.loads(orjson.dumps(session))["meta"])


def detached_state(change: StateChange) -> StateChange:
    """The change with data of its own.

    Raises:
        TypeError: it is not JSON.
    """
    meta = orjson.loads(orjson.dumps(change.state))["meta"]
    return StateChange(replace(change.state, meta=meta), change.expect)


def detached_batch(batch: Batch, bodies: Bodies) -> Batch:
    """The batch with data of its own; its entries, written down, go to the end of `bodies`.

    Raises:
        TypeError: something in it is not JSON: a lone surrogate, for one.
    """
    orjson.dumps((batch.run, batch.create, batch.wake))
    entries: list[Entry] = []
    for entry in batch.entries:
        data = write_body(entry, bodies)
        entries.append(Entry(entry.type, data, entry.at, entry.key, entry.public, entry.item))
    return Batch(batch.run, tuple(entries), batch.status, batch.expect, batch.create, batch.wake)


def copied(change: Change) -> Change:
    """What the three above make, for a store that writes nothing down.

    Raises:
        TypeError: something in it is not JSON.
    """
    if isinstance(change, Session):
        return detached_session(change)
    if isinstance(change, StateChange):
        return detached_state(change)
    entries = change.entries
    told = [(entry.data, entry.type, entry.at, entry.key, entry.item) for entry in entries]
    # All of it at once: each call by itself would cost as much as what it does.
    copies, *_, wake = orjson.loads(orjson.dumps((told, change.run, change.create, change.wake)))
    own = [
        Entry(entry.type, copy[0], entry.at, entry.key, entry.public, entry.item)
        for entry, copy in zip(entries, copies, strict=True)
    ]
    return Batch(change.run, tuple(own), change.status, change.expect, change.create, wake)


def write_body(entry: Entry, bodies: Bodies) -> dict[str, Any]:
    """Write the entry down at the end of `bodies`; its data as a reader will get it, which belongs to nobody else.

    Raises:
        TypeError: its data is not JSON.
    """
    raw = orjson.dumps(_fields(entry, entry.data))
    data = orjson.loads(raw)["data"]
    if len(raw) > _BLOB_ABOVE:
        large = {place: text.encode() for place, text in _strings(data) if _is_large(text)}
        raw = _set_aside(entry, data, large, bodies.blobs) if large else raw
    bodies.raws.append(raw)
    return data


def read_event(run: str, seq: int, raw: bytes, blob: Callable[[str], bytes]) -> Event:
    """The event that a public record with this body is to readers; its data is not read, where it can stay as it is."""
    # Most of what a reader gets of a long run, and of that most is passed on: reading it all cost as much as all else.
    head, _, data = raw.partition(_BEFORE_DATA)
    if raw.startswith(_IN_ORDER):
        fields = orjson.loads(head + b"}")
        if "blobs" not in fields:
            return Event.stored(run, seq, fields["type"], data[:-1], fields["at"], fields.get("item"))
    return Event.of(read_body(run, 0, seq, orjson.loads(raw), blob))


def read_body(run: str, position: int, seq: int | None, body: dict[str, Any], blob: Callable[[str], bytes]) -> Record:
    """The record whose body this is; `blob` gives the content of a blob by its name."""
    data = body["data"]
    for place, name in body.get("blobs", ()):
        _put(data, place, blob(name).decode())
    return Record(run, position, seq, body["type"], data, body["at"], body.get("key"), body.get("item"))


def _with_meta(session: Session, meta: dict[str, Any]) -> Session:
    # Written out, as wherever an append passes: `dataclasses.replace` costs as much as all the rest of it.
    return Session(
        session.id,
        session.agent,
        session.created_at,
        session.updated_at,
        session.head,
        session.forked_from,
        session.owner,
        meta,
    )


def _fields(entry: Entry, data: Any, blobs: list[tuple[_Place, str]] | None = None) -> dict[str, Any]:
    fields: dict[str, Any] = {"at": entry.at, "type": entry.type}
    if entry.key is not None:
        fields["key"] = entry.key
    if entry.item is not None:
        fields["item"] = entry.item
    if blobs:
        fields["blobs"] = blobs
    fields["data"] = data
    return fields


def _set_aside(entry: Entry, data: dict[str, Any], contents: dict[_Place, bytes], blobs: dict[str, bytes]) -> bytes:
    """The entry as bytes without these strings, which become blobs."""
    names = {place: blob_name(content) for place, content in contents.items()}
    for place in contents:
        _put(data, place, "")
    raw = orjson.dumps(_fields(entry, data, list(names.items())))
    for place, content in contents.items():
        _put(data, place, content.decode())
        blobs[names[place]] = content
    return raw


def _strings(value: Any, place: _Place = ()) -> Iterator[tuple[_Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            yield from _strings(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from _strings(inner, (*place, index))


def _is_large(text: str) -> bool:
    # A character is four bytes at most, so most strings need not be encoded to know.
    return len(text) * 4 > _BLOB_ABOVE and len(text.encode()) > _BLOB_ABOVE


def _put(data: Any, place: _Place, text: str) -> None:
    *path, last = place
    for step in path:
        data = data[step]
    data[last] = text
