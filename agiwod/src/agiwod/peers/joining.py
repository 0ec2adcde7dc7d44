"""Joins a daemon with the others over its store, when its engine shares runs with them. Light until then."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agiwo_protocol.paths import Paths

from agiwod.entrance import Places
from agiwod.runtime.daemon import Daemon
from agiwod.settings import Settings
from agiwod.stores import mongo_options


@asynccontextmanager
async def joined(settings: Settings, paths: Paths, places: Places, daemon: Daemon) -> AsyncGenerator[None]:
    """Have what is streamed by the other daemons seen here, and the other way, until the end of the block.

    Raises:
        ConfigError: nobody knows where this daemon can be reached.
    """
    if settings.engine.kind == "embedded":
        yield
        return
    # Loaded here: a daemon that is alone should not begin later for it.
    from agiwo.journal.mongo_server import MongoServer

    from agiwod.peers.links import Links
    from agiwod.peers.mongo_register import MongoRegister
    from agiwod.peers.neighbour import Neighbour, seen_from, this_machine

    tcp = settings.engine.peer_address or (places.tcp and seen_from(places.tcp, settings.engine.address))
    own = Neighbour(daemon.id, this_machine(), places.socket, tcp)
    options = mongo_options(settings.storage)
    register = MongoRegister(MongoServer(options["uri"], options["db_name"]), own)
    links = asyncio.create_task(Links(daemon.bus, register, paths, daemon.id).run(), name="peers")
    try:
        yield
    finally:
        links.cancel()
        await asyncio.gather(links, return_exceptions=True)
