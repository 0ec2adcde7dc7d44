"""A MongoDB journal as one process has it open: shared by everybody in it. Knows no question that is asked of it."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from agiwo.journal.listeners import Listeners
from agiwo.journal.mongo_blobs import MongoBlobs
from agiwo.journal.mongo_care import MongoCare
from agiwo.journal.mongo_commit import MongoCommits
from agiwo.journal.mongo_entry import enter
from agiwo.journal.mongo_news import MongoNews
from agiwo.journal.mongo_owner import MongoOwner
from agiwo.journal.mongo_records import MongoRecords
from agiwo.journal.mongo_schema import prepare
from agiwo.journal.mongo_server import MongoServer
from agiwo.journal.mongo_shared_commits import SharedCommits
from agiwo.journal.shared_listeners import SharedListeners


class Address(NamedTuple):
    """A database, and whether we work there together with other processes."""

    uri: str
    db_name: str
    shared: bool = False


@dataclass(slots=True)
class MongoBase:
    """One open database: its connections, who we are there, and how many have it open."""

    address: Address
    server: MongoServer
    epoch: str
    owner: MongoOwner
    blobs: MongoBlobs
    records: MongoRecords
    care: MongoCare
    listeners: Listeners | SharedListeners
    news: MongoNews | None
    commits: MongoCommits
    closing: AsyncExitStack
    users: int = 0

    @classmethod
    async def opened(cls, address: Address, lock_dir: Path | None, patience: float) -> "MongoBase":
        """The database, with us as an owner."""
        async with AsyncExitStack() as opening:
            server = MongoServer(address.uri, address.db_name, patience=patience)
            opening.push_async_callback(server.close)
            await server.require_transactions()
            epoch = await prepare(server)
            owner = MongoOwner(server, lock_dir, shared=address.shared)
            opening.push_async_callback(owner.release)
            await owner.take()
            await enter(server, owner)
            blobs = MongoBlobs(server)
            records, care = MongoRecords(server, blobs), MongoCare(server, blobs)
            if not address.shared:
                news, listeners = None, Listeners()
                commits = MongoCommits(server, owner, blobs, listeners)
            else:
                news = MongoNews(server, records)
                opening.push_async_callback(news.close)
                await news.open()
                listeners, commits = news.listeners, SharedCommits(server, owner, blobs, news)
            return cls(address, server, epoch, owner, blobs, records, care, listeners, news, commits, opening.pop_all())

    async def close(self) -> None:
        """Be gone as an owner, and close the connections."""
        await self.closing.aclose()


@dataclass(slots=True)
class MongoBases:
    """The databases that are open on one event loop; the lock is held while one is opened or closed."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    open: dict[Address, MongoBase] = field(default_factory=dict[Address, MongoBase])


_bases: WeakKeyDictionary[asyncio.AbstractEventLoop, MongoBases] = WeakKeyDictionary()


def bases_of_this_loop() -> MongoBases:
    """Those of the event loop that runs."""
    return _bases.setdefault(asyncio.get_running_loop(), MongoBases())
