"""A request of the protocol as a method: its params are keywords, its answer is typed. Sends nothing itself."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, Signature
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar, overload

from agiwo_protocol.contract import Method, Wire

A = ParamSpec("A")
P = TypeVar("P", bound=Wire)
R = TypeVar("R", bound=Wire)
C = TypeVar("C", bound="Awaited | Blocking", covariant=True)

_PATIENT: Final = 60.0
"""Seconds in which a daemon answers, unless the request is one for waiting."""


class Awaited:
    """Marks resources whose requests are awaited."""


class Blocking:
    """Marks resources whose requests hold up the caller until the answer is there."""


class Ask(Protocol):
    """How a resource reaches the daemon."""

    def __call__(self, method: Method[Any, Any], params: Wire, *, timeout: float | None, is_safe: bool) -> Any:
        """The answer, or what can be awaited for it. What `is_safe` is asked again when a connection was lost."""
        ...


class Resource(Generic[C]):
    """The requests about one kind of thing."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def make(self, request: "Request[..., Any]", fields: dict[str, Any]) -> Any:
        """The answer to the request with these fields, or what can be awaited for it."""
        params = request.params(fields)
        return self._ask(request.method, params, timeout=request.timeout, is_safe=request.is_safe)


@dataclass(frozen=True, slots=True)
class Request(Generic[A, R]):
    """One request. As a method it takes the fields of its params, in Python's spelling, and nothing else."""

    method: Method[Any, R]
    timeout: float | None = _PATIENT
    is_safe: bool = False

    @overload
    def __get__(self, resource: Resource[Awaited], owner: type) -> Callable[A, Coroutine[Any, Any, R]]: ...
    @overload
    def __get__(self, resource: Resource[Blocking], owner: type) -> Callable[A, R]: ...
    @overload
    def __get__(self, resource: None, owner: type) -> "Request[A, R]": ...
    def __get__(self, resource: Resource[Any] | None, owner: type) -> Any:
        """The request, ready to be called."""
        if resource is None:
            return self

        def call(**fields: Any) -> Any:
            return resource.make(self, fields)

        call.__name__, call.__doc__ = self.method.name, self.method.about
        vars(call)["__signature__"] = _signature(self.method.params)
        return call

    def params(self, fields: dict[str, Any]) -> Wire:
        """The params with these fields.

        Raises:
            TypeError: there is no such field.
            ValueError: one has a value that it cannot have.
        """
        model: type[Wire] = self.method.params
        # On the wire an unknown field is none; here it is a slip of the pen.
        unknown = [name for name in fields if name not in model.model_fields]
        if unknown:
            known = ", ".join(model.model_fields) or "nothing"
            raise TypeError(f"{self.method.name} does not take {', '.join(map(repr, unknown))}; it takes {known}")
        return model(**fields)


@cache
def _signature(model: type[Wire]) -> Signature:
    """What a notebook shows to whoever asks how the request is made."""
    fields = model.model_fields.items()
    return Signature(
        [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.is_required() else field.get_default(call_default_factory=True),
                annotation=field.annotation,
            )
            for name, field in fields
        ]
    )


def changes(method: Method[P, R], params: Callable[A, P]) -> Request[A, R]:
    """A request that is made once: when its answer is lost, nobody knows whether it was served."""
    return Request(method)


def reads(method: Method[P, R], params: Callable[A, P]) -> Request[A, R]:
    """A request that changes nothing, and is made again until there is an answer."""
    return Request(method, is_safe=True)


def waits(method: Method[P, R], params: Callable[A, P]) -> Request[A, R]:
    """A request that reads, and whose answer may take as long as it likes."""
    return Request(method, timeout=None, is_safe=True)
