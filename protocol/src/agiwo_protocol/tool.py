"""Tools: which there are for agents to name."""

from typing import Literal

from pydantic import Field

from agiwo_protocol.contract import Method, Page, Wire


class Tool(Wire):
    """A tool. `effect` says what a second call would do; `asks`, that some of its calls need somebody's approval first.

    `source` is the package that adds it, or `agiwo`.
    """

    name: str
    description: str
    effect: Literal["read", "idempotent", "once"]
    asks: bool
    source: str


class Fault(Wire):
    """A tool of a package that cannot be used, and why."""

    name: str
    source: str
    message: str


class ListResult(Wire):
    """A page of tools, and what is wrong with others."""

    tools: list[Tool]
    faults: list[Fault] = Field(default_factory=list[Fault])
    next_cursor: str | None = None


LIST = Method("tool/list", Page, ListResult, "The tools that agents may name.")
