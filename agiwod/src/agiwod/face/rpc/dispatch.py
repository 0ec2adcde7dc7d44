"""From a method's name to its handler's result, by jsonrpcserver. Knows no connection.

The library gets what it is good at, one request and a table of methods, and its weak sides are covered here: it never
parses (the peer did), never validates an envelope, sees one parameter whatever the params are, and its own errors are
put into our words. What it finds is a call that is begun only then: it would give it a task of its own, for which the
event loop turns three times more, and would have to be told of results and exceptions in its own words.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import get_close_matches
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from agiwo.failpoint import reach
from agiwo_protocol.contract import Method, Wire, read_params
from agiwo_protocol.errors import MethodNotFound, RpcError
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.peer import Reply
from jsonrpcserver import Success, dispatch_to_response
from jsonrpcserver.response import to_serializable_one

from agiwod.face.rpc.errors import hidden, to_rpc

if TYPE_CHECKING:
    from agiwod.face.rpc.connection import Connection

log = logging.getLogger(__name__)

_LONGEST_NAME = 100
"""Characters of an unknown method's name that are compared and told back."""

P = TypeVar("P", bound=Wire)
R = TypeVar("R", bound=Wire)


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """A result, and what is to be done once it is on its way."""

    result: R
    then: Callable[[], None]


Handler = Callable[["Connection", P], Awaitable[R | Answer[R]]]
"""Serves one method: its params are valid, and whatever it raises is translated."""


class MethodTable:
    """The handlers by method."""

    def __init__(self) -> None:
        self._methods: dict[str, Callable[..., Any]] = {}

    @property
    def names(self) -> frozenset[str]:
        """The methods that are served."""
        return frozenset(self._methods)

    def on(self, method: Method[P, R]) -> Callable[[Handler[P, R]], Handler[P, R]]:
        """Register the handler of a method."""

        def register(handler: Handler[P, R]) -> Handler[P, R]:
            self._methods[method.name] = _Endpoint(method, handler)
            return handler

        return register

    async def dispatch(self, connection: "Connection", request: Request) -> Any:
        """The result of a request: JSON data, or a `Reply`.

        Raises:
            RpcError: the error to answer with.
        """
        envelope = {"jsonrpc": "2.0", "id": request.id, "method": request.method, "params": [request.params]}
        response = dispatch_to_response(
            cast("str", envelope),
            self._methods,
            context=connection,
            deserializer=_as_it_is,
            validator=_as_it_is,
            post_process=cast("Any", to_serializable_one),
        )
        answer = cast("dict[str, Any]", response)
        if "error" in answer:
            raise self._error(request.method, answer["error"])
        return await answer["result"]

    def _error(self, method: str, error: dict[str, Any]) -> RpcError:
        if error["code"] == MethodNotFound.code and method not in self._methods:
            name = method[:_LONGEST_NAME]
            near = get_close_matches(name, self._methods, n=3, cutoff=0.5)
            return MethodNotFound(f"there is no method {name!r}", method=name, near=near)
        return hidden(method, RuntimeError(f"jsonrpcserver: {error}"))


class _Endpoint(Generic[P, R]):
    """A handler as the library calls it, for which a `Success` is the call to come."""

    # The library binds the arguments to the signature at each call; with it at hand that is four times as fast.
    __signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in ("connection", "params")]
    )

    def __init__(self, method: Method[P, R], handler: Handler[P, R]) -> None:
        self._method, self._handler = method, handler

    def __call__(self, connection: "Connection", params: Any, /) -> Any:
        return Success(self._served(connection, params))

    async def _served(self, connection: "Connection", params: Any) -> Any:
        began = perf_counter()
        try:
            answer = await self._handler(connection, read_params(self._method.params, params))
        except Exception as error:  # the border: whatever it was becomes an error of the wire
            raise self._failed(began, error) from None
        self._log(began, "ok")
        reach("answer/before")
        if isinstance(answer, Answer):
            return Reply(answer.result.to_wire(), answer.then)
        return answer.to_wire()

    def _failed(self, began: float, error: Exception) -> RpcError:
        told = to_rpc(error, self._method.name)
        self._log(began, told.kind)
        return told

    def _log(self, began: float, outcome: str) -> None:
        if log.isEnabledFor(logging.DEBUG):
            took = round(1000 * (perf_counter() - began), 3)
            log.debug("request", extra={"method": self._method.name, "outcome": outcome, "ms": took})


def _as_it_is(value: Any) -> Any:
    return value


methods = MethodTable()
"""The one table of the native protocol; the modules of `methods` fill it."""
