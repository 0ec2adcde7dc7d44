"""The handshake as far as it needs no engine: the one answer of `initialize`, and who may have it at once.

Standard library only: a standalone daemon answers with this before it has loaded anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from agiwo_protocol.limits import HIGH_WATER, MAX_ATTACHED, MAX_IN_FLIGHT, MAX_MESSAGE
from agiwo_protocol.summary import CAPABILITIES, SCHEMA_HASH
from agiwo_protocol.version import PROTOCOL_VERSION, SUPPORTED

from agiwod.face.rpc.moment import moment
from agiwod.runtime.identity import Identity

_PLAIN: Final = frozenset({"protocolVersion", "clientInfo", "capabilities", "workspace", "attach"})
_TEXTS: Final[Mapping[str, str]] = {"clientInfo": "name", "workspace": "cwd"}
"""Params that are tables of strings, and the string that each must have."""

_SHORT: Final = 256
"""Characters that the contract allows of each of them."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A handshake that was held: the connection's id in the answer, and the params, which are right.

    `cwd` is where the client works, as far as its process tells.
    """

    connection_id: str
    params: Mapping[str, Any]
    cwd: str | None = None


def welcome(identity: Identity, connection_id: str, *, program: str, version: int = PROTOCOL_VERSION) -> dict[str, Any]:
    """The answer of `initialize` to a client that attaches to no run."""
    return {
        "protocolVersion": version,
        "supportedVersions": list(SUPPORTED),
        "schemaHash": SCHEMA_HASH,
        "serverInfo": {"name": "agiwod", "version": program},
        "daemon": {"id": identity.id, "pid": identity.pid, "startedAt": moment(identity.started_at)},
        "connectionId": connection_id,
        "capabilities": {name: {} for name in CAPABILITIES},
        "limits": {
            "maxMessageBytes": MAX_MESSAGE,
            "maxInFlight": MAX_IN_FLIGHT,
            "maxAttached": MAX_ATTACHED,
            "highWaterBytes": HIGH_WATER,
        },
        "attached": [],
    }


def is_plain(params: object) -> bool:
    """Whether these params of `initialize` are surely right, and ask for nothing that needs an engine.

    False is no refusal: the contract decides then, which knows what may be absent and what is wrong.
    """
    if not isinstance(params, dict):
        return False
    given = cast("dict[str, Any]", params)
    version = given.get("protocolVersion")
    return (
        given.keys() <= _PLAIN
        and type(version) is int
        and version in SUPPORTED
        and "clientInfo" in given
        and all(_has_texts(given[name], needed) for name, needed in _TEXTS.items() if name in given)
        and _is_table_of(dict, given.get("capabilities", {}))
        and given.get("attach", []) == []
    )


def _has_texts(value: object, needed: str) -> bool:
    if not _is_table_of(str, value):
        return False
    texts = cast("dict[str, str]", value)
    return needed in texts and all(len(text) <= _SHORT for text in texts.values())


def _is_table_of(kind: type[Any], value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, kind) for each in cast("dict[str, Any]", value).values())
