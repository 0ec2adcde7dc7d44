"""Where `agiwod` begins, and the border where its failures become words. Knows of three commands: those in haste."""

import errno
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from agiwo_protocol.paths import locate, own_directory

from agiwod.cli.failure import DOCTOR, CommandFailed, ExitCode
from agiwod.cli.plain import plain

_UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a stream says that goes to a disk which is full or broken."""


def run() -> int:
    """Run the command that `sys.argv` names; return its exit code, unless the command tree has already exited."""
    _open_streams()
    try:
        sys.argv[1:] = map(_argument, sys.argv[1:])
        if (face := _in_haste(sys.argv[1:])) is not None:
            # A host waits for this one: it must not wait for typer too.
            from agiwod.cli.stdio import serve_stdio

            agent = sys.argv[3] if "--agent" in sys.argv else None
            return serve_stdio(standalone="--standalone" in sys.argv, face=face or None, agent=agent)
        from agiwod.cli.tree import app

        app(prog_name="agiwod")
    except CommandFailed as failure:
        return failure.report()
    except Exception as error:
        return _unforeseen(error).report()
    return ExitCode.OK


def _in_haste(words: list[str]) -> str | None:
    """The face that a host asks for, empty for our own protocol; None when it is not plainly one of those commands."""
    match words:
        case ["stdio" | "mcp" | "acp" as face] | ["stdio" | "mcp" | "acp" as face, "--standalone"]:
            return "" if face == "stdio" else face
        case ["acp", "--agent", agent] if not agent.startswith("-"):
            return "acp"
        case _:
            return None


def _argument(given: str) -> str:
    """The argument as text, whatever the locale made of its bytes: nothing else could go over the wire."""
    try:
        return os.fsencode(given).decode()
    except UnicodeError:
        raise CommandFailed(f"this argument is not text in UTF-8: {given[:80]!a}", code=ExitCode.USAGE) from None


def _open_streams() -> None:
    """Have all three streams, as programs expect: else a file or a socket of ours would pass for one of them.

    Those that are written to take whatever there is to say, and let no words of strangers steer a terminal.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # In this order the lowest free descriptor, which is the one we get, is the one that is missing.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the locale has no letter for is no reason to fail
    sys.stdout, sys.stderr = plain(sys.stdout), plain(sys.stderr)


def _unforeseen(error: Exception) -> CommandFailed:
    """What the system refuses is told, and so is what no request can say; anything else is our own fault, and the
    traceback goes to a file.
    """
    if isinstance(error, OSError) and error.filename:
        return CommandFailed(f"{error.filename}: {error.strerror}", hint=DOCTOR)
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        return CommandFailed(f"the output cannot be written: {error.strerror}")
    if refused := _unaskable(error):
        return refused
    try:
        file = _write_down(error)
    except OSError as unwritable:
        return CommandFailed(f"internal error: {error!r} (and no log could be written: {unwritable})")
    return CommandFailed(f"internal error: {type(error).__name__}", hint=f"what happened is in {file}")


def _unaskable(error: Exception) -> CommandFailed | None:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or not error.title.endswith("Params"):
        return None
    faults = error.errors(include_url=False, include_context=False)
    listed = "".join(f"\n  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults)
    return CommandFailed(f"that cannot be asked for:{listed}", code=ExitCode.USAGE)


def _write_down(error: Exception) -> Path:
    # Loaded here: no command in haste should pay for how it might fail.
    import traceback
    from datetime import UTC, datetime

    file = locate().state_dir / "agiwod-cli.log"
    own_directory(file.parent)
    with open(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC).isoformat()} {sys.argv[1:2]}\n{''.join(traceback.format_exception(error))}")
    return file
