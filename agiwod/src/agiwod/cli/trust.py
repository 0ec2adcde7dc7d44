"""`agiwod trust`: shows what a project wants, and remembers that its user allows it. Needs no daemon."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from agiwo_protocol.paths import Paths, locate

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson
from agiwod.cli.plain import visible
from agiwod.cli.wanted import wanted_lines

if TYPE_CHECKING:
    from agiwod.settings import Project
    from agiwod.trust import Standing, TrustBook

_STATES: Final = {
    "trusted": "is trusted, and may add:",
    "changed": "wants something else than when it was trusted, namely to add:",
    "unknown": "wants to add:",
}

Directory = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="The project; without it the one of the current directory.")
]


def trust(
    directory: Directory = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Trust it no more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a project add agents, skills and MCP servers: by its file .agiwod.toml, and the skills in it."""
    from agiwo.errors import ConfigError

    from agiwod.trust import TrustBook

    paths = locate()
    book = TrustBook(paths)
    try:
        if revoke:
            _revoke(book, directory, as_json=as_json)
        else:
            _trust(paths, book, _standing(book, directory), yes=yes, as_json=as_json)
    except ConfigError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from error


def project_here(paths: Paths) -> "Project | None":
    """The trusted project of the current directory. Of one that is not trusted only a notice is printed, on stderr."""
    from agiwo.errors import ConfigError

    from agiwod.cli.plain import without_controls
    from agiwod.trust import TrustBook

    try:
        standing = TrustBook(paths).standing_at(Path.cwd())
    except ConfigError as error:
        print(without_controls(f"the project is left out: {error}"), file=sys.stderr)
        return None
    if standing is None:
        return None
    if standing.notice:
        print(without_controls(standing.notice), file=sys.stderr)
    return standing.project if standing.verdict == "trusted" else None


def _standing(book: "TrustBook", directory: Path | None) -> "Standing":
    from agiwod.settings import read_project

    if directory is not None:
        return book.standing_of(read_project(directory))
    return book.standing_at(Path.cwd()) or book.standing_of(read_project(Path.cwd()))


def _revoke(book: "TrustBook", directory: Path | None, *, as_json: bool) -> None:
    # A project that can be none any more must be forgotten all the same, so it is not read.
    root = (directory or book.root_at(Path.cwd()) or Path.cwd()).resolve()
    was_trusted = book.revoke(root)
    if as_json:
        print(json.dumps({"directory": str(root), "trusted": False, "changed": was_trusted}))
    else:
        print(f"{visible(str(root))} {'is trusted no more' if was_trusted else 'was not trusted'}")


def _trust(paths: Paths, book: "TrustBook", standing: "Standing", *, yes: bool, as_json: bool) -> None:
    from agiwod.settings import load_settings
    from agiwod.wishes import wishes

    project = standing.project
    wanted = wishes(project, load_settings(paths.home, project=project))
    is_new = standing.verdict != "trusted"
    if as_json:
        if is_new and yes:
            book.trust(project)
        state = {"directory": str(project.root), "trusted": yes or not is_new, "changed": is_new and yes}
        print(json.dumps({**state, "verdict": standing.verdict, "digest": project.digest, "wants": wanted}))
        return
    print("\n".join([f"{visible(str(project.root))} {_STATES[standing.verdict]}", *wanted_lines(wanted)]))
    if not is_new:
        return
    if not yes:
        _ask()
    book.trust(project)
    print(f"{visible(str(project.root))} is trusted, as long as it wants nothing else")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise CommandFailed(
            "nobody can be asked here; nothing was changed", hint="--yes trusts it", code=ExitCode.USAGE
        )
    try:
        said = input("Trust it? [y/N] ")
    except EOFError:
        said = ""
    if said.strip().lower() not in ("y", "yes"):
        raise CommandFailed("it is not trusted; nothing was changed")
