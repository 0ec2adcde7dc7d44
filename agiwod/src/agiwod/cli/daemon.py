"""The daemon from the terminal: `serve`, `stdio`, `start`, `stop`, `restart`, `status`. Itself it is `agiwod.app`."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson
from agiwod.cli.starter import NOT_TO_WAIT, SILENCE

if TYPE_CHECKING:
    from agiwo_protocol.paths import Paths

_FIELDS: Final = ("running", "pid", "socket", "tcp", "http", "tokenFile", "version", "uptimeSeconds", "dataDir")
"""What `status --json` always has, null where there is nothing to say."""


def serve(
    log_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error; without it, config.toml counts.")
    ] = None,
    tcp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Also listen there; port 0 is any that is free.")
    ] = None,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Also serve HTTP there, which is MCP's at /mcp.")
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines reach these, with nothing encrypted on the way.")
    ] = False,
) -> None:
    """Run the daemon in the foreground, until it is told to stop."""
    from agiwod.cli.foreground import run_daemon

    run_daemon(log_level=log_level, tcp=tcp, http=http, allow_remote=allow_remote or None)


def stdio(
    standalone: Annotated[bool, typer.Option("--standalone", help="Be the daemon, for this one client.")] = False,
) -> None:
    """Speak the protocol over stdin and stdout, for editors. Starts the daemon if none runs."""
    from agiwod.cli.stdio import serve_stdio

    raise typer.Exit(serve_stdio(standalone=standalone))


def start(as_json: AsJson = False) -> None:
    """Start the daemon in the background, unless it runs."""
    from agiwo_protocol.paths import locate

    from agiwod.cli.starter import start_daemon

    paths = locate()
    started = start_daemon(paths)
    if as_json:
        print(json.dumps({**_address(started.status, paths), "isNew": started.is_new}))
    else:
        print(f"agiwod {'started' if started.is_new else 'runs already'}: {_where(started.status, paths)}")


def stop(
    now: Annotated[bool, typer.Option("--now", help="Do not wait for runs; they go on at the next start.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop the daemon when its runs have ended. Those that take too long go on at the next start."""
    from agiwo_protocol.paths import locate

    from agiwod.cli.probe import is_on_demand

    paths = locate()
    pid = _end(paths, now=now)
    if pid is None:
        raise CommandFailed(f"no daemon runs at {paths.socket}", code=ExitCode.NO_DAEMON)
    print(json.dumps({"endedPid": pid}) if as_json else f"agiwod stopped: pid {pid}")
    if is_on_demand(paths):
        print(
            "systemd starts it again as soon as somebody connects; `agiwod service remove` ends that", file=sys.stderr
        )


