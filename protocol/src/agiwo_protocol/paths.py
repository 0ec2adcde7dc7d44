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
            PermissionError: somebody else could listen there; the message says what to do.
        """
        directory = own_directory(self.socket.parent)
        check_socket_dir(directory)
        directory.chmod(0o700)
        return self.socket


def own_directory(directory: Path) -> Path:
    """The directory; when it is missing it is made for its owner alone, and so is what is missing above it."""
    try:
        directory.mkdir(mode=0o700)
    except FileNotFoundError:
        own_directory(directory.parent)
        return own_directory(directory)
    except FileExistsError:
        if not directory.is_dir():
            raise
    else:
        directory.chmod(0o700)  # whatever the umask took away
    return directory


def check_socket(socket: Path) -> None:
    """Return when who listens at the path is of this user, or nobody does: to be called before connecting.

    Raises:
        PermissionError: it could be somebody else; the message says what to do.
    """
    try:
        check_socket_dir(socket.parent)
    except PermissionError:
        if os.path.lexists(socket):
            raise
    except (FileNotFoundError, NotADirectoryError):
        return


def check_socket_dir(directory: Path) -> None:
    """Return when nobody but this user can listen in the directory.

    Raises:
        PermissionError: somebody else could; the message says what to do.
    """
    found = directory.lstat()
    if os.name != "posix":
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != _uid():
        todo = f"move it away (mv {directory} {directory}.old), or choose another place with AGIWOD_HOME"
        raise PermissionError(f"{directory} is not a directory of yours, so the socket cannot stand there; {todo}")
    if stat.S_IMODE(found.st_mode) & 0o022:
        who = (
            f"others may write to {directory} (mode {stat.S_IMODE(found.st_mode):04o}), and could listen in your place"
        )
        raise PermissionError(f"{who}; look at what is in it, then: chmod 700 {directory}")


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
