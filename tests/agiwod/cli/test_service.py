"""The daemon as a service of its user: what is written, what a manager is told, and what is said without one."""

import json
import plistlib
import stat
from pathlib import Path

import pytest
from agiwo_protocol.paths import locate
from agiwod.cli import service
from agiwod.cli.failure import CommandFailed
from agiwod.cli.managers.launchd import Launchd
from agiwod.cli.managers.plan import Plan
from agiwod.cli.managers.systemd import Systemd
from agiwod.cli.probe import found_daemon

SECRET = "sk-this-is-a-secret"

FAKE = """#!/bin/sh
echo "$*" >> "$HOME/told"
test ! -e "$HOME/refusal" || { cat "$HOME/refusal" >&2; exit 1; }
case "$*" in *show\\ *) printf 'ActiveState=active\\nUnitFileState=enabled\\nMainPID=4711\\n' ;; esac
"""
"""A manager that does what it is told, and says that it has."""


class User:
    """Somebody whose manager writes down what it is told."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "bin").mkdir()
        self.provide("systemctl")

    def provide(self, program: str) -> None:
        (self.home / "bin" / program).write_text(FAKE)
        (self.home / "bin" / program).chmod(0o755)

    def told(self) -> list[str]:
        """What it was told since the last time."""
        file = self.home / "told"
        said = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [each.removeprefix("--user --no-pager ") for each in said]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    for name in ("AGIWOD_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return User(tmp_path)


def plan(home: Path | None = None, environ: dict[str, str] | None = None) -> Plan:
    given = {"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/1000", "PATH": "/bin", "OPENAI_API_KEY": SECRET}
    given |= environ or {}
    return Plan(locate(home, given), ("/opt/agiwod/bin/agiwod", "serve"), 50, given)


def test_the_units_name_everything_by_its_whole_path_and_hold_no_secret():
    files = Systemd(plan()).files
    units = Path("/home/me/.config/systemd/user")
    assert list(files) == [units / "agiwod.socket", units / "agiwod.service"]
    socket, unit = (text.splitlines() for text in files.values())
    assert "ListenStream=/run/user/1000/agiwod/agiwod.sock" in socket
    assert {
        "Type=notify",
        "ExecStart=/opt/agiwod/bin/agiwod serve",
        "Environment=XDG_RUNTIME_DIR=/run/user/1000",
        "EnvironmentFile=-/home/me/.config/agiwod/service.env",
        "WatchdogSec=30",
        "TimeoutStopSec=50",
        "KillMode=mixed",
        "Restart=on-failure",
    } <= set(unit)
    assert SECRET not in "".join(files.values())


def test_what_systemd_would_read_otherwise_is_written_so_that_it_does_not():
    home = Path('/srv/50% of "my" $HOME')
    service, socket = sorted(Systemd(plan(home)).files.items())
    name = service[0].stem
    assert name.startswith("agiwod-")
    assert socket[0].name == f"{name}.socket"
    assert '\nEnvironment="AGIWOD_HOME=/srv/50%% of \\"my\\" $HOME"\n' in service[1]
    assert '\nListenStream=/srv/50%% of "my" $HOME/run/agiwod.sock\n' in socket[1]
    with pytest.raises(CommandFailed, match="cannot stand in a unit"):
        _ = Systemd(plan(Path("/srv/two\nlines"))).files


def test_a_property_list_says_the_same_to_launchd():
    ((file, text),) = Launchd(plan()).files.items()
    assert file == Path("/home/me/Library/LaunchAgents/agiwod.plist")
    said = plistlib.loads(text.encode())
    assert said["ProgramArguments"][-3:] == [
        "/home/me/.config/agiwod/service.env",
        "/opt/agiwod/bin/agiwod",
        "serve",
    ]
    assert (said["KeepAlive"], said["RunAtLoad"], said["ExitTimeOut"]) == ({"SuccessfulExit": False}, True, 50)
    assert SECRET not in text


def test_installing_again_changes_nothing_and_removing_again_has_nothing_to_remove(
    user: User, capsys: pytest.CaptureFixture[str]
):
    service.install()
    assert user.told() == [
        "show-environment",
        "show-environment",
        "show --property=ActiveState,UnitFileState,MainPID agiwod.service",
        "daemon-reload",
        "reset-failed agiwod.socket agiwod.service",
        "enable --now agiwod.socket agiwod.service",
    ]
    keys = user.home / ".config" / "agiwod" / "service.env"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    keys.write_text("OPENAI_API_KEY=mine\n")
    keys.chmod(0o644)
    capsys.readouterr()
    service.install(as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["changed"], told["isInstalled"], told["isCurrent"], told["pid"]) == ([], True, True, 4711)
    assert (keys.read_text(), stat.S_IMODE(keys.stat().st_mode)) == ("OPENAI_API_KEY=mine\n", 0o600)
    service.remove(as_json=True)
    assert len(json.loads(capsys.readouterr().out)["removed"]) == 2
    service.remove(as_json=True)
    assert json.loads(capsys.readouterr().out)["removed"] == []
    assert keys.exists()


def test_where_systemd_listens_nobody_asks_a_daemon_that_does_not_run(user: User):
    service.install()
    paths = locate()
    paths.data_dir.mkdir(parents=True)
    assert found_daemon(paths) is None
    (paths.data_dir / "daemon.lock").write_text("4711")  # as a daemon leaves it that was killed
    assert found_daemon(paths) is None


def test_showing_asks_nobody_and_writes_nothing(user: User, capsys: pytest.CaptureFixture[str]):
    service.install(is_shown=True)
    assert "ExecStart=" in capsys.readouterr().out
    service.install(is_shown=True, kind="launchd", as_json=True)
    assert json.loads(capsys.readouterr().out)["manager"] == "launchd"
    assert user.told() == []
    assert not (user.home / ".config").exists()


def test_where_no_manager_is_there_nothing_is_written_and_it_is_said(user: User, monkeypatch: pytest.MonkeyPatch):
    (user.home / "refusal").write_text("Failed to connect to bus: No medium found\n")
    with pytest.raises(CommandFailed, match="no services for this user here: Failed to connect to bus") as refused:
        service.install()
    assert refused.value.hint
    monkeypatch.setenv("PATH", str(user.home))
    with pytest.raises(CommandFailed, match=r"no systemd on this machine \(no `systemctl`\)"):
        service.install(kind="systemd")
    with pytest.raises(CommandFailed, match=r"no launchd on this machine \(no `launchctl`\)"):
        service.install(kind="launchd")
    assert not (user.home / ".config").exists()


def test_settings_that_cannot_work_are_no_service(user: User):
    config = user.home / ".config" / "agiwod" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("nonsense = 1\n")
    with pytest.raises(CommandFailed, match="unknown key 'nonsense'"):
        service.install()
    assert user.told() == []
