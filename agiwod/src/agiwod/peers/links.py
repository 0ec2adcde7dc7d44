"""All other daemons over the same store: looks who is there, and keeps a link to each. Knows nothing that is said."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from agiwo.errors import StorageError
from agiwo_client.address import Address
from agiwo_client.door import Door
from agiwo_client.service import Service
from agiwo_protocol.paths import Paths

from agiwod.peers.link import Link
from agiwod.peers.neighbour import Neighbour, Way
from agiwod.runtime.exchange import Exchange

BEAT: Final = 5.0
"""Seconds between two looks; a daemon that has just begun is looked for as soon as it says something."""

_CONNECTING: Final = 5.0
"""Seconds for a connection and its handshake."""

log = logging.getLogger(__name__)


class Register(Protocol):
    """Where daemons over one store find each other."""

    async def meet(self) -> Sequence[Neighbour]:
        """Say that we are there; the others who are.

        Raises:
            StorageError: nobody can be asked now.
        """
        ...

    async def leave(self) -> None:
        """Be found no more."""
        ...


class Links:
    """A link to each other daemon, for as long as that is in the register."""

    def __init__(self, exchange: Exchange, register: Register, paths: Paths, name: str, *, beat: float = BEAT) -> None:
        self._exchange, self._register, self._paths, self._name, self._beat = exchange, register, paths, name, beat
        self._links: dict[Neighbour, asyncio.Task[None]] = {}
        self._doors: dict[Neighbour, Door] = {}
        self._knocked = asyncio.Event()

    async def run(self) -> None:
        """Find the others and keep connected with them, until cancelled."""
        self._exchange.on_knock = self._knocked.set
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._look(tasks)
                    await self._pause()
        finally:
            self._exchange.on_knock = lambda: None
            for door in self._doors.values():
                await door.aclose()
            await self._register.leave()

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        try:
            there = await self._register.meet()
        except StorageError as error:
            log.debug("nobody knows now which other daemons there are: %s", error)
            return
        for gone in self._links.keys() - there:
            await self._part(gone)
        for new in [each for each in there if each not in self._links]:
            self._links[new] = tasks.create_task(self._join(new), name=f"peer {new.id}")

    async def _join(self, other: Neighbour) -> None:
        door = self._doors[other] = self._door(Way(other, self._paths.token_file))
        try:
            await Link(self._exchange, door, other.id).run()
        except Exception:  # the border: whatever one peer says, the links to the others stay
            log.exception("a peer is not listened to any more", extra={"peer": other.id})

    async def _part(self, gone: Neighbour) -> None:
        log.info("a peer is gone", extra={"peer": gone.id})
        self._links.pop(gone).cancel()
        if door := self._doors.pop(gone, None):
            await door.aclose()

    def _door(self, address: Address) -> Door:
        service = Service(None, None)
        return Door(self._paths, address, name=self._name, autostart=False, timeout=_CONNECTING, service=service)

    async def _pause(self) -> None:
        """Until the next beat, or until somebody comes who may be new."""
        self._knocked.clear()
        try:
            async with asyncio.timeout(self._beat):
                await self._knocked.wait()
        except TimeoutError:
            return
