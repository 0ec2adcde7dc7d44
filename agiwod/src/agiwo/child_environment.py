"""What processes that this one starts are given of its environment. Starts none."""

import os
from collections.abc import Iterable
from typing import Final

_PLACES: Final = ("CACHE_HOME", "CONFIG_HOME", "DATA_HOME", "RUNTIME_DIR", "STATE_HOME")

_HANDED_ON: Final = (
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"),
    *(f"XDG_{place}" for place in _PLACES),
)


def plain_environment(*, also: Iterable[str] = (), beginning: tuple[str, ...] = ()) -> dict[str, str]:
    """Of this process's environment what a command needs, and what is named; anything else may be a key."""
    own, names = {**os.environ}, {*_HANDED_ON, *also}
    return {name: value for name, value in own.items() if name in names or name.startswith(beginning)}
