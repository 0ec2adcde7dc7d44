"""The daemon as an agent of launchd for this user: what its file says, and how launchd is told of it."""

import os
import plistlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agiwod.cli.failure import CommandFailed
from agiwod.cli.managers.plan import Answer, Plan, Standing, ask

_WITH_KEYS: Final = 'set -a; if [ -r "$1" ]; then . "$1"; fi; set +a; shift; exec "$@"'
"""Has a shell read the user's keys before it becomes the daemon: launchd knows no file of variables."""


class Launchd:
    """The launchd of this user, and a plan in its words."""

    name = "launchd"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._label = plan.name

    @property
    def files(self) -> Mapping[Path, str]:
        """The one property list."""
        return {self._file: plistlib.dumps(self._said()).decode()}

    @property
    def _file(self) -> Path:
        return Path(self._plan.environ.get("HOME") or Path.home()) / "Library/LaunchAgents" / f"{self._label}.plist"

    def _said(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "Label": self._label,
            "ProgramArguments": ["/bin/sh", "-c", _WITH_KEYS, "sh", str(plan.key_file), *plan.words],
            "EnvironmentVariables": plan.variables,
            "WorkingDirectory": "/",
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ExitTimeOut": plan.stop_seconds,
            "StandardErrorPath": str(plan.paths.state_dir / "last-words.txt"),
            "SoftResourceLimits": {"NumberOfFiles": 65536, "Core": 0},
        }

    def check(self) -> None:
        """As `Manager.check`."""
        if shutil.which("launchctl") is None:
            hint = "`agiwod service install --for launchd --print` shows what it would be"
            raise CommandFailed("there is no launchd on this machine (no `launchctl`)", hint=hint)

    def load(self) -> None:
        """As `Manager.load`. What was loaded before is ended first: launchd reads a file once."""
        self._plan.paths.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.standing().state is not None:
            self.unload()
        self._do("bootstrap", _domain(), str(self._file))

    def unload(self) -> None:
        """As `Manager.unload`."""
        if self.standing().state is not None:
            self._do("bootout", self._target)

    def forget(self) -> None:
        """As `Manager.forget`: it has forgotten when it was unloaded."""

    def standing(self) -> Standing:
        """As `Manager.standing`."""
        try:
            self.check()
        except CommandFailed as failure:
            return Standing(None, why=failure.message)
        answer = _launchctl("print", self._target)
        if answer.code:
            return Standing(None, is_enabled=False, why="launchd knows no such service")
        state = re.search(r"^\s*state = (.+)$", answer.out, re.MULTILINE)
        pid = re.search(r"^\s*pid = (\d+)$", answer.out, re.MULTILINE)
        return Standing(state[1] if state else "loaded", int(pid[1]) if pid else None, is_enabled=True)

    @property
    def _target(self) -> str:
        return f"{_domain()}/{self._label}"

    def _do(self, *words: str) -> None:
        answer = _launchctl(*words)
        if answer.code:
            raise CommandFailed(f"`launchctl {' '.join(words)}` failed: {answer.err or answer.out}")


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _launchctl(*words: str) -> Answer:
    return ask("launchctl", *words)
