"""The settings of the daemon, and where each value came from."""

from typing import Any

from agiwo_protocol.contract import Empty, Method, Wire


class Setting(Wire):
    """A setting by its dotted name; without a `value` it is not set.

    `source` is who said so, `where` the file and line, or the variable, if known.
    """

    key: str
    value: Any = None
    source: str
    where: str | None = None


class ListResult(Wire):
    """All settings that hold, by tables; secrets are not among the values."""

    settings: list[Setting]


LIST = Method("config/list", Empty, ListResult, "The settings that hold, and where each value came from.")
