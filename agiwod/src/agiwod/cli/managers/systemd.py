"""The daemon as a unit of systemd for this user: what the units say, and how systemd is told of them."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agiwo_protocol.paths import Paths

from agiwod.cli.failure import CommandFailed
from agiwod.cli.managers.plan import Answer, Plan, Standing, ask, service_name

_SERVICE: Final = """\
# Written by `agiwod service install`, which writes it anew; `agiwod service remove` removes it.
[Unit]
Description=agiwod, which runs LLM agents ({home})
Requires={name}.socket
After={name}.socket
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/sh -c 'kill -HUP "$MAINPID"'
WorkingDirectory=/
{variables}
# Keys of models, one NAME=VALUE a line; for you alone (chmod 600).
EnvironmentFile=-{keys}

# Only the event loop says that it lives, and only after the store has answered.
WatchdogSec=30
TimeoutStartSec=120
# Runs have [serve] drain_seconds to end; tools and MCP servers are ended by the daemon, and killed with it.
TimeoutStopSec={stop}
KillMode=mixed
Restart=on-failure
RestartSec=2
# Settings that cannot work do not begin to by another try.
RestartPreventExitStatus=2
# A tool that eats all memory is no reason to end the others.
OOMPolicy=continue
LimitNOFILE=65536
LimitCORE=0

# What no tool of an agent needs. Files stay as open to it as to you: which of them an agent may touch, its rules say.
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=default.target
Also={name}.socket
"""

_SOCKET: Final = """\
# Written by `agiwod service install`, which writes it anew; `agiwod service remove` removes it.
[Unit]
Description=agiwod's socket: whoever connects starts the daemon ({home})

[Socket]
ListenStream={socket}
SocketMode=0600
DirectoryMode=0700
FileDescriptorName=agiwod
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
"""


class Systemd:
    """The systemd of this user, and the units of a plan."""

    name = "systemd"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._units = (f"{plan.name}.socket", f"{plan.name}.service")

    @property
    def files(self) -> Mapping[Path, str]:
        """Both units."""
        plan, home = self._plan, str(self._plan.paths.home or Path.home())
        service = _SERVICE.format(
            name=plan.name,
            home=_plain(home),
            command=" ".join(map(_argument, plan.words)),
            variables="\n".join(f"Environment={_quoted(f'{name}={value}')}" for name, value in plan.variables.items()),
            keys=_plain(str(plan.key_file)),
            stop=plan.stop_seconds,
        )
        socket = _SOCKET.format(home=_plain(home), socket=_plain(str(plan.paths.socket)))
        place = unit_dir(plan.environ)
        return dict(zip((place / unit for unit in self._units), (socket, service), strict=True))

    def check(self) -> None:
        """As `Manager.check`."""
        if shutil.which("systemctl") is None:
            raise CommandFailed("there is no systemd on this machine (no `systemctl`)", hint=_OTHERWISE)
        answer = _systemctl("show-environment")
        if answer.code:
            said = answer.err.splitlines()[0] if answer.err else f"`systemctl --user` ended with code {answer.code}"
            raise CommandFailed(f"systemd runs no services for this user here: {said}", hint=_OTHERWISE)

    def load(self) -> None:
        """As `Manager.load`."""
        self._do("daemon-reload")
        _systemctl("reset-failed", *self._units)  # which fails when they have not, and that is as well
        self._do("enable", "--now", *self._units)

    def unload(self) -> None:
        """As `Manager.unload`. Runs have the time to end that the unit gives them."""
        self._do("disable", "--now", *self._units)

    def forget(self) -> None:
        """As `Manager.forget`."""
        self._do("daemon-reload")
        _systemctl("reset-failed", *self._units)

    def standing(self) -> Standing:
        """As `Manager.standing`."""
        try:
            self.check()
        except CommandFailed as failure:
            return Standing(None, why=failure.message)
        answer = _systemctl("show", "--property=ActiveState,UnitFileState,MainPID", self._units[1])
        said = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
        pid = int(said.get("MainPID") or 0)
        return Standing(said.get("ActiveState"), pid or None, said.get("UnitFileState") == "enabled")

    def _do(self, *words: str) -> None:
        answer = _systemctl(*words)
        if answer.code:
            raise CommandFailed(
                f"`systemctl --user {' '.join(words)}` failed: {answer.err or answer.out}",
                hint=f"`systemctl --user status {self._units[1]}` and `agiwod logs` may say more",
            )


_OTHERWISE: Final = (
    "without one, any command starts the daemon; `agiwod service install --print` shows what it would be"
)


def unit_dir(environ: Mapping[str, str]) -> Path:
    """Where a user's own units are."""
    given = environ.get("XDG_CONFIG_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path(environ.get("HOME") or Path.home()) / ".config"
    return base / "systemd" / "user"


def socket_unit(paths: Paths, environ: Mapping[str, str]) -> Path:
    """The unit of the socket of these paths; nothing need be there."""
    return unit_dir(environ) / f"{service_name(paths)}.socket"


def _systemctl(*words: str) -> Answer:
    return ask("systemctl", "--user", "--no-pager", *words)


def _argument(word: str) -> str:
    """A word of a command line, in which a dollar would name a variable."""
    return _quoted(word.replace("$", "$$"))


def _quoted(text: str) -> str:
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if any(each in text for each in " \t\"'\\;") or not text else escaped


def _plain(text: str) -> str:
    """Text of one line, in which a percent would name something else."""
    if not text.isprintable():
        raise CommandFailed(f"{text!r} cannot stand in a unit of systemd")
    return text.replace("%", "%%")
