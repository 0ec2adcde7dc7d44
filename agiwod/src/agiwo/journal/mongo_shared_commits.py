"""Commits to a MongoDB journal to which other processes commit, too: each is told after what came before it."""

from collections.abc import Sequence

from agiwo.journal.group import Append, Named, Outcome
from agiwo.journal.mongo_blobs import MongoBlobs
from agiwo.journal.mongo_commit import MongoCommits
from agiwo.journal.mongo_news import MongoNews
from agiwo.journal.mongo_owner import MongoOwner
from agiwo.journal.mongo_server import MongoServer
from agiwo.schema.record import RunHead


class SharedCommits(MongoCommits):
    """Appends of one process of several that work together."""

    def __init__(self, server: MongoServer, owner: MongoOwner, blobs: MongoBlobs, news: MongoNews) -> None:
        super().__init__(server, owner, blobs, news.listeners, news.end)
        self._news = news

    async def claim(self) -> list[RunHead]:
        """As `Journal.claim`: a run is nobody's alone."""
        return []

    async def _commit_documents(self, group: Sequence[Append]) -> list[Outcome]:
        self._news.begin(Named.by(group).runs)
        outcomes = await super()._commit_documents(group)
        firsts: dict[str, int] = {}
        for outcome in outcomes:
            for record in outcome if isinstance(outcome, list) else ():
                firsts.setdefault(record.run, record.position)
        await self._news.close_gaps(firsts)
        return outcomes
