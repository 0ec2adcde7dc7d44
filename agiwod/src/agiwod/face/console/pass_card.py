"""What a browser shows that has come in: a cookie with its end and a signature over it. Keeps nothing of anybody."""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Final

_NAME: Final = "agiwod-console"

_SECONDS: Final = 30 * 24 * 3600
"""How long a browser is known: a month, since whoever can read its files can read the daemon's token, too."""


class PassCards:
    """The cards of one daemon: they hold over its restarts as long as `key` is the same."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, now: float, host: str) -> str:
        """A new card, as the value of `Set-Cookie`. It is for the page at this host and port."""
        until = str(int(now + _SECONDS))
        value = f"{until}.{self._signature(until)}"
        return f"{_name(host)}={value}; Path=/console; Max-Age={_SECONDS}; HttpOnly; SameSite=Strict"

    def is_good(self, cookies: str, now: float, host: str) -> bool:
        """Whether there is a card of ours among the cookies that has not come to its end."""
        try:
            found = SimpleCookie(cookies).get(_name(host))
        except CookieError:
            return False
        until, _, signature = found.value.partition(".") if found else ("", "", "")
        if not hmac.compare_digest(signature.encode(), self._signature(until).encode()):
            return False
        return int(until) > now

    def _signature(self, until: str) -> str:
        return hmac.new(self._key, f"console until {until}".encode(), hashlib.sha256).hexdigest()


def _name(host: str) -> str:
    """The cookie's name: browsers tell cookies of different ports apart by nothing else."""
    port = host.rpartition(":")[2]
    return f"{_NAME}-{port}" if port.isdigit() else _NAME
