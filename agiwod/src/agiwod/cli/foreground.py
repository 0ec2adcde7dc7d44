"""The daemon in this very process, its refusals in the words of the terminal. What it does is `agiwod.app`'s."""

import os
import sys
from collections.abc import Callable, Mapping

from agiwo.errors import AgiwoError, ConfigError, Conflict
from agiwo_protocol import errors as wire
from agiwo_protocol.paths import Paths, locate

from agiwod import app
from agiwod.cli.failure import DOCTOR, CommandFailed, ExitCode
from agiwod.entrance import Places
from agiwod.opening import Opening
from agiwod.projects import ReadSettings
from agiwod.settings import load_settings


def run_daemon(*, log_level: str | None, tcp: str | None, http: str | None, allow_remote: bool | None) -> None:
    """Serve until told to stop.

    Raises:
        CommandFailed: the settings are wrong, or another daemon is there.
    """

    def tell(places: Places) -> None:
        more = [f" and {name} {place}" for name, place in (("tcp", places.tcp), ("http", places.http)) if place]
        token = f", with the token in {places.token_file}" if more else ""
        print(f"agiwod serves at {places.socket}{''.join(more)}{token}", file=sys.stderr, flush=True)

    overrides = {"log_level": log_level, "serve.tcp": tcp, "serve.http": http, "serve.allow_remote": allow_remote}
    _guarded(lambda read, paths: app.serve(read, paths, tell), overrides)


def run_standalone(opening: Opening) -> None:
    """Serve the client at stdin and stdout until it goes.

    Raises:
        CommandFailed: as `run_daemon`; what the client asked meanwhile has got an error.
    """
    try:
        _guarded(lambda read, paths: app.serve_stdio(read, paths, opening), {})
    except CommandFailed as failure:
        opening.refuse(wire.Conflict(failure.message))
        raise


def _guarded(serve: Callable[[ReadSettings, Paths], None], overrides: Mapping[str, object]) -> None:
    paths = locate()
    # Where it was started means nothing to a daemon, and may be a directory of strangers: what it starts must find
    # nothing there that passes for a program or a module.
    os.environ.update({} if paths.home is None else {"AGIWOD_HOME": str(paths.home)})
    os.chdir("/")
    try:
        serve(lambda project=None: load_settings(paths.home, overrides, project=project), paths)
    except ConfigError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from error
    except Conflict as error:
        hint = f"it may be of another AGIWOD_HOME, or serve one editor alone; `kill {error.pid}` ends it"
        raise CommandFailed(str(error), hint=hint if error.pid else DOCTOR) from error
    except AgiwoError as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        what = str(error) if error.strerror is None else f"{error.filename or 'the daemon'}: {error.strerror}"
        raise CommandFailed(what) from error
