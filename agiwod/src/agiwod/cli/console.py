"""`agiwod console`: the daemon as a web page, opened in the browser, or turned off. Serves nothing itself."""

import json
import os
import sys
from typing import Annotated, Final

import typer

from agiwod.cli.listing import AsJson

_SCREENS: Final = ("DISPLAY", "WAYLAND_DISPLAY")
"""Variables that tell of a screen, where a system may have none."""


def console(
    off: Annotated[bool, typer.Option("--off", help="Serve it no more.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print where it is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open the console: the daemon's runs, agents and schedules as a web page of this machine.

    It stays on, also after a restart of the daemon, until --off. The address that is printed opens it in one browser,
    once, within two minutes; that browser finds it again without it.
    """
    from agiwo_protocol import console as wire
    from agiwo_protocol.contract import Empty

    from agiwod.cli.talk import talk

    if off:
        talk(lambda client: client.call(wire.CLOSE, Empty()))
        print("the console is off", file=sys.stderr)
        return
    found = talk(lambda client: client.call(wire.OPEN, Empty()))
    print(json.dumps(found.to_wire()) if as_json else found.url, flush=True)
    if not no_browser and not as_json and _has_screen():
        import webbrowser

        webbrowser.open(found.url)


def _has_screen() -> bool:
    """Whether a browser could show anything: one in this terminal would take it away."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in _SCREENS)
