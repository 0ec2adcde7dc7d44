"""Every contract of the protocol: the one list."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from agiwo_protocol import (
    agent,
    approval,
    blob,
    client,
    config,
    connection,
    console,
    daemon,
    event,
    mcp,
    model,
    peering,
    progress,
    project,
    run,
    scheduler,
    session,
    skill,
    storage,
    tool,
    trace,
)
from agiwo_protocol.contract import ClientMethod, Event, Method

RESOURCES: Final = (
    connection,
    daemon,
    config,
    storage,
    console,
    event,
    client,
    project,
    agent,
    model,
    tool,
    mcp,
    skill,
    session,
    run,
    progress,
    scheduler,
    approval,
    trace,
    blob,
    peering,
)
"""One module a resource; a new one joins here."""


def _declared(kind: type[Any]) -> Mapping[str, Any]:
    found = (value for module in RESOURCES for value in vars(module).values() if isinstance(value, kind))
    return MappingProxyType({contract.name: contract for contract in found})


METHODS: Final[Mapping[str, Method[Any, Any]]] = _declared(Method)
"""What a client can ask of the daemon, by wire name."""

CLIENT_METHODS: Final[Mapping[str, ClientMethod[Any, Any]]] = _declared(ClientMethod)
"""What the daemon can ask of a client, by wire name."""

EVENTS: Final[Mapping[str, Event[Any]]] = _declared(Event)
"""The notifications of either side, by wire name."""

URGENT: Final = frozenset(name for name, method in METHODS.items() if method.urgent)
"""The methods that get through on a connection with too many requests in flight."""

LASTING: Final = frozenset(name for name, method in METHODS.items() if method.lasting)
"""The methods whose answers are kept for a client that has much to read, however long they are."""
