"""A file over HTTP that survives interruptions: what has come stays, and the next try asks for the rest.

Knows no package, and neither where the file is nor what may be said there: see `wheel_link`.
"""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Final

import httpx2
from agiwo.errors import AgiwoError

_TRIES: Final = 20
"""How often a file is asked for in all, when each time a bit more of it comes."""

_VAIN_TRIES: Final = 3
"""How often it is asked for when nothing more comes."""

_TIMEOUTS: Final = httpx2.Timeout(10, read=60)
"""Seconds to connect, and that a server may be silent: a connection that hangs is broken as well."""

_NO_MORE: Final = 416
"""What a server says that has no more of the file than we."""


class DownloadFailed(AgiwoError):
    """The file could not be had. What has come of it is kept, unless it was wrong."""


class NothingCame(DownloadFailed):
    """Not one byte, now or before: somebody else may know the way better."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a file is, and what it must be. Its words show no password."""

    url: str
    sha256: str
    login: tuple[str, str] | None = field(default=None, repr=False)


def download(link: Link, target: Path, tell: Callable[[int], None]) -> None:
    """Bring the file to `target`, which is there only when it is whole; `tell` hears how many bytes have come.

    To be called by one process at a time. Until then the bytes are in a file beside it, with the ending `.part`.

    Raises:
        NothingCame, DownloadFailed: it could not be had, or is not what it must be.
    """
    part = _Part(target)
    with httpx2.Client(timeout=_TIMEOUTS, follow_redirects=True, auth=link.login) as client:
        _persist(lambda: part.go_on(client, link.url, tell), part)
    part.finish(link.sha256)


def _persist(attempt: Callable[[], None], part: "_Part") -> None:
    vain = 0
    for _ in range(_TRIES):
        before = part.size
        try:
            attempt()
            return
        except httpx2.HTTPStatusError as error:
            reason = f"the server answered {error.response.status_code}"
            raise (DownloadFailed if part.size else NothingCame)(reason) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            if not part.size:
                raise NothingCame(f"nothing came: {type(error).__name__}") from None
            vain = vain + 1 if part.size <= before else 0
        if vain >= _VAIN_TRIES:
            break
        time.sleep(vain)
    raise DownloadFailed(f"the connection broke again and again; {part.size // 1_000_000} MB have come, and are kept")


class _Part:
    """What has come of a file, and by which mark the server knows that version of it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f"{target.name}.part")
        self._mark = target.with_name(f"{target.name}.mark")

    @property
    def size(self) -> int:
        """The bytes that have come."""
        return self._path.stat().st_size if self._path.exists() else 0

    def go_on(self, client: httpx2.Client, url: str, tell: Callable[[int], None]) -> None:
        """Ask for what is missing, and take what comes, until there is no more."""
        with client.stream("GET", url, headers=self._wanted()) as response:
            if response.status_code == _NO_MORE:
                return
            response.raise_for_status()
            with self._opened(response) as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    tell(file.tell())

    def _wanted(self) -> dict[str, str]:
        whole = {"Accept-Encoding": "identity"}
        if not self.size:
            return whole
        mark = self._mark.read_text() if self._mark.exists() else ""
        return {**whole, "Range": f"bytes={self.size}-", **({"If-Range": mark} if mark else {})}

    def _opened(self, response: httpx2.Response) -> FileIO:
        """The file to write to: at its end when the rest comes, else from its beginning."""
        if response.headers.get("content-range", "").startswith(f"bytes {self.size}-"):
            return self._path.open("ab", buffering=0)
        self._mark.write_text(_mark_of(response))
        return self._path.open("wb", buffering=0)

    def finish(self, sha256: str) -> None:
        """Give the file its name, if it is what it must be; else remove it."""
        with self._path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        self._mark.unlink(missing_ok=True)
        if found != sha256:
            self._path.unlink()
            raise DownloadFailed(f"what came has the sha256 {found} instead of {sha256}; it was removed")
        os.replace(self._path, self._target)


def _mark_of(response: httpx2.Response) -> str:
    """By which a server tells whether the file is still the same; a weak tag does not say that of each byte."""
    tag = response.headers.get("etag", "")
    return tag if tag.startswith('"') else response.headers.get("last-modified", "")
