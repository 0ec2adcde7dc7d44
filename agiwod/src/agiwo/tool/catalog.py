"""Tools by name: those that come with agiwo, and those that installed packages add. Loads one when it is asked for.

A package adds tools with an entry point for each in the group `agiwo.tools`:

    [project.entry-points."agiwo.tools"]
    get_weather = "my_package.weather:WeatherTool"

It may stand for a class derived from `BaseTool`, made without arguments; for an object of one; or for a function.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from agiwo.errors import ConfigError, NotFound
from agiwo.tool.arguments import nearest
from agiwo.tool.base import BaseTool
from agiwo.tool.builtin import BUILTINS, FOR_FILES, builtin_tool
from agiwo.tool.function import FunctionTool
from agiwo.tool.workspace import Workspace

GROUP: Final = "agiwo.tools"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that can be had by name. `package` is who adds it, None for what comes with agiwo."""

    name: str
    package: str | None = None
    point: EntryPoint | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A tool of a package that cannot be used, and why."""

    name: str
    package: str
    message: str


def offers() -> Mapping[str, Offer]:
    """Every tool that can be had, by name: builtin ones first, then packages' own. Loads none of them."""
    return _found()[0]


def find_tool(name: str, *, workspace: Workspace | None = None) -> BaseTool:
    """A new instance of the tool of that name, or the object that a package shares.

    Those of agiwo that work on files do so in `workspace`, else in the current directory.

    Raises:
        NotFound: there is none; the message names the nearest.
        ConfigError: the package that adds it is broken; the message says how.
    """
    known = offers()
    if name not in known:
        raise NotFound("tool", name, nearest(name, known, "the tools are").removeprefix("; "))
    offer = known[name]
    if offer.point is not None:
        return _load(offer, offer.point)
    return builtin_tool(name, workspace=workspace) if name in FOR_FILES else builtin_tool(name)


def load_tools() -> tuple[list[BaseTool], list[Fault]]:
    """All tools that work, and what is wrong with the others; each fault is logged, too."""
    known, faults = _found()
    tools: list[BaseTool] = []
    for offer in known.values():
        try:
            tools.append(find_tool(offer.name))
        except ConfigError as error:
            faults.append(Fault(offer.name, offer.package or "", str(error)))
    for fault in faults:
        _log.warning("tool %r of package %s is left out: %s", fault.name, fault.package, fault.message)
    return tools, faults


def _found() -> tuple[dict[str, Offer], list[Fault]]:
    known = {name: Offer(name) for name in BUILTINS}
    faults: list[Fault] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package(point))):
        first = known.get(point.name)
        if first is None:
            known[point.name] = Offer(point.name, _package(point), point)
        elif first.point is None or first.point != point:  # an editable install may be seen twice
            owner = first.package or "agiwo itself"
            faults.append(Fault(point.name, _package(point), f"{owner} has a tool of that name already"))
    return known, faults


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _load(offer: Offer, point: EntryPoint) -> BaseTool:
    """The tool behind an entry point. A package's own code runs here, so anything may come out of it."""
    try:
        tool = _made(point.load())
        name = tool.get_definition().name
    except (Exception, SystemExit) as error:
        fault = f"{type(error).__name__}: {error}"
        raise ConfigError(f"tool {offer.name!r} of package {offer.package} cannot be loaded: {fault}") from error
    if name != offer.name:
        raise ConfigError(f"package {offer.package} calls a tool {offer.name!r} that calls itself {name!r}")
    return tool


def _made(value: object) -> BaseTool:
    if isinstance(value, BaseTool):
        return value
    if isinstance(value, type) and issubclass(value, BaseTool):
        return value()
    if not isinstance(value, type) and callable(value):
        return FunctionTool(value)
    raise TypeError(f"{value!r} is neither a BaseTool nor a function")
