"""The daemon in numbers: what its runs do, how they stand, who is connected, how quick the store is. Sends nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from agiwo.journal.base import Journal
from agiwo.observability.metrics import QUICK, About, Gauge, Histogram, Reading, Values
from agiwo.observability.otlp import OtlpExport
from agiwo.observability.run_metrics import RunMetrics
from agiwo.schema.record import RunHead
from agiwo.schema.run import RunStatus

from agiwod.runtime.clients import Clients
from agiwod.runtime.cron import CRON

_STANDS: Final[tuple[str, ...]] = ("queued", "running", "waiting", "sleeping", "suspended")
"""The states of unfinished runs, told also where there are none."""


class Metrics:
    """All numbers of a daemon. `count` tells how many unfinished runs stand where."""

    def __init__(
        self,
        journal: Journal,
        clients: Clients,
        count: Callable[[], Awaitable[Mapping[RunStatus, int]]],
        export: OtlpExport | None,
    ) -> None:
        self._runs, self._clients, self._count, self._export = RunMetrics(journal), clients, count, export
        self._counts: Mapping[RunStatus, int] = {}
        self._loop_lag = 0.0
        about = About("agiwo.store.commit.duration", "s", "How long commits took, those of company included.")
        self._store = Histogram(about, QUICK)
        self._gauges = [
            Gauge(About("agiwo.runs", "{run}", "Unfinished runs.", ("state",)), self._standing),
            Gauge(About("agiwo.clients", "{client}", "Clients that are connected."), lambda: {(): len(clients)}),
            Gauge(
                About("agiwo.client.lag", "{event}", "Events that the slowest client has yet to be sent."), self._lag
            ),
            Gauge(About("agiwo.loop.lag", "s", "How long a turn of the event loop took just now."), self._turn),
            Gauge(
                About("agiwo.spans", "{span}", "Spans that go elsewhere, by what became of them.", ("fate",)),
                self._spans,
            ),
        ]

    def follow(self, head: RunHead) -> None:
        """Count what a run does that the engine has just taken on."""
        if head.agent != CRON:
            self._runs.follow(head)

    def committed(self, seconds: float) -> None:
        """A commit took so long."""
        self._store.add(seconds)

    async def read(self) -> list[Reading]:
        """All numbers at this moment."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0)
        self._loop_lag = loop.time() - began
        self._counts = await self._count()
        return [*self._runs.read(), self._store.read(), *(gauge.read() for gauge in self._gauges)]

    def _standing(self) -> Mapping[Values, float]:
        standing = dict.fromkeys(_STANDS, 0)
        for status, count in self._counts.items():
            state = "running" if status == RunStatus.CANCELLING else str(status)
            standing[state] = standing.get(state, 0) + count
        return {(state,): count for state, count in standing.items()}

    def _lag(self) -> Mapping[Values, float]:
        return {(): max((client.lag() for client in self._clients.list()), default=0)}

    def _turn(self) -> Mapping[Values, float]:
        return {(): self._loop_lag}

    def _spans(self) -> Mapping[Values, float]:
        if self._export is None:
            return {}
        counts = self._export.counts
        return {("sent",): counts.sent, ("dropped",): counts.dropped, ("refused",): counts.refused}
