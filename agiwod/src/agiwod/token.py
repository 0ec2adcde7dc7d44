"""The daemon's token: a secret in a file of its owner, for clients that no system vouches for. Checks nobody."""

import os
import secrets
import stat
from pathlib import Path

from agiwo.errors import ConfigError
from agiwo_protocol.paths import own_directory


def take_token(file: Path) -> str:
    """The token in the file; a new one when there is no file. It stays the same until the file is removed.

    Raises:
        ConfigError: others may read the file, or there is no token in it.
    """
    try:
        found = file.lstat()
    except FileNotFoundError:
        return _new(file)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigError(f"{file} is no file of yours; move it away, and the daemon makes a new token")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(f"{file} is open to others; remove it, and the daemon makes a new token")
    token = file.read_text(encoding="ascii", errors="replace").strip()
    if not token:
        raise ConfigError(f"{file} has no token in it; remove it, and the daemon makes a new one")
    return token


def _new(file: Path) -> str:
    token = secrets.token_urlsafe(32)
    own_directory(file.parent)
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as written:
        written.write(f"{token}\n")
    os.replace(draft, file)  # so that a file that is there is whole
    return token
