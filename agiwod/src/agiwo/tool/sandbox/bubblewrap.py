"""The arguments of bubblewrap for a plan: the same view of the system that `cage` makes by itself. Runs nothing."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def wrapped(program: str, plan: Mapping[str, Any], command: Sequence[str]) -> list[str]:
    """The command behind bubblewrap."""
    return [program, *_arguments(plan), "--", *command]


def _arguments(plan: Mapping[str, Any]) -> Iterator[str]:
    yield from ("--die-with-parent", "--unshare-user", "--unshare-pid", "--unshare-ipc")
    yield from () if plan["network"] else ("--unshare-net",)
    yield from ("--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc")
    views = sorted(_views(plan), key=lambda view: len(view[-1]))  # what is inside of something comes after it
    for view in views:
        yield from view
    for kind, place, *_ in views:
        yield from ("--remount-ro", place) if kind == "--tmpfs" else ()
    yield from ("--chdir", plan["cwd"])


def _views(plan: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What takes the place of what is there, each with where that is as its last member."""
    hidden: list[str] = plan["hidden"]
    for place in hidden:
        if os.path.isdir(place):
            yield "--tmpfs", place
        elif os.path.exists(place):
            yield "--ro-bind", "/dev/null", place
    for place in plan["shown"]:
        if place not in plan["writable"]:
            yield "--ro-bind-try", place, place
    for place in (plan["temporary"], *plan["writable"], *plan["pinned"]):
        yield "--bind-try", place, place
    for place in plan["kept"]:
        yield "--ro-bind-try", place, place
