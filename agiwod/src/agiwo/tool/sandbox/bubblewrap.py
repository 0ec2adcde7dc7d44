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
    for place in (plan["temporary"], *plan["writable"], *plan["pinned"]):
        yield from ("--bind-try", place, place)
    for place in plan["kept"]:
        yield from ("--ro-bind-try", place, place)
    shown = [*((place, "--bind") for place in plan["writable"]), *((place, "--ro-bind") for place in plan["shown"])]
    hidden: list[str] = plan["hidden"]
    for place in sorted(hidden, key=len):
        if not os.path.isdir(place):
            yield from ("--ro-bind", "/dev/null", place) if os.path.exists(place) else ()
            continue
        yield from ("--tmpfs", place)
        for inner, bind in shown:
            if inner.startswith(f"{place}/") and os.path.isdir(inner):
                yield from (bind, inner, inner)
        yield from ("--remount-ro", place)
    yield from ("--chdir", plan["cwd"])
