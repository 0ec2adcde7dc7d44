"""`agiwod storage`: how much is kept, what may go, how to take it elsewhere. Opens the store, daemon or not."""

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, TypeVar

import typer
from agiwo_protocol.paths import Paths, locate

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from agiwo.journal.care import Measure, Store
    from agiwo.journal.export import Imported
    from agiwo.journal.pruning import Pruned

    from agiwod.settings import Settings

T = TypeVar("T")

_PATIENCE: Final = 60.0
"""Seconds that a server may take for an operation: here one may be about a very long run."""

storage = typer.Typer(help="What is kept: how much, how long, and as a file.", no_args_is_help=True)


@storage.command("stats")
def show_stats(as_json: AsJson = False) -> None:
    """Show how much is kept, and where."""
    from agiwod.cli.table import show_table

    settings, paths = _chosen()
    measure = _with_store(settings, paths, lambda store: store.measure())
    found = _stats(settings, paths, measure)
    if as_json:
        print(json.dumps(found))
    else:
        runs = ", ".join(f"{count} {status}" for status, count in measure.runs.items())
        shown = {**found, "runs": runs or "none", "bytes": f"{measure.bytes:,}"}
        show_table(("what", "how much"), [(name, str(value)) for name, value in shown.items() if value is not None])


@storage.command("prune")
def prune_store(
    keep_days: Annotated[float | None, typer.Option(min=0, help="Keep what was used within so many days.")] = None,
    keep_runs: Annotated[int | None, typer.Option(min=0, help="Keep so many of the newest runs.")] = None,
    is_rehearsal: Annotated[bool, typer.Option("--dry-run", help="Forget nothing, and tell what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget finished runs with their sessions. What is not over stays, and so does all that belongs to it."""
    from agiwo.journal.pruning import Retention, prune, pruned

    settings, paths = _chosen()
    rule = Retention(keep_days, keep_runs)
    rule = rule or Retention(settings.storage.keep_days, settings.storage.keep_runs)
    if not rule:
        raise CommandFailed(
            "nothing says how much is to be kept",
            hint="--keep-days or --keep-runs, or keep_days and keep_runs in [storage]",
            code=ExitCode.USAGE,
        )
    look = pruned if is_rehearsal else prune
    _show_pruned(_with_store(settings, paths, lambda store: look(store, rule, time.time(), 0)), is_rehearsal, as_json)


@storage.command("export")
def export_store() -> None:
    """Write all that is kept to stdout, as lines of JSON. Known secrets are not in it."""
    from agiwo.config import AgiwoSettings
    from agiwo.engine.redact import Redactor
    from agiwo.journal.export import export_lines

    from agiwod.offer import secrets

    settings, paths = _chosen()
    redactor = Redactor(secrets(settings, AgiwoSettings()))

    async def write(store: "Store") -> int:
        import orjson

        runs, progress = 0, _Progress("exported")
        async for line in export_lines(store, redactor.data):
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
            runs += "run" in line
            progress.tell(f"{runs} runs")
        sys.stdout.buffer.flush()
        return runs

    print(f"exported {_with_store(settings, paths, write)} runs", file=sys.stderr)


@storage.command("import")
def import_store(
    file: Annotated[typer.FileBinaryRead, typer.Argument(metavar="FILE", help="An export; - for stdin.")],
    as_json: AsJson = False,
) -> None:
    """Add the runs, sessions and scheduled agents of an export. What is there already is left alone."""
    from dataclasses import asdict

    from agiwo.journal.export import import_lines

    settings, paths = _chosen()
    progress = _Progress("imported")

    def tell(done: "Imported") -> None:
        progress.tell(f"{done.runs} runs")

    done = _with_store(settings, paths, lambda store: import_lines(store, _lines(file), tell), makes=True)
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        there = f"; {done.present} were there already" if done.present else ""
        print(f"imported {done.runs} runs, {done.sessions} sessions, {done.states} scheduled agents{there}")


class _Progress:
    """Says on stderr how far something is, once a second at most."""

    def __init__(self, what: str) -> None:
        self._what, self._at = what, time.monotonic()

    def tell(self, how_far: str) -> None:
        """Say it, if it is time."""
        if time.monotonic() - self._at >= 1:
            self._at = time.monotonic()
            print(f"{self._what} {how_far} …", file=sys.stderr)


def _chosen() -> "tuple[Settings, Paths]":
    from agiwod.cli.config import load_or_fail

    paths = locate()
    settings = load_or_fail(paths)
    if settings.storage.kind == "memory":
        raise CommandFailed(
            'with [storage] kind = "memory" nothing is kept', hint='choose "sqlite" or "mongodb"', code=ExitCode.USAGE
        )
    return settings, paths


def _with_store(
    settings: "Settings", paths: Paths, work: "Callable[[Store], Awaitable[T]]", *, makes: bool = False
) -> T:
    import asyncio

    from agiwo.errors import AgiwoError, ConfigError

    from agiwod.stores import open_store

    file = paths.data_dir / "agiwod.db"
    if not makes and settings.storage.kind == "sqlite" and not file.exists():
        raise CommandFailed(f"{file} is not there yet", hint="a daemon makes it with its first run")

    async def use() -> T:
        store = await open_store(settings, paths, _PATIENCE)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(use())
    except ConfigError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from None
    except AgiwoError as error:
        raise CommandFailed(str(error)) from None


def _stats(settings: "Settings", paths: Paths, measure: "Measure") -> dict[str, Any]:
    from agiwo.journal.mongo_server import place_of

    table = settings.storage
    place = f"{place_of(table.uri.get_secret_value())}/{table.db_name}" if table.uri else paths.data_dir / "agiwod.db"
    return {
        "kind": table.kind,
        "place": str(place),
        "bytes": measure.bytes,
        "runs": dict(measure.runs),
        "records": measure.records,
        "sessions": measure.sessions,
        "states": measure.states,
        "blobs": measure.blobs,
        "keepDays": table.keep_days,
        "keepRuns": table.keep_runs,
    }


def _show_pruned(gone: "Pruned", is_rehearsal: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"runs": gone.runs, "sessions": gone.sessions, "blobs": gone.blobs, "dryRun": is_rehearsal}))
    else:
        print(f"{'would forget' if is_rehearsal else 'forgot'} {gone.runs} runs in {gone.sessions} sessions")


async def _lines(file: BinaryIO) -> "AsyncGenerator[bytes]":
    for line in file:
        yield line
