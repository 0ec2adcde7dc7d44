"""`agiwod logs`: what the daemon wrote about itself, across rotated files and restarts. Needs no daemon."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer
from agiwo_protocol.paths import locate

from agiwod.cli.failure import CommandFailed

_HEAD: Final = ("at", "level", "logger", "event")
"""The members of a line that have a place of their own; the others follow by name."""


def logs(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, metavar="N", help="How many of the last lines.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As they are in the file, a JSON object a line.")] = False,
) -> None:
    """Print the last lines of the daemon's log. With -f, all that come after them too."""
    from agiwod.cli.tail import Tail

    file = locate().log_file
    with Tail(file) as tail:
        if not follow and not tail.is_there:
            raise CommandFailed(f"there is no log yet at {file}", hint="the first daemon writes it: `agiwod start`")
        for line in _all(tail, lines, follow=follow):
            print(line if as_json else readable(line))
            sys.stdout.flush()


def _all(tail: Any, lines: int, *, follow: bool) -> Iterator[str]:
    yield from tail.last(lines)
    if follow:
        yield from tail.coming()


def readable(line: str) -> str:
    """A line of the log for people; one that is not of the daemon's making is as it is."""
    from agiwod.cli.plain import without_controls

    try:
        record: Any = json.loads(line)
        head = f"{record['at'][:23].replace('T', ' ')} {record['level']:<7} {record['logger']}: {record['event']}"
    except (ValueError, KeyError, TypeError):
        return without_controls(line)
    fields = [f"{key}={_text(value)}" for key, value in record.items() if key not in (*_HEAD, "error")]
    error = [f"\n  {each}" for each in str(record.get("error", "")).splitlines()]
    return without_controls("  ".join([head, *fields]) + "".join(error))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
