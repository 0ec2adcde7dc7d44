"""How another program starts this one: with absolute paths, since it has a PATH and an environment of its own."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agiwo_protocol.paths import locate


@dataclass(frozen=True, slots=True)
class Spawn:
    """A command, its arguments, and the variables that it needs."""

    command: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]

    def words(self) -> list[str]:
        """All of it as one command line, for files in which no variables can be named."""
        variables = [f"{name}={value}" for name, value in self.env.items()]
        return [*(["env", *variables] if variables else []), self.command, *self.arguments]


def spawn_of(*arguments: str) -> Spawn:
    """This very program, wherever it was installed, with the home that it has now."""
    home = locate().home
    command, *own = _command()
    return Spawn(command, (*own, *arguments), {} if home is None else {"AGIWOD_HOME": str(home)})


def _command() -> list[str]:
    script = Path(sys.executable).with_name("agiwod.exe" if sys.platform == "win32" else "agiwod")
    return [str(script)] if script.exists() else [sys.executable, "-P", "-m", "agiwod"]
