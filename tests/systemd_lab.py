"""A real systemd for one test: its programs, and a manager of user services in a mount namespace of its own."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from debian import libraries, unpacked
from terminal_lab import AGIWOD, PATIENCE, Ran

_WITHIN = """\
mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec "$0" --user --log-target=console --log-level=info
"""
"""It runs only where the system has been booted with systemd, which is told by that directory."""

_LOOK_AGAIN = 0.05


@dataclass(frozen=True)
class Systemd:
    """Where its programs are, and the variables that they need."""

    root: Path = Path("/")
    env: Mapping[str, str] = field(default_factory=dict[str, str])

    def program(self, name: str) -> str:
        return str(self.root / "usr" / "bin" / name) if self.root != Path("/") else shutil.which(name) or name

    @property
    def manager(self) -> str:
        places = ("usr/lib/systemd/systemd", "lib/systemd/systemd")
        return next(str(self.root / each) for each in places if (self.root / each).exists())


def systemd() -> Systemd:
    """The one on this machine, else Debian's. Where none can be had, the test is skipped."""
    if all(shutil.which(name) for name in ("systemctl", "systemd-analyze", "systemd-socket-activate")):
        return Systemd()
    home = unpacked("systemd")
    units = next(str(home / each) for each in ("usr/lib/systemd/user", "lib/systemd/user") if (home / each).exists())
    path = f"{home / 'usr' / 'bin'}{os.pathsep}{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return Systemd(home, {"LD_LIBRARY_PATH": libraries(home), "SYSTEMD_UNIT_PATH": f"{units}:", "PATH": path})


@dataclass(frozen=True)
class Account:
    """Somebody whose services a systemd runs, in a home of their own."""

    home: Path
    systemd: Systemd
    more: Mapping[str, str]

    @property
    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "COVERAGE_PROCESS_START") if name in os.environ}
        own = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "runtime")}
        return {**kept, **own, **self.systemd.env, **self.more}

    def run(self, *command: str) -> Ran:
        done = subprocess.run(
            command, env=self.env, cwd=self.home, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def agiwod(self, *words: str) -> Ran:
        return self.run(AGIWOD, *words)

    def systemctl(self, *words: str) -> str:
        return self.run("systemctl", "--user", "--no-pager", *words).out.strip()

    def shown(self, unit: str, name: str) -> str:
        return self.systemctl("show", "--value", f"--property={name}", unit)

    def main_pid(self) -> int:
        return int(self.shown("agiwod.service", "MainPID") or 0)

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Return when systemd has done something; it tells nobody by itself."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, what
            time.sleep(_LOOK_AGAIN)


@contextmanager
def account(home: Path, **more: str) -> Generator[Account]:
    """Somebody with a systemd that runs; all their services have ended afterwards."""
    found = Account(home, systemd(), more)
    (home / "runtime").mkdir(mode=0o700, parents=True)
    log = home / "systemd.log"
    # Who is not root becomes it in a namespace of users, where the machine allows that.
    unshared = ["unshare", "--mount", "--propagation", "private", *([] if os.getuid() == 0 else ["--map-root-user"])]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*unshared, "/bin/sh", "-c", _WITHIN, found.systemd.manager], env=found.env, stdout=out, stderr=out
        ) as manager,
    ):
        try:
            _await_manager(found, manager, log)
            yield found
        finally:
            manager.terminate()
            manager.wait(PATIENCE)


def _await_manager(found: Account, manager: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while found.run("systemctl", "--user", "show-environment").code:
        if manager.poll() is not None or time.monotonic() > deadline:
            pytest.skip(f"no systemd can run user services here: {log.read_text()[-500:]}")
        time.sleep(_LOOK_AGAIN)
