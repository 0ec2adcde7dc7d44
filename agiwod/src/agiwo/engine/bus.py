"""The bus on which what is streamed of a run comes from where it is made to where it is read. Carries no record.

Nobody who makes something waits for the bus, and what it loses is not missed: a completed item follows in the journal.
"""

from collections.abc import Callable
from typing import Protocol

from agiwo.engine.feed import Feed
from agiwo.engine.news import News

Hear = Callable[[str, tuple[News, ...]], None]
"""Takes what a source, which is named first, tells of a run, in order. Called on the event loop; must not wait."""

Stop = Callable[[], None]
"""Ends what was begun."""


class DeltaBus(Protocol):
    """Connects the feeds of those who work on a run with those who read it, in this process or in others."""

    def publish(self, feed: Feed) -> Stop:
        """Have the open items and notices of this feed heard by all who follow its run, until the result is called.

        The feed is one that is made for this and read by nobody: readers have theirs, to which a `Mirror` brings what
        is heard, not before they have the record that is the head of this one. What will not be completed is to be
        dropped from the feed. What will be stays open at the readers' until its record comes, before which the
        publishing is to be stopped: so nobody is told of an item that is completed already.
        """
        ...

    def follow(self, run: str, hear: Hear) -> Stop:
        """Have `hear` called with all that is made of a run, until the result is called.

        It begins with the items that stand open, as they are so far. After a cut all of them are told once more.
        """
        ...
