"""Content in a MongoDB journal that is too large for a document: kept in pieces, under a name that derives from it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agiwo.errors import NotFound
from agiwo.journal.blob import blob_name
from agiwo.journal.mongo_server import MongoServer

_PIECE: Final = 4 * 1024 * 1024
"""Bytes of a piece; a document may have 16 MB."""

_BODY: Final = 256 * 1024
"""Bytes of a body above which it is kept in pieces, and its document only names it: a transaction has to be small."""


class MongoBlobs:
    """The blobs of one database, in collections whose names begin with `prefix`.

    They are written before the documents that name them, outside of the transaction: a name says what the content is,
    so writing one again changes nothing, and what a refused append leaves behind harms nobody.
    """

    def __init__(self, server: MongoServer, prefix: str = "") -> None:
        self._server = server
        self._blobs, self._pieces = server.db[f"{prefix}blobs"], server.db[f"{prefix}pieces"]

    async def put(self, data: bytes) -> str:
        """As `Journal.put_blob`."""
        name = blob_name(data)
        await self.put_all({name: data})
        return name

    async def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Keep contents under their names."""
        with self._server.translated():
            for name, data in blobs.items():
                fresh = {"$set": {"size": len(data)}, "$currentDate": {"at": True}}
                # It says first when it was needed last, so that nobody clears away what is about to be named.
                known = await self._blobs.find_one_and_update({"_id": name}, fresh, upsert=True)
                if known is None or not known.get("whole"):
                    await self._write(name, data)

    async def get(self, name: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """As `Journal.get_blob`."""
        with self._server.translated():
            known = await self._blobs.find_one({"_id": name, "whole": True})
            if known is None:
                raise NotFound("blob", name)
            size = known["size"]
            end = size if limit is None else min(size, offset + limit)
            wanted = {"$gte": _piece(name, offset // _PIECE), "$lte": _piece(name, max(end - 1, 0) // _PIECE)}
            found = self._pieces.find({"_id": wanted}).sort("_id") if offset < end else None
            parts = [] if found is None else [part["data"] async for part in found]
        skipped = offset - offset % _PIECE
        return b"".join(parts)[offset - skipped : max(end - skipped, 0)], size

    async def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The whole contents of these."""
        return {name: (await self.get(name))[0] for name in set(names)}

    async def remove(self, names: Sequence[str], condition: Mapping[str, Any] | None = None) -> None:
        """Forget these, if what is known of them fits the condition."""
        with self._server.translated():
            for name in names:
                if not (await self._blobs.delete_one({"_id": name, **(condition or {})})).deleted_count:
                    continue
                await self._pieces.delete_many({"_id": {"$gte": _piece(name, 0), "$lt": f"{name}0"}})

    async def _write(self, name: str, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            piece = {"$set": {"data": data[start : start + _PIECE]}}
            await self._pieces.update_one({"_id": _piece(name, start // _PIECE)}, piece, upsert=True)
        await self._blobs.update_one({"_id": name}, {"$set": {"whole": True}})


def set_aside(raw: bytes, limit: int = _BODY) -> dict[str, Any]:
    """The members by which a document keeps this body: one that is too large for it is named, and kept as a blob."""
    return {"large": blob_name(raw)} if is_too_large(raw, limit) else {"body": raw.decode()}


def is_too_large(raw: bytes, limit: int = _BODY) -> bool:
    """Whether a body is kept as a blob."""
    return len(raw) > limit


def _piece(name: str, number: int) -> str:
    return f"{name}/{number:06d}"
