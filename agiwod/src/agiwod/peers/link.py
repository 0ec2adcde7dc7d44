"""The conversation with one other daemon: says which runs are followed here, and brings what it makes of them."""

import asyncio
import logging
import math
from collections.abc import Iterator
from typing import Final

from agiwo_client.door import Door
from agiwo_client.errors import DaemonGone, DaemonNotFound
from agiwo_client.patience import Patience
from agiwo_protocol import peering
from agiwo_protocol.channel import ChannelClosed, StreamChannel
from agiwo_protocol.contract import Empty, Method, read_params
from agiwo_protocol.errors import RpcError
from agiwo_protocol.jsonrpc import Notification
from agiwo_protocol.peer import Peer, refuse_requests

from agiwod.face.rpc.encode_news import news_of
from agiwod.runtime.exchange import Exchange

_AT_ONCE: Final = 1000
"""Runs in one request; the protocol takes no more."""

_PATIENCE: Final = 10.0
"""Seconds for an answer; a peer that needs longer is asked again over another connection."""

log = logging.getLogger(__name__)


class Link:
    """Keeps one connection to a peer, opened again with growing pauses when it is lost. No run waits for it.

    After each opening all that is wanted is asked for anew, so what was missed meanwhile of open items comes then.
    """

    def __init__(self, exchange: Exchange, door: Door, peer: str) -> None:
        self._exchange, self._door, self._peer = exchange, door, peer
        self._wishes: dict[str, bool] = {}
        self._wished = asyncio.Event()
        self._complaint = ""

    async def run(self) -> None:
        """Follow what is wanted here, until cancelled."""
        patience = Patience(math.inf)
        while True:
            try:
                channel, _ = await self._door.open()
                patience.restore()
                self._complaint = ""
                log.info("connected with a peer", extra={"peer": self._peer})
                await self._converse(channel)
                raise DaemonGone("the connection ended")
            except (DaemonNotFound, DaemonGone, RpcError) as error:
                self._complain(str(error))
                await patience.wait(error)

    async def _converse(self, channel: StreamChannel) -> None:
        peer = Peer(channel, refuse_requests, self._hear)
        self._wishes = dict.fromkeys(self._exchange.wanted, True)
        self._wished.set()
        stop = self._exchange.on_wish(self._wish)
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell(peer))
                await peer.run()
                telling.cancel()
        finally:
            stop()
            await self._door.close(channel)

    def _wish(self, run: str, is_wanted: bool) -> None:
        self._wishes[run] = is_wanted
        self._wished.set()

    async def _tell(self, peer: Peer) -> None:
        """Tell the peer what is wanted, as it changes; what is asked for faster than it answers is told together."""
        try:
            await self._ask(peer, peering.FOLLOW, [])  # so that it looks who came, whatever is wanted
            while True:
                await self._wished.wait()
                self._wished.clear()
                wishes, self._wishes = self._wishes, {}
                for some in _parts([run for run, is_wanted in wishes.items() if is_wanted]):
                    await self._ask(peer, peering.FOLLOW, some)
                for some in _parts([run for run, is_wanted in wishes.items() if not is_wanted]):
                    await self._ask(peer, peering.UNFOLLOW, some)
        except ChannelClosed:
            return

    async def _ask(self, peer: Peer, method: Method[peering.RunsParams, Empty], runs: list[str]) -> None:
        try:
            await peer.request(method.name, peering.RunsParams(run_ids=runs).to_wire(), timeout=_PATIENCE)
        except RpcError as error:
            # Some deltas will be missed, and no record is.
            self._complain(f"{method.name} was refused: {error}")

    def _hear(self, peer: Peer, notification: Notification) -> None:
        if notification.method == peering.DELTAS.name:
            deltas = read_params(peering.Deltas, notification.params)
            self._exchange.hear(deltas.run_id, deltas.source, news_of(deltas))

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("a peer cannot be heard: %s", complaint, extra={"peer": self._peer})


def _parts(runs: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(runs), _AT_ONCE):
        yield runs[start : start + _AT_ONCE]
