"""What a face is: a translation between one protocol and what the daemon can do. Knows no transport."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from agiwo_protocol.channel import Channel
from agiwo_protocol.preface import PLAIN, Preface

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send


class Face(Protocol):
    """One protocol. Serves any number of conversations at the same time."""

    async def converse(self, channel: Channel, preface: Preface = PLAIN) -> None:
        """Hold one conversation to its end. Cancelling ends it; the channel is closed in either case.

        `preface` is its opening line, which may say where the client works (`cwd`) and whom it asks (`agent`).
        """
        ...


class Endpoint(Protocol):
    """What a face serves over HTTP under one path: an ASGI app that owns what it begins."""

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request; whoever asks has been let in."""
        ...

    async def close(self) -> None:
        """End what is under way."""
        ...


@runtime_checkable
class Keeper(Protocol):
    """An endpoint that knows some of those who ask by more than the token."""

    def admits(self, scope: "Scope") -> bool:
        """Whether who asks needs no token. The name it is asked under, and the page that asks, are seen to before."""
        ...

    async def turn_away(self, scope: "Scope") -> "Response | None":
        """What to tell somebody who is not let in; None when the words of the gate will do."""
        ...
