"""How daemons over one MongoDB database find each other, against a real server."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from agiwo.journal.mongo_server import MongoServer
from agiwod.peers.mongo_register import MongoRegister, clocks
from agiwod.peers.neighbour import Neighbour
from mongo_lab import database_of

pytestmark = [pytest.mark.anyio, pytest.mark.mongo]

ONE = Neighbour("daemon_1", "machine 1", "/run/one.sock", "127.0.0.1:7000")
TWO = Neighbour("daemon_2", "$machine", None, None)


def server_of(folder: Path) -> MongoServer:
    database = database_of(folder)
    return MongoServer(database["uri"], database["db_name"])


@asynccontextmanager
async def registered(folder: Path, own: Neighbour) -> AsyncGenerator[MongoRegister]:
    register = MongoRegister(server_of(folder), own)
    try:
        yield register
    finally:
        await register.leave()


async def test_who_meets_is_found_by_the_others_until_it_leaves(tmp_path: Path) -> None:
    async with registered(tmp_path, ONE) as first:
        assert await first.meet() == []
        async with registered(tmp_path, TWO) as second:
            assert await second.meet() == [ONE]
            assert await first.meet() == [TWO]
        assert await first.meet() == []


async def test_who_was_not_heard_of_for_a_while_is_not_there_and_later_forgotten(tmp_path: Path) -> None:
    server = server_of(tmp_path)
    daemons = server.db["daemons"]
    async with registered(tmp_path, ONE) as first, registered(tmp_path, TWO) as second:
        await first.meet()
        await second.meet()
        await daemons.update_one({"_id": TWO.id}, [{"$set": {"seen": {"$subtract": ["$seen", 30_000]}}}])
        assert await first.meet() == []
        assert await daemons.count_documents({}) == 2
        await second.meet()
        assert await first.meet() == [TWO]
        await daemons.update_one({"_id": TWO.id}, [{"$set": {"seen": {"$subtract": ["$seen", 4_000_000]}}}])
        await first.meet()
        assert await daemons.count_documents({}) == 1
        assert all(abs(ahead) < 60 for ahead in (await clocks(server)).values())
    await server.close()
