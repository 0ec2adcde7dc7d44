"""What a service manager is to keep running for this user, whichever it is. Runs nothing, and holds no secret."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from agiwo_protocol.paths import Paths

_PLACES: Final = ("AGIWOD_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
"""Variables by which a daemon finds its directories: it must be those of whoever installs it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The daemon of one home: its command, with absolute paths, and how many seconds it may take to stop."""

    paths: Paths
    words: tuple[str, ...]
    stop_seconds: int
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the service is called."""
        return service_name(self.paths)

    @property
    def variables(self) -> dict[str, str]:
        """What the daemon needs of the environment in which it is installed. Keys are not among it."""
        kept = {name: self.environ[name] for name in _PLACES if os.path.isabs(self.environ.get(name, ""))}
        home = {} if self.paths.home is None else {"AGIWOD_HOME": str(self.paths.home)}
        # Tools and MCP servers are to be found as in the user's own shell.
        path = {"PATH": self.environ["PATH"]} if self.environ.get("PATH") else {}
        return {**kept, **home, **path}

    @property
    def key_file(self) -> Path:
        """Where the user may put keys, as NAME=VALUE lines."""
        return self.paths.config_dir / "service.env"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a service stands: `state` in its manager's words; None where that cannot be asked, and `why`."""

    state: str | None
    pid: int | None = None
    is_enabled: bool | None = None
    why: str | None = None


class Manager(Protocol):
    """A service manager, and a plan in its words."""

    name: str

    @property
    def files(self) -> Mapping[Path, str]:
        """What has to stand where."""
        ...

    def check(self) -> None:
        """Return when the manager can be asked.

        Raises:
            CommandFailed: it is not there for this user; the message says why.
        """
        ...

    def load(self) -> None:
        """Take the files as they are now, and have the service run, now and at each login."""
        ...

    def unload(self) -> None:
        """Have it run no more. The files are still there."""
        ...

    def forget(self) -> None:
        """Notice that the files are gone."""
        ...

    def standing(self) -> Standing:
        """How the service stands."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a manager's own command said."""

    code: int
    out: str = field(default="")
    err: str = field(default="")


def service_name(paths: Paths) -> str:
    """What the service of these paths is called: another home is another service."""
    if paths.home is None:
        return "agiwod"
    import hashlib  # most have one home, and a byte pump that asks should not load more

    return f"agiwod-{hashlib.sha256(os.fsencode(paths.home)).hexdigest()[:8]}"


def ask(*command: str) -> Answer:
    """Run a command of the manager, and wait for it."""
    import subprocess

    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return Answer(done.returncode, done.stdout.strip(), done.stderr.strip())
