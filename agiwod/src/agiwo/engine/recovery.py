"""Taking up the unfinished runs of processes that are gone. Drives none."""

from agiwo.engine.driver import Driver
from agiwo.engine.feeds import Feeds
from agiwo.engine.start import spec_in
from agiwo.failpoint import reach
from agiwo.journal.base import Journal
from agiwo.schema.record import RunHead
from agiwo.schema.run import RunStatus


class Recovery:
    """Has a driver take on what the journal has. Sleepers are parked as the index tells, without reading a record."""

    def __init__(self, journal: Journal, driver: Driver, feeds: Feeds) -> None:
        self._journal, self._driver, self._feeds = journal, driver, feeds

    async def recover(self) -> list[RunHead]:
        """Take on every unfinished run whose process is gone, each below the nearest one that is not over."""
        lineage = self._driver.lineage
        heads = [head for head in await self._journal.claim() if head.run not in lineage]
        reach("recovery/claimed")
        heads.sort(key=lambda head: (head.status == RunStatus.QUEUED, head.created_at))
        await self._relate(heads)
        for head in heads:
            if head.is_asleep:
                self._driver.park(head, lineage.__contains__)
        for head in heads:
            if not head.is_asleep:
                records = await self._journal.load(head.run)
                self._driver.take_on(head, spec_in(records), records, await self._feeds.of(head))
        return heads

    async def _relate(self, heads: list[RunHead]) -> None:
        lineage, parents = self._driver.lineage, dict[str, str | None]()
        for head in heads:
            lineage.join(head.run, None)
        for head in heads:
            above = head.parent
            while above and above not in lineage:
                if above not in parents:
                    over = await self._journal.run(above)
                    parents[above] = over and over.parent
                above = parents[above]
            lineage.join(head.run, above)
