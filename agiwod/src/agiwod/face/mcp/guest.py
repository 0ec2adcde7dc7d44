"""The client of one connection as others are told of it: who it says that it is, once it has said so. Asks nobody."""

from typing import Any

from agiwo import ids
from agiwo_protocol.channel import Credentials
from mcp.server.context import CallNext, HandlerResult

from agiwod.face.mcp.sessions import Context
from agiwod.runtime.clients import Client
from agiwod.runtime.daemon import Daemon


class Guest:
    """Joins the daemon's clients with the first message that says who it is, in either era; leaves when told to."""

    def __init__(self, daemon: Daemon, credentials: Credentials | None) -> None:
        self._daemon, self._credentials = daemon, credentials
        self._id = ids.fresh("conn")
        self._has_joined = False

    async def meet(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Look at who asks, before it is answered."""
        params: Any = ctx.session.client_params
        if params is not None and not self._has_joined:
            self._has_joined = True
            self._daemon.clients.join(self._described(params.client_info))
        return await call_next(ctx)

    def _described(self, info: Any) -> Client:
        return Client(
            self._id,
            info.name,
            self._daemon.clock.now(),
            lambda: (),
            title=info.title,
            version=info.version,
            pid=self._credentials.pid if self._credentials else None,
            uid=self._credentials.uid if self._credentials else None,
        )

    def leave(self) -> None:
        """It is gone."""
        self._daemon.clients.leave(self._id)
