"""A home and a project to try trust on, and a daemon that knows both."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agiwo.journal.memory import MemoryJournal
from agiwo_protocol.paths import locate
from agiwod.projects import TrustedProjects
from agiwod.roster import build_agents
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.exposure import Exposure
from agiwod.settings import load_settings
from skill_lab import write_skill


def furnish(home: Path, project: Path) -> None:
    """Give the home an agent called `usual`, and the project one called `local` and a skill."""
    for directory, file, agent in ((home, "config.toml", "usual"), (project, ".agiwod.toml", "local")):
        directory.mkdir()
        (directory / "says.json").write_text('{"turns": [{"text": "done"}], "repeat": true}')
        (directory / file).write_text(f'[agents.{agent}]\nmodel = "scripted:says.json"\n')
    write_skill(project / ".agiwo" / "skills", "house-rules")


@asynccontextmanager
async def daemon_of(home: Path) -> AsyncGenerator[Daemon]:
    """A daemon that looks for projects."""

    def read(project: Any = None) -> Any:
        return load_settings(home, environ={}, project=project)

    daemon = Daemon(MemoryJournal(), build_agents(read()), finder=TrustedProjects(locate(home), read))
    daemon.exposure = Exposure(scheduler=False)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.close()
