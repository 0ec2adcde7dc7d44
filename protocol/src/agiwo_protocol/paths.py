"""Where things are: config, data, state, socket, token, lock, log. Standard library only; creates nothing unasked."""

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_SOCKET_PATH: Final = 107
"""Bytes that a unix socket's address can hold on Linux."""

_APP: Final = "agiwod"


@dataclass(frozen=True, slots=True)
class Paths:
    """The directories of one daemon. Another home is another daemon; `home` is None for the user's own."""

    config_dir: Path
    data_dir: Path
    state_dir: Path
    runtime_dir: Path
    home: Path | None = None

    @property
    def config_file(self) -> Path:
        """The user's settings."""
        return self.config_dir / "config.toml"

    @property
    def socket(self) -> Path:
        """The unix socket; a short one elsewhere when the natural path is too long for the system."""
        natural = self.runtime_dir / "agiwod.sock"
        if len(os.fsencode(natural)) <= MAX_SOCKET_PATH:
            return natural
        import hashlib  # rarely needed, and a tenth of what a byte pump loads

        digest = hashlib.sha256(os.fsencode(natural)).hexdigest()[:16]
        return _own_temporary() / f"{digest}.sock"

    @property
    def token_file(self) -> Path:
        """The secret that TCP and HTTP ask for."""
        return self.state_dir / "token"

    @property
    def lock_file(self) -> Path:
        """Held while a daemon is being started, so that racers start one."""
        return self.runtime_dir / "start.lock"

    @property
    def log_file(self) -> Path:
        """What the daemon writes about itself."""
        return self.state_dir / "agiwod.log"

    def prepare_socket_dir(self) -> Path:
        """Make the directory of the socket, for the owner alone, and return the socket's path.

        Raises:
            PermissionError: the directory is there and belongs to somebody else, or is no directory.
        """
        directory = self.socket.parent
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or (os.name == "posix" and found.st_uid != _uid()):
            raise PermissionError(f"{directory} is not a directory of yours; the socket cannot stand there")
        directory.chmod(0o700)
        return self.socket


def locate(home: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Paths:
    """The paths that belong to `home`; without it to `AGIWOD_HOME`; without that to the user's own directories."""
    env = os.environ if environ is None else environ
    root = home or env.get("AGIWOD_HOME")
    if root:
        base = Path(os.path.abspath(os.path.expanduser(root)))
        return Paths(base, base / "data", base / "state", base / "run", base)
    if sys.platform == "win32":
        base = Path(env.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / _APP
        return Paths(base, base / "data", base / "state", base / "run")
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support" / _APP
        return Paths(base, base / "data", base / "state", Path.home() / "Library" / "Caches" / "TemporaryItems" / _APP)
    return _xdg(env)


def remote_address(environ: Mapping[str, str] | None = None) -> str | None:
    """HOST:PORT of the daemon that clients are to use instead of the one of their home; None when nobody says."""
    return (os.environ if environ is None else environ).get("AGIWOD_ADDRESS") or None


def remote_token(environ: Mapping[str, str] | None = None) -> str | None:
    """The token for a daemon over TCP, when it does not stand in the home's own file."""
    return (os.environ if environ is None else environ).get("AGIWOD_TOKEN") or None


def _xdg(env: Mapping[str, str]) -> Paths:
    home = Path(env.get("HOME") or Path.home())

    def directory(variable: str, fallback: Path) -> Path:
        # The specification says that a relative value is to be ignored.
        value = env.get(variable, "")
        return (Path(value) if os.path.isabs(value) else fallback) / _APP

    runtime = env.get("XDG_RUNTIME_DIR", "")
    return Paths(
        directory("XDG_CONFIG_HOME", home / ".config"),
        directory("XDG_DATA_HOME", home / ".local" / "share"),
        directory("XDG_STATE_HOME", home / ".local" / "state"),
        Path(runtime) / _APP if os.path.isabs(runtime) else _own_temporary(),
    )


def _own_temporary() -> Path:
    """A short directory of this user's. Not by TMPDIR: daemon and clients must agree, whatever their environments."""
    return Path("/tmp") / f"{_APP}-{_uid()}"


def _uid() -> int:
    return os.getuid() if sys.platform != "win32" else 0
