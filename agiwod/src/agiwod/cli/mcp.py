"""`agiwod mcp`: what hosts of MCP spawn, and `mcp config`, what they are to be told. Serves nothing itself."""

from typing import Annotated

import typer

from agiwod.cli.hosts import HOSTS

mcp = typer.Typer(help="Let hosts of MCP use the daemon's agents.", invoke_without_command=True)

Standalone = Annotated[bool, typer.Option("--standalone", help="Be the daemon, for this one client.")]


@mcp.callback()
def serve(context: typer.Context, standalone: Standalone = False) -> None:
    """Speak MCP over stdin and stdout. Starts the daemon if none runs."""
    if context.invoked_subcommand is not None:
        return
    from agiwod.cli.stdio import serve_stdio

    raise typer.Exit(serve_stdio(standalone=standalone, face="mcp"))


@mcp.command()
def config(
    host: Annotated[str, typer.Option("--for", metavar="HOST", help=f"One of {', '.join(HOSTS)}.")],
    http: Annotated[bool, typer.Option("--http", help="Over HTTP, to a daemon that serves it.")] = False,
) -> None:
    """Print what a host is to be told, and where: the file on stdout, its place on stderr."""
    import json
    import sys

    from agiwod.cli.failure import CommandFailed, ExitCode
    from agiwod.cli.hosts import over_http, over_stdio

    if host not in HOSTS:
        raise CommandFailed(f"there is no host {host!r}; there are {', '.join(HOSTS)}", code=ExitCode.USAGE)
    told = over_http(HOSTS[host]) if http else over_stdio(HOSTS[host])
    print(json.dumps(told, indent=2))
    print(f"this goes into {HOSTS[host].place()}", file=sys.stderr)
