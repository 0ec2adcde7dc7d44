"""What commands that list have in common: a page is asked of the daemon, and shown as JSON or as a table."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from agiwod.cli.failure import CommandFailed, ExitCode

if TYPE_CHECKING:
    from agiwo_protocol.contract import Method, Wire

    from agiwod.cli.table import Row

P = TypeVar("P", bound="Wire")
R = TypeVar("R", bound="Wire")

MOST = 1000
"""Rows that are asked for at once: the most that the daemon gives."""

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def group_that_lists(help: str, show: Callable[[bool], None]) -> typer.Typer:
    """A group of commands that lists when it is called without one of them."""
    group = typer.Typer(help=help)

    @group.callback(invoke_without_command=True)
    def list_when_nothing_is_said(context: typer.Context, as_json: AsJson = False) -> None:
        command = context.invoked_subcommand
        if command is None:
            show(as_json)
        elif as_json:
            raise CommandFailed(f"--json comes after {command}", code=ExitCode.USAGE)

    return group


def show_answer(
    method: "Method[P, R]",
    params: P,
    head: "Row",
    rows: Callable[[R], "Iterable[Row]"],
    *,
    as_json: bool,
    works_here: bool = False,
) -> None:
    """Ask the daemon, and print what it answers: as it is, or as a table of those rows."""
    from agiwod.cli.table import show_table
    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(method, params), works_here=works_here)
    if as_json:
        print(json.dumps(found.to_wire()))
    else:
        show_table(head, list(rows(found)))
