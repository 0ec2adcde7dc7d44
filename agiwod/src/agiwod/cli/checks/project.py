"""The project of the current directory: whether it is trusted, and whether it can work."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from agiwod.cli.checks.finding import Finding, Patient, fault, ok, warning

_AREA = "project"


def check_project(patient: Patient) -> Iterator[Finding]:
    """What becomes of its agents, skills and servers; nothing where there is no project."""
    from agiwo.errors import ConfigError

    from agiwod.settings import load_settings
    from agiwod.trust import TrustBook

    try:
        standing = TrustBook(patient.paths).standing_at(Path.cwd())
        if standing is None:
            return
        load_settings(patient.paths.home, project=standing.project)
    except ConfigError as error:
        yield fault(_AREA, str(error), "mend it; until then the project is left out")
        return
    root = standing.project.root
    if standing.notice is None:
        yield ok(_AREA, f"{root} is trusted")
    else:
        command = f"agiwod trust {shlex.quote(str(root))}"
        yield warning(_AREA, standing.notice.removesuffix(f"; {standing.advice}"), f"`{command}`, if you trust it")
