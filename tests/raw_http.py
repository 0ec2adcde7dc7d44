"""HTTP as bytes on a socket of its own: what no client of HTTP would send can be sent, and all that comes is seen."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

_PATIENCE = 60.0

Field = tuple[str, str]


@dataclass(frozen=True)
class Said:
    """The answers on one connection: their status codes, the headers of the first, and all that came."""

    statuses: tuple[int, ...]
    headers: dict[str, str]
    text: str

    @property
    def status(self) -> int:
        """That of the only answer."""
        (status,) = self.statuses
        return status


def request(method: str, target: str, fields: Iterable[Field], body: bytes = b"") -> bytes:
    """The bytes of a request after whose answer the connection ends."""
    sized = [("Content-Length", str(len(body)))] if body else []
    every = (*fields, *sized, ("Connection", "close"))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in every), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


async def ask(url: str, data: bytes) -> Said:
    """What is answered to these bytes until the server closes."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(data)
        async with asyncio.timeout(_PATIENCE):
            heard = await _all_of(reader)
    finally:
        writer.close()
    return _said(heard.decode("latin-1"))


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    heard = b""
    try:
        while said := await reader.read(1 << 16):
            heard += said
    except ConnectionResetError:
        pass  # it closed while we were still sending
    return heard


def _said(text: str) -> Said:
    heads = [each.split("\r\n\r\n")[0] for each in text.split("HTTP/1.1 ")[1:]]
    fields = [line.partition(":") for line in heads[0].split("\r\n")[1:]] if heads else []
    headers = {name.lower(): value.strip() for name, _, value in fields}
    return Said(tuple(int(head[:3]) for head in heads), headers, text)
