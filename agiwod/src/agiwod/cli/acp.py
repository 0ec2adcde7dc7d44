"""`agiwod acp`: what editors spawn to speak the Agent Client Protocol with the daemon. Serves nothing itself."""

from typing import Annotated

import typer


def acp(
    agent: Annotated[
        str | None, typer.Option(help="Whom new sessions are with; the editor can choose another one.")
    ] = None,
    standalone: Annotated[bool, typer.Option("--standalone", help="Be the daemon, for this one editor.")] = False,
) -> None:
    """Speak ACP over stdin and stdout, for editors. Starts the daemon if none runs."""
    from agiwod.cli.stdio import serve_stdio

    raise typer.Exit(serve_stdio(standalone=standalone, face="acp", agent=agent))
