"""Where `agiwod` begins, and the border where its failures become words. Knows of one command: the one in haste."""

import sys
from pathlib import Path

from agiwo_protocol.paths import locate

from agiwod.cli.failure import CommandFailed, ExitCode


def main() -> int:
    """Run the command that `sys.argv` names; return its exit code, unless the command tree has already exited."""
    try:
        if sys.argv[1:] in (["stdio"], ["stdio", "--standalone"]):
            # An editor waits for this one: it must not wait for typer too.
            from agiwod.cli.stdio import serve_stdio

            return serve_stdio(standalone="--standalone" in sys.argv)
        from agiwod.cli.tree import app

        app(prog_name="agiwod")
    except CommandFailed as failure:
        return failure.report()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _unforeseen(error).report()
    return ExitCode.OK


def _unforeseen(error: Exception) -> CommandFailed:
    """A file that cannot be used is named; anything else is our own fault, and the traceback goes to a file."""
    if isinstance(error, OSError) and error.filename:
        return CommandFailed(f"{error.filename}: {error.strerror}")
    try:
        file = _write_down(error)
    except OSError as unwritable:
        return CommandFailed(f"internal error: {error!r} (and no log could be written: {unwritable})")
    return CommandFailed(f"internal error: {type(error).__name__}", hint=f"what happened is in {file}")


def _write_down(error: Exception) -> Path:
    # Loaded here: no command in haste should pay for how it might fail.
    import traceback
    from datetime import UTC, datetime

    file = locate().state_dir / "agiwod-cli.log"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC).isoformat()} {sys.argv[1:2]}\n{''.join(traceback.format_exception(error))}")
    return file
