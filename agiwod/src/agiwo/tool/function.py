"""A plain function as a tool: its name, docstring and annotations are all that the model needs. Runs no call itself."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, overload

from agiwo.abort import AbortSignal
from agiwo.errors import ConfigError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult
from agiwo.tool.settling import result_of
from agiwo.tool.thread import in_thread

Function = Callable[..., Any]

Approval = bool | Callable[[Mapping[str, Any]], bool]
"""Whether calls must be allowed first: always, never, or as a predicate over a call's arguments says."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class FunctionTool(BaseTool):
    """A function that an agent can call, and that its author can still call as before.

    A sync function runs in a thread of its own. A parameter annotated `ExecutionContext` or `AbortSignal` is given by
    the executor and hidden from the model. A returned string is the content; other values become JSON.

    Raises: ConfigError when it is no function, or when its signature cannot be put as a schema.
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
        _require_function(function)
        self._function = function
        self._name = name or getattr(function, "__name__", "")
        if not _NAME.fullmatch(self._name):
            raise ConfigError(f"a tool cannot be named {self._name!r}; pass name= with letters, digits, '_' and '-'")
        self._safe = concurrency_safe
        # Loaded with the first function that becomes a tool, and not before: an agent without any starts twice as fast.
        from agiwo.tool.signature import signature_of

        self._signature = signature_of(function, self._name)
        self._description, self._parameters = description or self._signature.doc or self._name, self._signature.schema
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
        return await _as_result(value)


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


def _require_function(given: object) -> None:
    if not callable(given):
        raise ConfigError(f"a tool is an object of BaseTool or a function, and not {given!r:.100}")
    if isinstance(given, type) and issubclass(given, BaseTool):
        raise ConfigError(f"the tool {given.__name__} is a class; give an object of it: {given.__name__}()")


def _is_async(function: Function) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(function.__call__)


async def _as_result(value: object) -> ToolResult:
    if isinstance(value, ToolResult | str):
        return ToolResult.of(value)
    from agiwo.tool.signature import as_json

    return await result_of(value, as_json)
