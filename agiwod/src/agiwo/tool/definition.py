"""What a tool says of itself, once it is certain that a model can be told so. Runs no tool."""

import math
import re
from collections.abc import Mapping
from typing import Any, cast, get_args

from agiwo.errors import ConfigError
from agiwo.schema.setting import require_above, require_between, require_kind
from agiwo.schema.tool import Effect, ToolDefinition
from agiwo.tool.base import BaseTool
from agiwo.tool.nesting import write_json

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_USUAL = BaseTool.timeout_seconds

_EFFECTS: tuple[str, ...] = get_args(Effect)


def definition_of(tool: BaseTool) -> ToolDefinition:
    """The tool's definition: what cannot be one is better told to its author than to a model in the middle of a run.

    Raises:
        ConfigError: it is none; the message names the tool and what is wrong.
    """
    try:
        definition = tool.get_definition()
    except Exception as error:
        # The border to code that is not ours.
        wrong = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the tool {type(tool).__name__} cannot say what it is ({wrong:.200})") from error
    if not _is_usual(tool, definition):
        _require_usable(tool, definition)
    try:
        write_json(definition.parameters)
    except TypeError as error:
        raise _no_schema(definition.name, str(error)) from error
    return definition


def _is_usual(tool: BaseTool, definition: ToolDefinition) -> bool:
    """Whether it is as nearly all are: agents are made often, and to find what is wrong takes longer than this."""
    told: Any = definition
    schema, seconds = told.parameters, told.timeout_seconds
    return (
        type(told.name) is type(told.description) is str
        and _NAME.fullmatch(told.name) is not None
        and (seconds == _USUAL or (type(seconds) is float and 0 < seconds < math.inf))
        and tool.cache_seconds == BaseTool.cache_seconds
        and told.effect in _EFFECTS
        and schema.__class__ is dict
        and schema.get("type") == "object"
        and schema.get("properties").__class__ is dict
        and ("required" not in schema or schema["required"].__class__ is list)
    )


def _require_usable(tool: BaseTool, definition: ToolDefinition) -> None:
    name: Any = definition.name
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"a tool cannot be named {name!r:.100}; a name has letters, digits, '_' and '-'")
    require_kind(f"tool {name!r}: the description", definition.description, str)
    require_above(f"tool {name!r}: timeout_seconds", definition.timeout_seconds, optional=True)
    require_between(f"tool {name!r}: cache_seconds", tool.cache_seconds, 0)
    if definition.effect not in _EFFECTS:
        known = ", ".join(_EFFECTS)
        raise ConfigError(f"tool {name!r}: effect is {definition.effect!r:.100}; it must be one of {known}")
    if fault := _fault_of(definition.parameters):
        raise _no_schema(name, fault)


def _no_schema(name: str, fault: str) -> ConfigError:
    return ConfigError(f"tool {name!r}: its parameters are not the JSON Schema of an object: {fault}")


def _fault_of(parameters: object) -> str:
    """What is wrong with them at first sight; what is wrong deeper down, the first call that meets it tells."""
    if not isinstance(parameters, Mapping):
        return f"they are {parameters!r:.100}"
    schema = cast(Mapping[str, Any], parameters)
    if schema.get("type", "object") != "object":
        return f"their type is {schema['type']!r:.100}"
    if not isinstance(schema.get("properties", {}), Mapping):
        return f"their properties are {schema['properties']!r:.100}"
    if not isinstance(schema.get("required", []), list | tuple):
        return f"what is required of them is {schema['required']!r:.100}"
    return ""
