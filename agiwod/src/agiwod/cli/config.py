"""`agiwod config`: where the settings are, what they are, who set them, and a safe way to change them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from agiwo_protocol.paths import Paths, locate

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson
from agiwod.cli.trust import project_here

if TYPE_CHECKING:
    from agiwod.cli.draft import Draft
    from agiwod.settings import Settings

config = typer.Typer(help="The settings, and where each came from.", no_args_is_help=True)


@config.command("path")
def show_path(as_json: AsJson = False) -> None:
    """Print the path of config.toml, whether it is there or not."""
    file = locate().config_file
    print(json.dumps({"path": str(file), "exists": file.exists()}) if as_json else file)


@config.command("show")
def show_config(
    with_origin: Annotated[bool, typer.Option("--origin", help="Also who set each value, and where.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print every setting. Keys and other secrets are never shown."""
    from agiwod.cli.table import show_table

    found = _entries(load_or_fail(locate(), with_project=True))
    if as_json:
        print(json.dumps({"file": str(locate().config_file), "settings": found}))
    elif with_origin:
        rows = [(each["key"], json.dumps(each["value"], ensure_ascii=False), _from(each)) for each in found]
        show_table(("setting", "value", "from"), rows)
    else:
        print("\n".join(f"{each['key']} = {json.dumps(each['value'], ensure_ascii=False)}" for each in found))


@config.command("edit")
def edit_config() -> None:
    """Open config.toml in your editor ($VISUAL, else $EDITOR). What cannot work does not become the settings."""
    from agiwod.cli.draft import Draft
    from agiwod.cli.hangup import reload_daemon

    paths = locate()
    draft = Draft(paths.config_file)
    if not draft.edit():
        print("nothing was changed")
        return
    _check(paths, draft)
    draft.accept()
    pid = reload_daemon(paths)
    told = "" if pid is None else f"; the daemon (pid {pid}) reads it, and `agiwod status` tells how that went"
    print(f"saved {paths.config_file}{told}")


def load_or_fail(paths: Paths, file: Path | None = None, *, with_project: bool = False) -> "Settings":
    """The settings; also those of the project of the current directory, if they are wanted and it is trusted.

    Raises:
        CommandFailed: they cannot work; the message says where.
    """
    from agiwo.errors import ConfigError

    from agiwod.settings import load_settings

    try:
        return load_settings(paths.home, file=file, project=project_here(paths) if with_project else None)
    except ConfigError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from error


def rehearse_or_fail(paths: Paths, file: Path | None = None) -> None:
    """Find out whether a daemon could begin with the settings.

    Raises:
        CommandFailed: it could not; the message says where the fault is.
    """
    from agiwo.errors import AgiwoError

    from agiwod.rehearsal import rehearse

    try:
        rehearse(load_or_fail(paths, file))
    except AgiwoError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from error


def _check(paths: Paths, draft: "Draft") -> None:
    try:
        rehearse_or_fail(paths, draft.path)
    except CommandFailed as failure:
        kept = f"what you wrote is kept in {draft.path}, and the settings are as before"
        raise CommandFailed(
            failure.message, hint=f"{kept}; `agiwod config edit` goes on with it", code=failure.code
        ) from failure


def _entries(settings: "Settings") -> list[dict[str, Any]]:
    from dataclasses import asdict

    from agiwo.config import AgiwoSettings

    from agiwod.told_settings import told_settings

    return [asdict(each) for each in told_settings(settings, AgiwoSettings())]


def _from(entry: dict[str, Any]) -> str:
    return entry["where"] or entry["source"]
