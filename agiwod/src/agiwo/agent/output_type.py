"""What a run's last answer is to be: a Python type or a JSON Schema. Reads no text and asks no model."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol, cast

from agiwo.agent.output_schema import OutputSchema
from agiwo.errors import OUTPUT_INVALID, ConfigError
from agiwo.schema.stream import RunError
from agiwo.tool.nesting import write_json

_LISTED = 10
_GIVEN = 80
"""Faults that are told, and characters of a wrong value in one of them."""

_KNOWN = 256
"""Types that one agent remembers: programs that make a new one for each run must not fill the memory."""


class OutputType(Protocol):
    """A form that an answer may have. `name` finds it again where its run goes on; a bare schema has none."""

    @property
    def name(self) -> str:
        """The name."""
        ...

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema."""
        ...

    @property
    def plan(self) -> Mapping[str, Any]:
        """What the plan of a run says of it."""
        ...

    def faults(self, value: Any) -> list[str]:
        """What of the JSON value does not fit, each with its path, what is expected and what is there."""
        ...

    def object(self, value: Any) -> Any:
        """What the user gets for a value that fits."""
        ...


class OutputTypes:
    """The types of output that one agent was asked for, by their names."""

    def __init__(self) -> None:
        self._known: dict[str, PythonOutput] = {}

    def of(self, output_type: Any) -> OutputType:
        """What `output_type=` means.

        Raises:
            ConfigError: no answer can be held against it.
        """
        if isinstance(output_type, Mapping):
            return OutputSchema.looked_at(cast(Mapping[str, Any], output_type))
        return self._remembered(output_type)

    def find(self, output: Mapping[str, Any]) -> OutputType:
        """What a run's plan means: the type of that name, while there is one, else its schema."""
        return self._known.get(output.get("type", "")) or OutputSchema(output["schema"])

    def _remembered(self, output_type: Any) -> "PythonOutput":
        base = f"{getattr(output_type, '__module__', '')}.{getattr(output_type, '__qualname__', output_type)}"
        name, number = base, 1
        while (known := self._known.get(name)) and known.type is not output_type:
            number += 1
            name = f"{base}#{number}"
        if known is None:
            known = self._known[name] = PythonOutput(name, output_type)
            if len(self._known) > _KNOWN:
                del self._known[next(iter(self._known))]
        return known


class PythonOutput:
    """A model of pydantic, or another type that pydantic knows how to check: a dataclass, a TypedDict, a list of them.

    Raises:
        ConfigError: pydantic does not know.
    """

    def __init__(self, name: str, type: Any) -> None:
        self.name, self.type = name, type
        self.schema = _rooted(self._schema())

    @property
    def plan(self) -> Mapping[str, Any]:
        """As `OutputType.plan`."""
        return {"schema": self.schema, "type": self.name}

    def faults(self, value: Any) -> list[str]:
        """As `OutputType.faults`."""
        from pydantic import ValidationError

        try:
            self.object(value)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_context=False)[:_LISTED]
            return [_fault(each["loc"], each["msg"], each["input"]) for each in errors]
        return []

    def object(self, value: Any) -> Any:
        """An instance of the type."""
        return self._adapter.validate_json(write_json(value))

    @cached_property
    def _adapter(self) -> Any:
        from pydantic import TypeAdapter

        return cast(Any, TypeAdapter)(self.type)

    def _schema(self) -> dict[str, Any]:
        from pydantic.errors import PydanticUserError

        try:
            return self._adapter.json_schema()
        except PydanticUserError as error:
            message = str(error).partition("\n")[0]
            raise ConfigError(f"output_type is {self.type!r}, and no answer can be checked for it: {message}") from None


def _rooted(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what it is at its root, where pydantic refers to a definition because a type holds itself."""
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    return {**schema["$defs"][name], "$defs": schema["$defs"]} if name else schema


def _fault(place: tuple[int | str, ...], message: str, given: Any) -> str:
    path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place).removeprefix(".")
    shown = repr(given) if len(repr(given)) <= _GIVEN else f"{repr(given)[:_GIVEN]}…"
    return f"{path}: {message}, and got {shown}" if path else f"{message}, and got {shown}"


def made(output: OutputType, value: Any) -> Any:
    """What the user gets for the output that is recorded.

    Raises:
        RunError: the type does not take any more what it took when it was recorded.
    """
    try:
        return output.object(value)
    except ValueError as error:
        raise RunError(OUTPUT_INVALID, f"what was recorded is no {output.name} any more: {error}") from error
