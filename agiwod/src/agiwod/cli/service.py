"""`agiwod service`: has the daemon kept running by the system's service manager. The managers are in `managers`."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson

if TYPE_CHECKING:
    from agiwo_protocol.paths import Paths

    from agiwod.cli.managers.plan import Manager, Plan, Standing

_ROUNDING: Final = 5
"""Seconds more than a stop takes by its own count."""

Kind = Literal["systemd", "launchd"]

Which = Annotated[
    Kind | None, typer.Option("--for", help="Whose words to use; without it, those of this system's manager.")
]

service = typer.Typer(help="Have the system keep the daemon running: systemd or launchd.", no_args_is_help=True)


@service.command()
def install(
    is_shown: Annotated[bool, typer.Option("--print", help="Only show the files, and change nothing.")] = False,
    kind: Which = None,
    as_json: AsJson = False,
) -> None:
    """Have the daemon started at login, watched, and started again when it fails. Again: take what has changed."""
    manager, plan = _manager(kind)
    if is_shown:
        _show(manager, as_json=as_json)
        return
    manager.check()
    before = manager.standing()
    _make_way(plan.paths, before)
    changed = [file for file, text in manager.files.items() if _write(file, text)]
    _guard_keys(plan.key_file)
    manager.load()
    if as_json:
        print(json.dumps({**_told(manager, manager.standing()), "changed": [str(file) for file in changed]}))
        return
    print("\n".join(f"{'wrote' if file in changed else 'as it was'}: {file}" for file in manager.files))
    if changed and before.pid:
        print(f"the daemon (pid {before.pid}) runs as before; `agiwod restart` makes the change hold")
    print(f"{plan.name} is a service of {manager.name} now; keys of models go into {plan.key_file}")


@service.command()
def remove(kind: Which = None, as_json: AsJson = False) -> None:
    """Have the system run the daemon no more. It ends as with `agiwod stop`; nothing else is removed."""
    manager, plan = _manager(kind)
    there = [file for file in manager.files if file.exists()]
    if there:
        manager.check()
        manager.unload()
        for file in there:
            file.unlink()
        manager.forget()
    if as_json:
        print(json.dumps({"manager": manager.name, "name": plan.name, "removed": [str(file) for file in there]}))
    else:
        print("\n".join(f"removed: {file}" for file in there) or f"there is no service {plan.name} to remove")


@service.command()
def status(kind: Which = None, as_json: AsJson = False) -> None:
    """Tell whether the daemon is a service, and how that stands. Code 3 when it is none."""
    manager, _ = _manager(kind)
    told = _told(manager, manager.standing())
    print(json.dumps(told) if as_json else "\n".join(_lines(told)))
    if not told["isInstalled"]:
        raise typer.Exit(ExitCode.NO_DAEMON)


def _manager(kind: Kind | None) -> "tuple[Manager, Plan]":
    from math import ceil

    from agiwo_protocol.paths import locate

    from agiwod.cli.config import load_or_fail
    from agiwod.cli.managers.launchd import Launchd
    from agiwod.cli.managers.plan import Plan
    from agiwod.cli.managers.systemd import Systemd
    from agiwod.cli.spawn import spawn_of
    from agiwod.notify import LAST_DEEDS

    if kind is None and sys.platform == "win32":
        raise CommandFailed("there is neither systemd nor launchd on this system", hint="`agiwod start` starts it")
    paths = locate()
    spawn = spawn_of("serve")
    stop = ceil(load_or_fail(paths).serve.drain_seconds + LAST_DEEDS) + _ROUNDING
    plan = Plan(paths, (spawn.command, *spawn.arguments), stop, {**os.environ})
    wanted = kind or ("launchd" if sys.platform == "darwin" else "systemd")
    return (Launchd(plan) if wanted == "launchd" else Systemd(plan)), plan


def _show(manager: "Manager", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"manager": manager.name, "files": {str(file): text for file, text in manager.files.items()}}))
    else:
        print("\n".join(f"==> {file} <==\n{text}" for file, text in manager.files.items()), end="")


def _make_way(paths: "Paths", standing: "Standing") -> None:
    """Leave no daemon beside the one of the service: it has the data, and a socket that is about to be another's."""
    from agiwod.cli.probe import found_daemon

    found = found_daemon(paths)
    if found is not None and found["pid"] != standing.pid:
        raise CommandFailed(
            f"a daemon runs that is no service (pid {found['pid']})",
            hint="`agiwod stop`, then install again; runs that are left go on in the new one",
        )


def _write(file: Path, text: str) -> bool:
    """Whether the file had to be changed. It is never seen half written."""
    if file.exists() and file.read_text() == text:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.replace(file)
    return True


def _guard_keys(file: Path) -> None:
    """Have a place for keys that nobody else can read. One that is there stays as it is, but for that."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    elif file.stat().st_mode & 0o077:
        file.chmod(0o600)
        print(f"{file} was open to others, and is yours alone now", file=sys.stderr)


def _told(manager: "Manager", standing: "Standing") -> dict[str, Any]:
    files = manager.files
    is_there = [file.exists() for file in files]
    return {
        "manager": manager.name,
        "isInstalled": all(is_there),
        "isCurrent": all(is_there) and all(file.read_text() == text for file, text in files.items()),
        "isEnabled": standing.is_enabled,
        "state": standing.state,
        "pid": standing.pid,
        "files": [str(file) for file in files],
        "why": standing.why,
    }


def _lines(told: dict[str, Any]) -> list[str]:
    if not told["isInstalled"]:
        return ["the daemon is no service; make it one with `agiwod service install`"]
    state = told["state"] or f"unknown: {told['why']}"
    pid = f" (pid {told['pid']})" if told["pid"] else ""
    lines = [f"manager  {told['manager']}", f"state    {state}{pid}"]
    if told["isEnabled"] is not None:
        lines.append(f"at login {'started' if told['isEnabled'] else 'not started'}")
    lines += [f"file     {file}" for file in told["files"]]
    if not told["isCurrent"]:
        lines.append("from here they would be written otherwise, which `agiwod service install` does")
    return lines
