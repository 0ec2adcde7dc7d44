"""Interpreters of their own for those that we are measured beside, so that nothing of them is in our workspace."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

INSTALLING = 300.0
"""Seconds that the package index may take."""

PINNED = "2026-11-20T00:00:00Z"
"""The day to which this workspace's own packages are pinned: what the peers bring along is no newer."""


COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Ours has its modules compiled, too, once they were loaded: else each start would be the one after an installation."""


@dataclass(frozen=True)
class Interpreter:
    """One with these packages, at these versions, in this user's cache; `name` changes whenever they do."""

    name: str
    versions: Mapping[str, str]

    @property
    def home(self) -> Path:
        """Where it is, once it is installed."""
        return user_cache_path("agiwod-bench") / f"{self.name}-py{sys.version_info.major}{sys.version_info.minor}"

    @property
    def python(self) -> Path | None:
        """Its program; None when it is not installed."""
        return self.home / "bin" / "python" if (self.home / "installed").exists() else None

    @property
    def found(self) -> Mapping[str, str]:
        """The packages at their versions, or none when it is not installed."""
        return self.versions if self.python else {}

    def install(self) -> bool:
        """Install it unless it is there; gives whether it is there now."""
        if self.python:
            return True
        packages = [f"{name}=={version}" for name, version in self.versions.items()]
        options = ["--compile-bytecode", "--exclude-newer", PINNED, "--python", str(self.home / "bin" / "python")]
        commands = (
            ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(self.home)],
            ["uv", "pip", "install", "--quiet", *options, *packages],
        )
        try:
            for command in commands:
                subprocess.run(command, check=True, timeout=INSTALLING, cwd=Path.home())
        except (OSError, subprocess.SubprocessError) as error:
            print(f"{self.name} cannot be installed: {error}", file=sys.stderr)
            return False
        (self.home / "installed").touch()
        return True


FRAMEWORKS = Interpreter(
    "frameworks-2026-11-20",
    {
        "pydantic-ai-slim[openai]": "2.68.0",
        "openai-agents": "0.24.0",
        "agno": "3.1.10",
        "langgraph": "1.2.22",
        "langchain": "1.4.7",
        "langchain-openai": "1.7.3",
    },
)
"""The newest agent frameworks on that day."""

SERVERS = Interpreter("servers-2026-11-20", {"mcp": "2.3.0", "pygls": "2.1.1", "agent-client-protocol": "0.12.1"})
"""The newest protocol servers on that day."""

AGIWO = Interpreter("agiwo-0.1.0", {"agiwo": "0.1.0"})
"""The package that has our import name."""

DBOS = Interpreter("dbos-2026-11-20", {"dbos": "3.4.0"})
"""Durable workflows over a database; over SQLite too."""

INTERPRETERS = (FRAMEWORKS, SERVERS, AGIWO, DBOS)
"""All there are."""
