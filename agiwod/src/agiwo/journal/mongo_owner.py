"""Which owners of runs and sessions live, as a MongoDB journal knows it. Knows no run."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import platformdirs

from agiwo import ids
from agiwo.errors import StorageError
from agiwo.journal.lease import Lease
from agiwo.journal.mongo_server import Document, MongoServer, begin_task, end_task

_BEAT: Final = 5.0
"""Seconds between signs of life."""

_EXPIRY: Final = 30.0
"""Seconds without a sign of life after which an owner on another machine is taken for gone."""

logger = logging.getLogger(__name__)


_FORGOTTEN: Final = 24 * 3600.0
"""Seconds after which nobody asks any more which commit was the last of a process that is gone."""

SHARED: Final = "shared"
"""The owner of all that belongs to processes that work together."""


class MongoOwner:
    """This process as an owner: a document that every commit touches, and a lock file for others on this machine.

    An owner of this machine is gone when its lock is free, at once; one of another machine when nothing was heard of
    it for a while, by the server's clock. Whoever takes over what it had deletes its document in the same
    transaction, and since a commit touches that document too, one of the two comes first and the other looks again.

    Processes that work together are one owner, `shared`, and nobody takes over anything. Each has a document of its own
    all the same, so that none is in the way of another's commits.
    """

    def __init__(self, server: MongoServer, lock_dir: Path | None = None, *, shared: bool = False) -> None:
        self._id = ids.fresh("owner")
        self.name = SHARED if shared else self._id
        self.is_shared = shared
        self._owners = server.db["owners"]
        self._server = server
        self._place, self._lease = _place(lock_dir, self._id)
        self._beating: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Let the others know of us, from now on until `release`."""
        with self._server.translated():
            await self._owners.update_one({"_id": self._id}, self._sign(), upsert=True)
        self._beating = begin_task(self._beat(), "signs of life")

    async def touch(self, session: Any, commit: str) -> None:
        """Say, inside a transaction, that this commit is ours."""
        sign = self._sign()
        sign["$set"]["commit"] = commit
        await self._owners.update_one({"_id": self._id}, sign, upsert=True, session=session)

    async def last_commit(self) -> str | None:
        """The name of our last commit, once it is certain that no earlier one is still on its way.

        What is written in our session ends a transaction of it that is not over.
        """
        with self._server.translated():
            known = await self._owners.find_one_and_update(
                {"_id": self._id}, self._sign(), upsert=True, session=self._server.session
            )
        return known.get("commit") if known else None

    async def living(self, session: Any, owners: Sequence[str]) -> Mapping[str, int]:
        """The pids of those among these other owners who live; what the others had begun is ended."""
        if not owners:
            return {}
        living, _ = await self._told_apart({"_id": {"$in": list(owners)}}, session)
        return living

    async def strangers(self, session: Any) -> Mapping[str, int]:
        """The pids of living processes that work the other way: alone while we work together, or together."""
        living, _ = await self._told_apart({"shared": {"$ne": True} if self.is_shared else True}, session)
        return living

    async def end_the_dead(self) -> None:
        """End what others who worked together with us had begun when they died; it may be in the way of our commits."""
        if not self.is_shared:
            return
        with self._server.translated():
            others = {"_id": {"$ne": self._id}, "shared": True, "session": {"$exists": True}}
            _, gone = await self._told_apart(others, None)
            # Their documents stay for a while: who was only slow will ask which commit was its last.
            await self._owners.update_many({"_id": {"$in": gone}}, {"$unset": {"session": ""}})
            await self._owners.delete_many({"shared": True, "$expr": _silent(_FORGOTTEN)})

    async def bury(self, session: Any, owners: Sequence[str]) -> None:
        """Forget owners that are gone, in the transaction that takes over what they had."""
        await self._owners.delete_many({"_id": {"$in": list(owners)}}, session=session)

    async def release(self) -> None:
        """Be gone. Harmless when nothing was taken."""
        if self._beating is not None:
            await end_task(self._beating)
            await self._server.farewell("owners", {"_id": self._id})
        if self._lease is not None:
            self._lease.release()

    async def _told_apart(self, filter: Document, session: Any) -> tuple[Mapping[str, int], list[str]]:
        """The pids of the owners who live, and the names of those who are gone; what these had begun is ended."""
        members = {"pid": 1, "place": 1, "session": 1, "silent": _silent(_EXPIRY)}
        found = [each async for each in self._owners.find(filter, members, session=session)]
        gone = [known for known in found if not self._lives(known)]
        if sessions := [known["session"] for known in gone if "session" in known]:
            await self._server.end_sessions(sessions)
        return {known["_id"]: known["pid"] for known in found if known not in gone}, [known["_id"] for known in gone]

    def _lives(self, known: Document) -> bool:
        if self._lease is not None and known["place"] == self._place:
            return self._lease.holder(known["_id"]) is not None
        return not known["silent"]

    def _sign(self) -> Document:
        who = {"pid": os.getpid(), "place": self._place, "session": self._server.session.session_id["id"]}
        return {"$set": who | {"shared": True} if self.is_shared else who, "$currentDate": {"seen": True}}

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            try:
                # Without upsert: who was taken for gone becomes an owner again by a commit, and by nothing else.
                with self._server.translated():
                    await self._owners.update_one({"_id": self._id}, {"$currentDate": {"seen": True}})
                await self.end_the_dead()
            except StorageError as error:
                logger.debug("no sign of life can be given: %s", error)


def _silent(seconds: float) -> Document:
    """Whether nothing was heard of an owner for so long, by the server's clock."""
    return {"$gte": [{"$subtract": ["$$NOW", "$seen"]}, int(seconds * 1000)]}


def _place(lock_dir: Path | None, owner: str) -> tuple[str, Lease | None]:
    """The name of the directory where processes of this machine keep their locks, and our lock in it."""
    directory = lock_dir or platformdirs.user_state_path("agiwo", appauthor=False) / "mongodb"
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lease, name = Lease(directory / "journal", owner), directory / "place"
        with lease.opening():
            lease.take()
            lease.sweep()
            if not name.exists():
                name.write_text(ids.fresh("place"))
        return f"{name.read_text()}@{_machine()}", lease
    except OSError as error:
        logger.warning("no lock can be kept in %s, so others wait %.0f s for us: %s", directory, _EXPIRY, error)
        return ids.fresh("place"), None


def _machine() -> str:
    """What a copy of this machine's files does not have in common with it."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()} {boot.read_text().strip() if boot.exists() else ''}".strip()
