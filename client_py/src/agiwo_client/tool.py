"""A function of this program as a tool of the runs that it starts. Knows no connection."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from agiwo_protocol.tool import CallResult, Effect, Offered
from pydantic import TypeAdapter, ValidationError, validate_call
from pydantic.errors import PydanticUserError

_ERROR: Final = 2000
"""Characters of an exception's text that the model is told."""

Function = Callable[..., Any]


class Tool:
    """A function that runs started by this client may call, as its name, docstring and annotations describe it.

    A plain function runs in a thread. A string is the result as it is, any other value becomes JSON; what is raised is
    told to the model. A call waits `timeout` seconds for its result (600 unless given), also for a program that is
    away: then it comes again, with the same `itemId`. Not so with the `effect` "once", whose calls are lost with their
    program; "read" says that a call changes nothing, so that several may run side by side.

    Raises:
        ValueError: it is no function, or one whose parameters cannot be given by name or have no JSON form.
    """

    def __init__(
        self,
        function: Function,
        *,
        name: str | None = None,
        description: str | None = None,
        effect: Effect = "idempotent",
        timeout: float | None = None,
    ) -> None:
        self._json: TypeAdapter[Any] = TypeAdapter(Any)
        called: str = name or getattr(function, "__name__", type(function).__name__)
        try:
            schema = TypeAdapter(cast("Any", function)).json_schema()
            self._function = validate_call(function)
            if schema.get("type") != "object":
                raise ValueError("its parameters have to be such as can be given by name")
            self.offered = Offered(
                name=called,
                description=description or inspect.getdoc(function) or called,
                input_schema=schema,
                effect=effect,
                timeout_ms=None if timeout is None else round(1000 * timeout),
            )
        except (PydanticUserError, TypeError, ValueError) as error:
            raise ValueError(f"{called} cannot be a tool: {error}") from error

    async def call(self, arguments: Mapping[str, Any]) -> CallResult:
        """What the function gives, or what it raises as an error for the model."""
        # The border to code that is not ours.
        try:
            value = await asyncio.to_thread(self._function, **arguments)
            return self._result(await value if inspect.isawaitable(value) else value)
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)]
            return _failed("; ".join(faults))
        except Exception as error:
            return _failed(f"{type(error).__name__}: {error}")

    def _result(self, value: object) -> CallResult:
        if isinstance(value, CallResult):
            return value
        if value is None or isinstance(value, str):
            return CallResult(content=value or "")
        try:
            return CallResult(value=self._json.dump_python(value, mode="json"))
        except ValueError as error:
            return _failed(f"the result has no JSON form: {error}")


def _failed(text: str) -> CallResult:
    return CallResult(content=f"Error: {text}"[:_ERROR], is_error=True)
