"""Where a model's requests go, and with which key. Sends nothing."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from agiwo.errors import ModelError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes, with which key, and over which pool of connections (the host's, unless named)."""

    base_url: str
    api_key: str | None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider's own address, and the variables that hold its key; `PROVIDER_BASE_URL` may name another address."""

    provider: str
    base_url: str
    variables: tuple[str, ...]

    def endpoint(self, base_url: str | None, api_key: str | None) -> Endpoint:
        """Where requests go, given what the caller said; the rest is the settings' and the environment's.

        A key that nobody named for it goes to the vendor, and to the address that the settings put in the vendor's
        place. A `base_url` that the caller names elsewhere gets a key only from the caller.

        Raises:
            ModelError: `no_key` when the vendor is asked without one, `auth` when no header could carry it.
        """
        if base_url is None or api_key is None:
            base_url, api_key = self._completed(base_url, api_key)
        if not api_key and (base_url is None or _origin(base_url) == _origin(self.base_url)):
            names = " or ".join(self.variables)
            raise ModelError("no_key", f"no key for {self.provider}: set {names}", provider=self.provider, sent=False)
        return Endpoint((base_url or self.base_url).rstrip("/"), self._sendable(api_key))

    def _completed(self, base_url: str | None, api_key: str | None) -> tuple[str | None, str | None]:
        from agiwo.config import settings, variable

        known = settings()
        replaced = known.base_url(self.provider) or variable(f"{self.provider.upper()}_BASE_URL")
        if base_url is None or _origin(base_url) in (_origin(self.base_url), _origin(replaced)):
            named = (value for name in self.variables if (value := variable(name)))
            api_key = api_key or known.api_key(self.provider) or next(named, None)
        return base_url or replaced, api_key

    def _sendable(self, key: str | None) -> str | None:
        key = (key or "").strip()
        if key and not (key.isascii() and key.isprintable()):
            message = f"the key for {self.provider} holds characters no key has"
            raise ModelError("auth", message, provider=self.provider, sent=False)
        return key or None


def host_of(url: str, provider: str) -> str:
    """Where a request goes, for people: host and port, without what else a URL may carry (a password, say)."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        message = f"base_url is not an http or https URL: {url[:200]!r}"
        raise ModelError("bad_request", message, provider=provider, sent=False)
    return host if port is None else f"{host}:{port}"


def _origin(url: str | None) -> tuple[str, str] | None:
    """Scheme and host: a key for one of them is no key for another."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return (parts.scheme, parts.netloc.rpartition("@")[2]) if parts.netloc else None
