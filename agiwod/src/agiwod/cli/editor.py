"""`agiwod editor`: what an editor is to be told, and where, so that its user has the daemon's agents."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agiwod.cli.editors import EDITORS
from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.spawn import spawn_of

if TYPE_CHECKING:
    from agiwod.cli.editors import Editor


def editor(
    name: Annotated[str, typer.Option("--for", metavar="EDITOR", help=f"One of {', '.join(EDITORS)}.")],
    agent: Annotated[str | None, typer.Option(help="Who answers; without it, the default agent.")] = None,
    native: Annotated[bool, typer.Option("--native", help="Speak agiwod's own protocol instead of ACP.")] = False,
) -> None:
    """Print an editor's configuration: its text on stdout, its place on stderr."""
    if name not in EDITORS:
        raise CommandFailed(f"there is no editor {name!r}; there are {', '.join(EDITORS)}", code=ExitCode.USAGE)
    found = EDITORS[name]
    print(_native(name, found, agent) if native else _usual(found, agent))
    print(f"this goes into {found.place}; docs/guides/editors.md tells the rest", file=sys.stderr)


def _usual(editor: "Editor", agent: str | None) -> str:
    named = () if agent is None else ("--agent", agent)
    if editor.acp is not None:
        return editor.acp(spawn_of("acp", *named))
    assert editor.asks is not None
    return editor.asks(spawn_of("ask", *named))


def _native(name: str, editor: "Editor", agent: str | None) -> str:
    if editor.native is None:
        others = ", ".join(other for other, each in EDITORS.items() if each.native)
        hint = f"these can: {others}; leave --native out"
        raise CommandFailed(f"{name} cannot be told to speak our own protocol", hint=hint, code=ExitCode.USAGE)
    if agent is not None:
        raise CommandFailed(
            "in our own protocol each run names its agent", hint="leave --agent out", code=ExitCode.USAGE
        )
    return editor.native(spawn_of("stdio"))
