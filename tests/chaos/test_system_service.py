"""The daemon as a service: its units under a real systemd, which starts it, watches it, and ends it."""

import json
import os
import plistlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from figures import Figures
from marked import Mark
from systemd_lab import Account, account, systemd
from terminal_lab import AGIWOD, PATIENCE, home_at

pytestmark = pytest.mark.chaos

UNIT = "agiwod.service"

QUICK = "[Service]\nWatchdogSec=10\nTimeoutAbortSec=1\nRestartSec=0\n"
"""What a test does not wait half a minute for."""


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path / "user") as user:
        yield user


def status(user: Account) -> dict[str, Any]:
    return json.loads(user.agiwod("status", "--json").out)


def settle(user: Account, old: int) -> int:
    """The pid of the daemon that systemd has started in the place of an old one."""
    user.until(lambda: user.main_pid() not in (0, old) and is_active(user), "no new daemon came")
    return user.main_pid()


def is_active(user: Account) -> bool:
    return user.systemctl("is-active", UNIT) == "active"


def test_systemd_finds_no_fault_in_the_units(tmp_path: Path, figures: Figures) -> None:
    home = tmp_path / 'a "home" of 100% for $5'
    programs = systemd()
    with home_at(home) as at:
        shown = at.json("service", "install", "--print")
    units: list[str] = []
    for file, text in shown["files"].items():
        units.append(str(tmp_path / Path(file).name))
        Path(units[-1]).write_text(text)
    done = subprocess.run(
        [programs.program("systemd-analyze"), "verify", "--user", "--man=no", *units],
        env={**os.environ, **programs.env, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    figures("complaints of systemd-analyze verify", len((done.stdout + done.stderr).splitlines()), at_most=0)
    assert done.returncode == 0
    assert f'"AGIWOD_HOME={str(home).replace("%", "%%").replace(chr(34), chr(92) + chr(34))}"' in "".join(
        shown["files"].values()
    )


def test_it_is_installed_started_by_who_connects_and_removed(user: Account, figures: Figures) -> None:
    assert user.agiwod("service", "status").code == 3
    installed = [user.agiwod("service", "install", "--json") for _ in range(2)]
    assert [each.code for each in installed] == [0, 0], installed
    assert [len(json.loads(each.out)["changed"]) for each in installed] == [2, 0]
    first = user.main_pid()
    assert status(user)["pid"] == first

    socket = Path(status(user)["socket"])
    before = socket.stat().st_ino
    stopped = user.agiwod("stop")
    assert (stopped.code, stopped.out) == (0, f"agiwod stopped: pid {first}\n")
    assert "systemd starts it again as soon as somebody connects" in stopped.err
    assert [user.agiwod("status").code, user.agiwod("stop").code] == [3, 3]
    assert "systemd listens there" in user.agiwod("doctor").out
    figures("daemons that a question has started", user.main_pid(), at_most=0)
    assert socket.stat().st_ino == before

    started = [user.agiwod("start", "--json") for _ in range(2)]
    assert [json.loads(each.out)["isNew"] for each in started] == [True, False]
    assert json.loads(started[0].out)["pid"] == user.main_pid()
    assert user.agiwod("restart").code == 0
    assert user.shown(UNIT, "NRestarts") == "0"

    assert user.agiwod("service", "remove").code == 0
    assert user.agiwod("service", "remove").out == "there is no service agiwod to remove\n"
    assert not socket.exists()
    # Only systemd itself is left, with this home.
    left = {pid for pid in Mark(user.home).pids() if "agiwod" in Path(f"/proc/{pid}/cmdline").read_text()}
    figures("processes of a removed service", len(left), at_most=0)


def test_one_that_dies_or_hangs_is_started_again_and_a_reload_is_told(user: Account, figures: Figures) -> None:
    quick = user.home / ".config" / "systemd" / "user" / f"{UNIT}.d" / "quick.conf"
    quick.parent.mkdir(parents=True)
    quick.write_text(QUICK)
    assert user.agiwod("service", "install").code == 0
    pids = [user.main_pid()]
    user.systemctl("reload", UNIT)  # which has only asked for it when it returns
    user.until(lambda: is_active(user), "the daemon has not reloaded")
    os.kill(pids[-1], signal.SIGKILL)
    pids.append(settle(user, pids[-1]))
    os.kill(pids[-1], signal.SIGSTOP)
    pids.append(settle(user, pids[-1]))
    figures("daemons after one was killed and one hung", len(set(pids)), at_least=3, at_most=3)
    assert user.shown(UNIT, "NRestarts") == "2"
    (user.home / ".config" / "agiwod" / "config.toml").write_text("nonsense = 1\n")
    os.kill(pids[-1], signal.SIGKILL)
    user.until(lambda: user.shown(UNIT, "ActiveState") == "failed", "it was started again and again")
    assert "unknown key 'nonsense'" in user.agiwod("start").err


def test_systemd_hands_its_socket_over_and_has_it_back(tmp_path: Path) -> None:
    programs = systemd()
    with home_at(tmp_path / "home") as home:
        path = home.paths.prepare_socket_dir()
        activate = [programs.program("systemd-socket-activate"), f"--listen={path}", "--fdname=agiwod", AGIWOD, "serve"]
        # It gives what it starts nothing but what it is told to.
        handed = [f"--setenv={name}={value}" for name, value in home.env.items()]
        with subprocess.Popen([*activate[:-2], *handed, *activate[-2:]], env={**home.env, **programs.env}) as serving:
            while not path.exists():
                assert serving.poll() is None
            answer = home.run("ask", "hi")
            assert (answer.code, answer.out) == (0, "Paris is the capital.\n")
            assert home.pid() == serving.pid
            assert home.run("stop").code == 0
            assert serving.wait(PATIENCE) == 0
        assert path.exists()


def test_the_property_list_starts_the_daemon_with_the_keys_of_the_user(tmp_path: Path) -> None:
    """As launchd would; it was never tried on a Mac."""
    with home_at(tmp_path / "home") as home:
        shown = home.json("service", "install", "--for", "launchd", "--print")
        (file, text), *more = shown["files"].items()
        assert not more
        assert file.endswith(f"/Library/LaunchAgents/{Path(file).stem}.plist")
        said = plistlib.loads(text.encode())
        (home.path / "service.env").write_text("A_KEY='of mine'\n")
        shell = [*said["ProgramArguments"][:-2], "printenv", "A_KEY"]
        assert subprocess.run(shell, capture_output=True, check=True, env={"PATH": os.environ["PATH"]}).stdout == (
            b"of mine\n"
        )
        env = {**said["EnvironmentVariables"], "HOME": str(tmp_path)}
        with subprocess.Popen(said["ProgramArguments"], env=env, stderr=subprocess.PIPE, text=True) as serving:
            assert serving.stderr
            assert "agiwod serves at" in serving.stderr.readline()
            assert home.pid() == serving.pid
            serving.terminate()
            assert serving.wait(PATIENCE) == 0
