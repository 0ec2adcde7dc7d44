"""A plain function as a tool: its name, docstring and annotations are all that the model needs. Runs no call itself."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agiwo.abort import AbortSignal
from agiwo.errors import ConfigError, ToolError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult
from agiwo.tool.thread import in_thread

Function = Callable[..., Any]

Approval = bool | Callable[[Mapping[str, Any]], bool]
"""Whether calls must be allowed first: always, never, or as a predicate over a call's arguments says."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FIELD = "arg_"
"""Before every field of the arguments model, so that no parameter's name collides with a model's own."""

_LISTED = 10
"""Faults that one error lists."""


class FunctionTool(BaseTool):
    """A function that an agent can call, and that its author can still call as before.

    A sync function runs in a thread of its own. A parameter annotated `ExecutionContext` or `AbortSignal` is given by
    the executor and hidden from the model. A returned string is the content; other values become JSON.

    Raises: ConfigError when the function's signature cannot be put as a schema.
    """

    def __init__(
        self,
        function: Function,
        *,
        name: str | None = None,
        description: str | None = None,
        effect: Effect = "once",
        timeout_seconds: float | None = 30,
        concurrency_safe: bool = True,
        cacheable: bool = False,
        cache_seconds: float = 300,
        approval: Approval = False,
    ) -> None:
        self._function = function
        self._name = name or getattr(function, "__name__", "")
        if not _NAME.fullmatch(self._name):
            raise ConfigError(f"a tool cannot be named {self._name!r}; pass name= with letters, digits, '_' and '-'")
        self._description = description or inspect.getdoc(function) or self._name
        self._safe = concurrency_safe
        self._signature = _read_signature(function, self._name)
        self._parameters = self._signature.schema
        self.effect, self.timeout_seconds = effect, timeout_seconds
        self.cacheable, self.cache_seconds, self._approval = cacheable, cache_seconds, approval

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    def get_name(self) -> str:
        """The function's name, unless another was given."""
        return self._name

    def get_description(self) -> str:
        """The function's docstring, unless another text was given."""
        return self._description

    def get_parameters(self) -> dict[str, Any]:
        """The schema of the function's parameters."""
        return self._parameters

    def is_concurrency_safe(self) -> bool:
        """As given; a function is safe unless it says otherwise."""
        return self._safe

    @property
    def may_need_approval(self) -> bool:
        """Whether it was made so."""
        return bool(self._approval)

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """As given."""
        return self._approval(arguments) if callable(self._approval) else self._approval

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """Call the function with the arguments turned into what its annotations ask for."""
        arguments = self._signature.arguments(parameters)
        for name, kind in self._signature.injected.items():
            arguments[name] = context if kind is ExecutionContext else abort_signal or AbortSignal()
        if _is_async(self._function):
            value = await self._function(**arguments)
        else:
            value = await in_thread(functools.partial(self._function, **arguments))
            value = await value if inspect.isawaitable(value) else value
        return _as_result(value)


@overload
def tool(function: Function, /) -> FunctionTool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "once",
    timeout_seconds: float | None = 30,
    concurrency_safe: bool = True,
    cacheable: bool = False,
    cache_seconds: float = 300,
    approval: Approval = False,
) -> Callable[[Function], FunctionTool]: ...
def tool(function: Function | None = None, /, **options: Any) -> FunctionTool | Callable[[Function], FunctionTool]:
    """Make a function a tool, bare (`@tool`) or with options (`@tool(effect="read")`)."""
    if function is not None:
        return FunctionTool(function)
    return functools.partial(FunctionTool, **options)


@dataclass(frozen=True, slots=True)
class _Signature:
    """A function's parameters: those of the model as a pydantic model, and those that the executor gives."""

    model: type[BaseModel]
    schema: dict[str, Any]
    injected: Mapping[str, type]

    def arguments(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        names = {field.alias for field in self.model.model_fields.values()}
        given = {name: value for name, value in parameters.items() if name in names}
        try:
            valid = self.model.model_validate(given)
        except ValidationError as error:
            listed = error.errors(include_url=False)[:_LISTED]
            faults = (f"\n- {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in listed)
            raise ToolError(f"the arguments cannot be used:{''.join(faults)}") from error
        # What the model left out stays out, so that the function's own default applies.
        return {field.removeprefix(_FIELD): getattr(valid, field) for field in valid.model_fields_set}


class _WithoutTitles(GenerateJsonSchema):
    """Titles repeat the names in other letters, and every request pays for them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def emit_warning(self, kind: Any, detail: str) -> None:
        """Say nothing: a default that is no JSON is left out, and holds all the same."""


def _read_signature(function: Function, tool: str) -> _Signature:
    injected: dict[str, type] = {}
    fields: dict[str, Any] = {}
    try:
        hints = get_type_hints(_body(function), include_extras=True)
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise ConfigError(f"tool {tool!r}: parameter {name!r} must be one that can be given by name")
            kind = hints.get(name, Any)
            if kind in (ExecutionContext, AbortSignal):
                injected[name] = kind
            else:
                default = ... if parameter.default is parameter.empty else parameter.default
                fields[_FIELD + name] = (kind, Field(default, alias=name))
        model = create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
        schema = model.model_json_schema(schema_generator=_WithoutTitles)
    except (PydanticUserError, TypeError, ValueError, NameError) as error:
        raise ConfigError(f"tool {tool!r}: its signature cannot be put as a JSON Schema: {error}") from error
    schema.pop("title")
    return _Signature(model, {"properties": {}, **schema}, injected)


def _body(function: Function) -> Function:
    """Where the annotations stand: a callable object has them on its `__call__`."""
    return function if inspect.isroutine(function) else function.__call__


def _is_async(function: Function) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(_body(function))


def _as_result(value: object) -> ToolResult:
    if isinstance(value, ToolResult | str):
        return ToolResult.of(value)
    try:
        return ToolResult.of(cast(object, to_jsonable_python(value)))
    except (PydanticSerializationError, ValueError) as error:
        raise ToolError(f"the tool's result cannot be stored: {error}") from error
