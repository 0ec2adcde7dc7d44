"""The tree of commands: which there are, under which name. Does nothing itself."""

from typing import Annotated

import typer

from agiwod import __version__
from agiwod.cli.acp import acp
from agiwod.cli.agents import agents
from agiwod.cli.approvals import approvals
from agiwod.cli.ask import ask
from agiwod.cli.chat import chat
from agiwod.cli.config import config
from agiwod.cli.conformance import conformance
from agiwod.cli.console import console
from agiwod.cli.daemon import restart, serve, start, status, stdio, stop
from agiwod.cli.doctor import doctor
from agiwod.cli.editor import editor
from agiwod.cli.logs import logs
from agiwod.cli.mcp import mcp
from agiwod.cli.models import models
from agiwod.cli.replay import replay
from agiwod.cli.runs import runs
from agiwod.cli.schedule import schedule
from agiwod.cli.schema import schema
from agiwod.cli.service import service
from agiwod.cli.sessions import sessions
from agiwod.cli.skills import skills
from agiwod.cli.storage import storage
from agiwod.cli.tools import tools
from agiwod.cli.top import top
from agiwod.cli.traces import traces
from agiwod.cli.trust import trust

app = typer.Typer(
    help="Run LLM agents in a daemon of your own, and watch them from anywhere.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"agiwod {__version__}")
        raise typer.Exit


@app.callback()
def agiwod(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run LLM agents in a daemon of your own, and watch them from anywhere."""


app.command()(ask)
app.command()(chat)
app.command()(serve)
app.command()(start)
app.command()(stop)
app.command()(restart)
app.command()(status)
app.command()(top)
app.command()(console)
app.command()(logs)
app.command()(doctor)
app.command()(stdio)
app.command()(acp)
app.command()(editor)
app.command()(trust)
runs.command()(replay)
app.add_typer(runs, name="runs")
app.add_typer(sessions, name="sessions")
app.add_typer(traces, name="traces")
app.add_typer(schedule, name="schedule")
app.add_typer(approvals, name="approvals")
app.add_typer(agents, name="agents")
app.add_typer(models, name="models")
app.add_typer(tools, name="tools")
app.add_typer(skills, name="skills")
app.add_typer(storage, name="storage")
app.add_typer(config, name="config")
app.add_typer(service, name="service")
app.add_typer(mcp, name="mcp")
app.command()(schema)
app.command()(conformance)
