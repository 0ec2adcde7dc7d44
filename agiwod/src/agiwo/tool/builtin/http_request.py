"""Makes HTTP requests for a model, on the public internet unless more is allowed. Not a browser: runs no page."""

import asyncio
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from agiwo.abort import AbortSignal
from agiwo.errors import ToolError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.address import parse_networks
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult

if TYPE_CHECKING:
    import httpx2

    from agiwo.tool.network import Resolve

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_REDIRECTS = 5
"""Redirects that are followed; more are a circle."""

_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
"""Headers that say how a request is transferred, which is not for a model to say."""

_TOLD: Final = ("content-type", "location", "retry-after", "etag", "last-modified", "www-authenticate", "allow")
"""Headers of an answer that a model is told."""


class HttpRequest(BaseTool):
    """Lets a model ask web servers: at most `size` bytes of an answer, within `seconds`, redirects included.

    Addresses of this machine, of private networks and of a cloud's own services are refused, whatever name leads to
    them and whichever server redirects there, unless they are in a network of `allow`, such as `127.0.0.1` or
    `10.0.0.0/8`. With `methods=("GET", "HEAD")` the tool only reads.
    """

    def __init__(
        self,
        *,
        allow: Iterable[str] = (),
        methods: Sequence[str] = METHODS,
        size: int = 256 * 1024,
        seconds: float = 30,
        resolve: "Resolve | None" = None,
    ) -> None:
        self._allowed = parse_networks(allow)
        self._methods, self._size, self._seconds, self._resolve = tuple(methods), size, seconds, resolve
        self.effect: Effect = "read" if {"GET", "HEAD"}.issuperset(methods) else "once"
        self.timeout_seconds = seconds + 5

    def get_name(self) -> str:
        """`http_request`."""
        return "http_request"

    def get_description(self) -> str:
        """What it gives of an answer."""
        return (
            "Make an HTTP request. Gives the status, a few headers, and the body when it is text, "
            f"of which at most {self._size // 1024} KiB are read. Redirects are followed."
        )

    def get_parameters(self) -> dict[str, Any]:
        """The URL, and what else a request may have."""
        properties = {
            "url": {"type": "string", "description": "an http or https URL"},
            "method": {"type": "string", "enum": list(self._methods), "description": f"{self._methods[0]} if left out"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {
                "type": ["string", "object", "array"],
                "description": "text as it is sent; an object or array is sent as JSON",
            },
        }
        return {"type": "object", "properties": properties, "required": ["url"]}

    def is_concurrency_safe(self) -> bool:
        """Always: requests share nothing."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """The answer, whatever its status; a failure when there was none."""
        # Loaded by the first request, and not by every agent that might make one.
        import httpx2

        from agiwo.tool.network import checked_client, resolve

        try:
            async with asyncio.timeout(self._seconds):
                async with await checked_client(self._allowed, self._resolve or resolve) as client:
                    return await self._ask(client, parameters)
        except TimeoutError:
            raise ToolError(f"there was no whole answer within {self._seconds:g} seconds") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, zlib.error, ValueError) as error:
            raise ToolError(f"the request failed: {error or type(error).__name__}") from error

    async def _ask(self, client: "httpx2.AsyncClient", parameters: Mapping[str, Any]) -> ToolResult:
        headers, content = _sent(parameters)
        method = parameters.get("method", self._methods[0])
        request = client.build_request(method, parameters["url"].strip(), headers=headers, content=content)
        for _ in range(_REDIRECTS + 1):
            response = await client.send(request, stream=True)
            try:
                following = response.next_request
                if following is None:
                    return await self._result(response)
            finally:
                await response.aclose()
            request = _redirected(request, following, parameters.get("headers", {}))
        raise ToolError(f"there were more than {_REDIRECTS} redirects; the last one led to {request.url}")

    async def _result(self, response: "httpx2.Response") -> ToolResult:
        body, is_cut = await _body(response, self._size)
        told = {name: response.headers[name][:500] for name in _TOLD if name in response.headers}
        output = {"status": response.status_code, "url": str(response.url), "headers": told, "cut": is_cut}
        lines = [f"HTTP {response.status_code} {response.reason_phrase}".rstrip()]
        lines += [f"{name}: {value}" for name, value in told.items()]
        text = _text(body, response)
        note = f"\n[only the first {self._size:,} bytes were read]" if is_cut else ""
        return ToolResult(content="\n".join(lines) + (f"\n\n{text}{note}" if text else ""), output=output)


def _sent(parameters: Mapping[str, Any]) -> tuple[dict[str, str], bytes | None]:
    """The headers and the body of a request."""
    headers = {"user-agent": "agiwo", "accept-encoding": "identity"}
    for name, value in parameters.get("headers", {}).items():
        if name.lower() in _OURS or name.lower().startswith("proxy-"):
            raise ToolError(f"the header {name!r} cannot be set here")
        headers[name.lower()] = value
    body = parameters.get("body")
    if body is None:
        return headers, None
    if isinstance(body, str):
        return headers, body.encode()
    return {"content-type": "application/json", **headers}, orjson.dumps(body)


def _redirected(request: "httpx2.Request", following: "httpx2.Request", headers: Mapping[str, str]) -> "httpx2.Request":
    """The request that a redirect asks for. Headers that were meant for one server are not shown to another."""
    if (request.url.scheme, request.url.host, request.url.port) != (
        following.url.scheme,
        following.url.host,
        following.url.port,
    ):
        for name in headers:
            following.headers.pop(name, None)
    return following


async def _body(response: "httpx2.Response", size: int) -> tuple[bytes, bool]:
    """The body as far as it is read, and whether there is more of it."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise ToolError(f"the answer is compressed ({encoding[:50]}), though it was asked not to be")
    inflate = zlib.decompressobj(47) if encoding not in ("identity", "") else None
    body = bytearray()
    async for piece in response.aiter_raw():
        # Bounded while it is inflated: a few bytes can stand for gigabytes.
        body += inflate.decompress(piece, size + 1 - len(body)) if inflate else piece
        if len(body) > size:
            break
    return bytes(body[:size]), len(body) > size


def _text(body: bytes, response: "httpx2.Response") -> str:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_named_text = kind.startswith("text/") or kind.endswith(("json", "xml", "javascript", "urlencoded", "yaml"))
    if body and (b"\0" in body or not (is_named_text or not kind)):
        return f"[{len(body):,} bytes of {kind or 'unknown type'}, which is not text]"
    try:
        return body.decode(response.charset_encoding or "utf-8", errors="replace")
    except LookupError:
        return body.decode(errors="replace")
