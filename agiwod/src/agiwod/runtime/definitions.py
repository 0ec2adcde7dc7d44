"""Agents that clients define: which may be, and what a definition may not touch. Makes none, and writes no file."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Protocol

from agiwo.errors import Conflict

from agiwod.runtime.agents import Agents, Registered

CLIENT: Final = "client"
"""The source of an agent that a client has defined."""

_MOST: Final = 500
"""Agents that clients may define: each new one has all made anew."""


class Definer(Protocol):
    """Who makes agents of definitions, and keeps those over restarts. Waits for files."""

    def table(self, id: str) -> Mapping[str, Any] | None:
        """What was said of this agent; None when no client has defined it."""
        ...

    async def define(self, id: str, table: Mapping[str, Any]) -> None:
        """Have this agent from now on.

        Raises:
            DefinitionInvalid: it cannot be made.
            StorageError: it cannot be kept.
        """
        ...

    async def remove(self, id: str) -> None:
        """Have it no more.

        Raises:
            Conflict: another one that a client defined needs it.
            StorageError: that cannot be kept.
        """
        ...


class Definitions:
    """What clients define, beside the agents of the settings, which nobody can change from here.

    Without a `definer`, nothing can be defined.
    """

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        self._changing = asyncio.Lock()
        self.definer: Definer | None = None

    async def define(self, id: str, table: Mapping[str, Any]) -> Registered:
        """The agent as it is from now on.

        Raises:
            Conflict: there is one of that id that no client defined, or there are too many.
            DefinitionInvalid, StorageError: as `Definer.define`.
        """
        async with self._changing:
            known = {each.agent.id: each.source for each in self._agents.list()}
            if known.get(id, CLIENT) != CLIENT:
                raise Conflict(f"agent {id!r} is there already, and was not defined by a client ({known[id]})")
            if id not in known and list(known.values()).count(CLIENT) >= _MOST:
                raise Conflict(f"clients have defined {_MOST} agents, which is the most there may be; remove some")
            await self._able().define(id, table)
            return self._agents.get(id)

    async def remove(self, id: str) -> None:
        """Forget one that a client defined.

        Raises:
            NotFound: there is no such agent.
            Conflict: no client defined it, or another one needs it.
            StorageError: as `Definer.remove`.
        """
        async with self._changing:
            source = self._agents.get(id).source
            if source != CLIENT:
                raise Conflict(f"agent {id!r} was not defined by a client ({source}), and is to be removed there")
            await self._able().remove(id)

    def table(self, id: str) -> Mapping[str, Any] | None:
        """What a client said of this agent; None when none has defined it."""
        return self.definer.table(id) if self.definer else None

    def _able(self) -> Definer:
        if self.definer is None:
            raise Conflict("this daemon has nowhere to keep the agents that clients define")
        return self.definer
