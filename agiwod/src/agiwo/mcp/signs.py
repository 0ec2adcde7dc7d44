"""What is heard of a server beside its answers. Decides nothing."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Signs:
    """What is heard of a server beside its answers. `news` is set by each."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    changes: int = 0
    is_doubtful: bool = False
    ended: str | None = None
    pid: int | None = None

    def change(self) -> None:
        """Its tools are not the same any more."""
        self.changes += 1
        self.news.set()

    def doubt(self) -> None:
        """A call was lost: it may not be able to answer any more."""
        self.is_doubtful = True
        self.news.set()

    def end(self, why: str) -> None:
        """It is over."""
        self.ended = self.ended or why
        self.news.set()

    def start(self, pid: int) -> None:
        """Its process runs."""
        self.pid = pid
