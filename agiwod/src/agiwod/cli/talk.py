"""A command's conversation with the daemon, from connecting to the words for what went wrong. Knows no command."""

import math
import os
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Final, TypeVar, cast

import anyio
from agiwo_client import Client, DaemonGone, DaemonNotFound, OnApproval, RpcError, connect
from agiwo_protocol.paths import Paths, locate, remote_address

from agiwod.cli.advice import advice_for
from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.plain import without_controls
from agiwod.cli.starter import start_daemon

T = TypeVar("T")

_PATIENCE: Final = 60.0
"""Seconds in which a daemon that went away has to be there again."""

_USAGE = frozenset({"not_found", "invalid_params", "config"})
"""Errors that the user made by naming what does not exist, or something else than can be named."""


def talk(
    command: Callable[[Client], Awaitable[T]],
    *,
    is_own: bool = False,
    on_approval: OnApproval | None = None,
    is_looking_on: bool = False,
    works_here: bool = False,
) -> T:
    """What `command` gets from the daemon, which is started if none runs, and which may ask `on_approval`.

    `AGIWOD_ADDRESS` may name one elsewhere; `is_own`: only the one of this home is meant, and only if it runs. One that
    goes away meanwhile is started again, and given up after a while; who only looks on leaves it alone,
    and waits for it as long as it takes. With `works_here` the project of the current directory counts.

    Raises:
        CommandFailed: there is no daemon, it refused, or it went away.
    """
    paths = locate()
    address = "" if is_own else remote_address()
    autostart = not is_own and not address
    if autostart:
        start_daemon(paths)

    async def conversation() -> T:
        patience = math.inf if is_looking_on else _PATIENCE
        revives = autostart and not is_looking_on
        # Of a daemon elsewhere the directory would be another one.
        cwd = _here() if works_here and not address else None
        async with _connect(address, autostart=revives, patience=patience, on_approval=on_approval, cwd=cwd) as client:
            if (place := client.server.workspace) and place.notice:
                _tell_once(place.notice)
            return await command(client)

    try:
        return anyio.run(conversation)
    except (RpcError, ConnectionError, TimeoutError, BaseExceptionGroup) as error:
        raise failure_of(error, paths) from error


def _connect(
    address: str | None, *, autostart: bool, patience: float, on_approval: OnApproval | None, cwd: str | None
) -> Client:
    try:
        return connect(
            address=address or "",
            autostart=autostart,
            name="agiwod",
            patience=patience,
            on_approval=on_approval,
            workspace=cwd,
        )
    except ValueError as error:
        raise CommandFailed(f"AGIWOD_ADDRESS: {error}", code=ExitCode.USAGE) from None


def _here() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # it was removed


@cache
def _tell_once(notice: str) -> None:
    """Say it on stderr, however often this process connects."""
    print(without_controls(notice), file=sys.stderr)


def failure_of(error: BaseException, paths: Paths) -> BaseException:
    """The error in the words of the terminal; what is not of the conversation is returned as it is."""
    match alone(error):
        case RpcError(kind="internal") as error:
            log = f"it is in {paths.log_file} under {error.data.get('errorId', 'its time')}"
            return CommandFailed(f"the daemon met an internal error: {error.message}", hint=log)
        case RpcError(kind="storage") as error:
            return CommandFailed(error.message, hint=advice_for("storage"))
        case RpcError(kind="auth_required" | "forbidden") as error:
            hint = "set AGIWOD_TOKEN to what the daemon's token file holds"
            return CommandFailed(error.message, hint=hint, code=ExitCode.USAGE)
        case RpcError() as error:
            return CommandFailed(error.message + _details(error), code=_code(error))
        case DaemonNotFound() as error:
            return CommandFailed(str(error), code=ExitCode.NO_DAEMON)
        case DaemonGone() as error:
            return CommandFailed(f"{error}; it did not come back", hint=f"its log is {paths.log_file}")
        case TimeoutError():
            return CommandFailed("the daemon did not answer in time", hint=f"its log is {paths.log_file}")
        case error:
            return error


def alone(error: BaseException) -> BaseException:
    """The one error in a group of one, which is what a task group makes of it; any other error as it is."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    first, *others = cast("BaseExceptionGroup[BaseException]", error).exceptions
    return cast("BaseExceptionGroup[BaseException]", error) if others else alone(first)


def _code(error: RpcError) -> ExitCode:
    return ExitCode.USAGE if error.kind in _USAGE else ExitCode.FAILED


def _details(error: RpcError) -> str:
    """What the data of an error says beyond its message: which params do not fit."""
    complaints: list[dict[str, str]] = error.data.get("errors") or []
    return "".join(f"\n  {each.get('path')}: {each.get('message')}" for each in complaints)
