"""What a request over HTTP must bring before a face hears it: the token, and a name of this machine. Serves nobody."""

import hmac
import re
from collections.abc import Callable, Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

_HERE: Final = ("127.0.0.1", "localhost", "[::1]")
"""What this machine calls itself. A page of the web reaches it too, but under a name of its own."""

_HOST: Final = re.compile(r"(\[[0-9a-f:.%]+\]|[\w.-]+)(?::\d{1,5})?", re.ASCII | re.IGNORECASE)


def names_of(address: str, others: Iterable[str] = ()) -> tuple[str, ...]:
    """The names under which a server at HOST:PORT is asked: those of this machine, its own, and `others`."""
    own = address.rpartition(":")[0]
    return tuple(dict.fromkeys(name.lower() for name in (*_HERE, own, *others)))


class Gate:
    """Opened by the token, at one of these names. `free` are the paths that need no token."""

    def __init__(self, token: str, names: Iterable[str], free: Iterable[str] = ()) -> None:
        self._token, self._names, self._free = token.encode(), frozenset(names), frozenset(free)

    def refusal(self, scope: Scope, admits: Callable[[Scope], bool] = lambda _: False) -> Response | None:
        """Why a request is not served, None when it is. Without the token, `admits` decides."""
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            return _refused(421, "wrong_host", "ask this daemon under a name of its own, or add it to serve.http_hosts")
        if not self._is_from_here(headers.getlist("origin")):
            return _refused(403, "forbidden", "pages of other places may not ask this daemon")
        is_free = scope["path"] in self._free
        if not is_free and not self._fits(headers.getlist("authorization")) and not admits(scope):
            where = "send `Authorization: Bearer TOKEN`; the token is in the file that `agiwod status` names"
            return _refused(401, "auth_required", where, {"WWW-Authenticate": "Bearer"})
        return None

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        return found is not None and found[1].lower() in self._names

    def _is_from_here(self, origins: list[str]) -> bool:
        """Whether a page of ours asks, or none: programs send no origin."""
        parts = [origin.partition("://") for origin in origins]
        return all(scheme in ("http", "https") and self._is_ours(host) for scheme, _, host in parts)

    def _fits(self, said: list[str]) -> bool:
        if len(said) != 1:
            return False
        scheme, _, token = said[0].partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode("latin-1"), self._token)


def _refused(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Response:
    # The connection ends with it: a stranger has no more to say, and what it sends on is not waited for.
    return JSONResponse(
        {"error": {"kind": kind, "message": message}}, status, {"Connection": "close", **(headers or {})}
    )
