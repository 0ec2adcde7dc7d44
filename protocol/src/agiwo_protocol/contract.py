"""What a contract is made of: the shape of wire data, a method of either side, a notification. Lists none of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from agiwo_protocol.errors import InvalidParams


class Wire(BaseModel):
    """Data as it crosses the wire: frozen, camelCase, strict about types, deaf to fields that it does not know.

    A model's validator is built when it is first used: a process uses few of them, and each start would pay for all.
    """

    model_config = ConfigDict(
        frozen=True,
        defer_build=True,
        strict=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    def to_wire(self) -> dict[str, Any]:
        """JSON data with camelCase names; what is None is left out."""
        return self.model_dump(exclude_none=True)


class Empty(Wire):
    """No params, or nothing to say in answer."""


P = TypeVar("P", bound=Wire)
R = TypeVar("R", bound=Wire)

Sender = Literal["client", "daemon"]


@dataclass(frozen=True, slots=True)
class Method(Generic[P, R]):
    """One request: its wire name, what it carries, what it answers.

    `early`: answered before `initialize`. `urgent`: not counted among the requests in flight, so that it gets through
    on a busy connection. `lasting`: what it did cannot be asked for again, so its answer is kept however long it is.
    """

    name: str
    params: type[P]
    result: type[R]
    about: str
    early: bool = False
    urgent: bool = False
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class ClientMethod(Generic[P, R]):
    """One request that the daemon makes of a client: its wire name, what it carries, what the client answers.

    Only clients that have declared the `capability` get it.
    """

    name: str
    params: type[P]
    result: type[R]
    about: str
    capability: str


@dataclass(frozen=True, slots=True)
class Event(Generic[P]):
    """One notification: its wire name, what it carries, who sends it."""

    name: str
    params: type[P]
    about: str
    sender: Sender = "daemon"


Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A number of things, or a position: never negative, and exact in every language."""

Seconds = Annotated[float, Field(ge=0, le=1e9)]
"""A span of time: at most some thirty years, so that what it leads to is a time."""

LONGEST_NAME: Final = 4096

Name = Annotated[str, Field(max_length=LONGEST_NAME)]
"""What a client names something by: an id, a model, a cursor."""

Limit = Annotated[int, Field(ge=1, le=1000)]
"""How many things a page may hold."""


class Page(Wire):
    """The params of every list: where to go on, and how many at most."""

    cursor: Name | None = None
    limit: Limit = 100


def read_params(model: type[P], params: Mapping[str, Any] | list[Any] | None) -> P:
    """The params of a request as `model`.

    Raises:
        InvalidParams: they have another shape; the error names each place and what is wrong with it.
    """
    given: Mapping[str, Any] | list[Any] = {} if params is None else params
    try:
        return model.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        complaints = _complaints(error, given)
    # Out here, not in the `except`: pydantic's error would be kept as the context of ours. What a validator raised
    # keeps the frames that keep ours, and that circle goes through Rust, where the garbage collector sees no way.
    raise InvalidParams("the params do not fit the method", errors=complaints)


_MOST_COMPLAINTS = 20
"""Whoever has more to correct will ask again: an answer must not be larger than what it answers."""

_LONGEST_PATH = 200
"""Characters of a path that are told: it may hold keys that the client chose."""


def _complaints(error: ValidationError, given: object) -> list[dict[str, str]]:
    """What a validation found, as `[{path, message}]`. Values are not repeated: they may be secret."""
    return [
        {
            "path": _path(found["loc"], given, found["type"] == "missing"),
            "message": found["msg"].removeprefix("Value error, "),
        }
        for found in error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_COMPLAINTS]
    ]


def _path(loc: tuple[int | str, ...], given: object, missing: bool) -> str:
    """The place in the data; the names of a union's branches, which pydantic puts between, are left out."""
    path: list[str] = []
    node: Any = given
    for number, part in enumerate(loc, 1):
        if isinstance(node, Mapping) and (part in node or (missing and number == len(loc))):
            path.append(str(part))
            node = cast("Mapping[Any, Any]", node).get(part)
        elif isinstance(node, list) and isinstance(part, int):
            path.append(str(part))
            node = cast("list[Any]", node)[part]
    return ".".join(path)[:_LONGEST_PATH]
