"""What a daemon serves over HTTP, from its beginning to its end. Decides neither what nor where."""

import asyncio
from collections.abc import Iterable

from agiwod.entrance import HttpWay
from agiwod.runtime.daemon import Daemon


async def serve_web(daemon: Daemon, way: HttpWay, paths: Iterable[str] | None = None) -> None:
    """Answer over HTTP until cancelled; then the streams end before the answers do. All that there is, or `paths`."""
    # Loaded here: few daemons serve HTTP, and none should begin later for it.
    from agiwod.face.site import Site

    site = Site(daemon, way.token, way.names) if paths is None else Site(daemon, way.token, way.names, paths)
    serving = asyncio.create_task(way.transport.serve(site))
    try:
        await asyncio.shield(serving)
    finally:
        await site.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
