"""What a tool is given: a model, from which the schema that hosts see is made. Knows no tool."""

from functools import cache
from typing import Any

from agiwo_protocol.contract import Wire
from agiwo_protocol.schema import shape_of
from pydantic import ConfigDict


class Arguments(Wire):
    """Arguments as a host's model writes them: one that it makes up is told to it, and not passed over."""

    model_config = ConfigDict(extra="forbid")


@cache
def schema_of(arguments: type[Arguments]) -> dict[str, Any]:
    """The JSON Schema of a tool's arguments; made once, so not to be changed."""
    return {"properties": {}, **shape_of(arguments)}
