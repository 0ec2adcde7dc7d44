"""`agiwod top`: what goes on in the daemon, again and again."""

import json
import sys
from typing import Annotated

import typer

from agiwod.cli.listing import AsJson


def top(
    once: Annotated[bool, typer.Option("--once", help="Once, and no more.")] = False, as_json: AsJson = False
) -> None:
    """Watch what goes on: runs and whom they work for, tokens per second, clients. Ctrl-C ends it."""
    from agiwod.cli.live_top import ask_once, show_once, watch
    from agiwod.cli.talk import talk

    if as_json:
        print(json.dumps(talk(ask_once).to_wire()))
    elif once or not sys.stdout.isatty():
        talk(show_once)
    else:
        talk(watch, is_looking_on=True)