def restart(
    now: Annotated[bool, typer.Option("--now", help="Do not wait for runs; they go on in the new daemon.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop the daemon as `stop` does, and start it anew. It takes the present settings; where none runs, one starts."""
    from agiwo_protocol.paths import locate

    from agiwod.cli.config import rehearse_or_fail
    from agiwod.cli.starter import start_daemon

    paths = locate()
    # Before the old one ends: a typo must not take a daemon away that works.
    rehearse_or_fail(paths)
    old = _end(paths, now=now)
    status = start_daemon(paths).status
    if as_json:
        print(json.dumps({**_address(status, paths), "endedPid": old}))
    else:
        print(f"agiwod {'started' if old is None else f'restarted (pid {old} ended)'}: {_where(status, paths)}")


def _address(status: dict[str, Any], paths: "Paths") -> dict[str, Any]:
    return {"pid": status["pid"], "socket": str(paths.socket)}


def _where(status: dict[str, Any], paths: "Paths") -> str:
    return f"pid {status['pid']}, socket {paths.socket}"


def _end(paths: "Paths", *, now: bool) -> int | None:
    """End the daemon; return the pid that it had, None when none ran."""
    from agiwod.cli.ending import Ending
    from agiwod.cli.probe import found_daemon
    from agiwod.notify import LAST_DEEDS

    status = found_daemon(paths)
    if status is None:
        return None
    with Ending(status["pid"]) as ending:
        seconds = _ask_to_stop(0.0 if now else None)
        if seconds > SILENCE and not ending.wait(SILENCE):
            print(f"the daemon finishes its runs, for {seconds:.0f} s at most; {NOT_TO_WAIT}", file=sys.stderr)
        if not ending.wait(seconds + LAST_DEEDS):
            raise CommandFailed(
                f"the daemon (pid {status['pid']}) was told to stop and is still there", hint=f"see {paths.log_file}"
            )
    return status["pid"]


def _ask_to_stop(drain: float | None) -> float:
    """Tell the daemon; return how many seconds it takes at most."""
    from datetime import UTC, datetime

    from agiwo_client import Client, DaemonGone
    from agiwo_protocol import daemon

    from agiwod.cli.talk import talk

    async def ask(client: Client) -> float:
        try:
            told = await client.call(daemon.STOP, daemon.DrainParams(seconds=drain))
        except DaemonGone:
            # It was so quick that its answer did not get through.
            return 0.0
        return (datetime.fromisoformat(told.deadline_at) - datetime.now(UTC)).total_seconds()

    return max(0.0, talk(ask, is_own=True))


def status(as_json: AsJson = False) -> None:
    """Tell whether the daemon runs, and where."""
    from agiwo_protocol.paths import locate

    from agiwod.cli.probe import found_daemon, is_on_demand

    paths = locate()
    found = found_daemon(paths)
    # What the daemon cannot tell is what it would say: these are where it would be.
    absent = {"running": False, "socket": str(paths.socket), "dataDir": str(paths.data_dir)}
    shown = {**dict.fromkeys(_FIELDS), **(absent if found is None else found)}
    print(json.dumps(shown) if as_json else "\n".join(_lines(shown)))
    if found is None and not as_json and is_on_demand(paths):
        print("systemd starts it as soon as somebody connects")
    if found is None:
        raise typer.Exit(ExitCode.NO_DAEMON)


def _lines(status: dict[str, Any]) -> list[str]:
    if not status["running"]:
        return [f"no daemon runs at {status['socket']}", "start one with `agiwod start`"]
    runs = [f"{count} {state}" for state, count in status["runs"].items() if count]
    told = {
        "state": status["state"],
        "pid": status["pid"],
        "version": status["version"],
        "up": f"{status['uptimeSeconds']:.0f} s",
        "socket": status["socket"],
        "tcp": status["tcp"],
        "http": status["http"],
        "token": status["tokenFile"],
        "data": status["dataDir"],
        "storage": _storage(status["storage"]),
        "config": _config(status.get("config", {})),
        "traces": _traces(status.get("telemetry")),
        "clients": status["clients"],
        "runs": ", ".join(runs) or "none unfinished",
    }
    return [f"{name:<8} {value}" for name, value in told.items() if value is not None]


def _traces(sent: dict[str, Any] | None) -> str | None:
    """How many spans went elsewhere; nothing when none are to go."""
    if sent is None:
        return None
    lost = [f"{sent[name]} {name}" for name in ("dropped", "refused") if sent[name]]
    return ", ".join([f"{sent['sent']} spans sent", *lost, *(["failing"] if sent["state"] == "failing" else [])])


def _config(config: dict[str, Any]) -> str | None:
    """What is to be said of the settings; None while they hold as they are written."""
    if error := config.get("error"):
        return f"refused, and the settings before it hold: {error}"
    waiting = config.get("afterRestart")
    return f"{', '.join(waiting)}: takes effect after `agiwod restart`" if waiting else None


def _storage(storage: dict[str, Any]) -> str:
    words = [storage["kind"], storage.get("durability"), storage["state"], storage.get("error")]
    return ", ".join(word for word in words if word)
