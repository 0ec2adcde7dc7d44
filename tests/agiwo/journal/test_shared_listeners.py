"""What listeners hear of a run to which several processes append, however this process comes to know of it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from agiwo.journal.shared_listeners import Ear, SharedListeners
from agiwo.schema.record import Record
from hypothesis import given, settings
from hypothesis import strategies as st


def records(first: int, last: int) -> list[Record]:
    """Records at these positions; every third is internal."""
    return [Record("r", at, None if at % 3 == 0 else at, "e", {}, 1.0) for at in range(first, last + 1)]


@dataclass
class Heard:
    """What one listener has heard, and between which positions it begins to hear."""

    earliest: int
    latest: int | None = None
    positions: list[int] = field(default_factory=list[int])


@dataclass
class World:
    """A store with one run, and this process in front of it. Each method is something that may happen next."""

    listeners: SharedListeners = field(default_factory=SharedListeners)
    length: int = 0
    untold: deque[tuple[int, int]] = field(default_factory=deque[tuple[int, int]])
    asked: deque[tuple[list[Ear], int]] = field(default_factory=deque[tuple[list[Ear], int]])
    heard: list[Heard] = field(default_factory=list[Heard])

    def we_append(self, size: int) -> None:
        """Commit here; that it has been made is told later. Whoever listens already is to hear it."""
        self.begin_here()
        self.untold.append((self.length + 1, self.length + size))
        self.length += size

    def others_append(self, size: int) -> None:
        self.length += size

    def tell(self, _: int) -> None:
        """The server's answer to our commits is there; what others appended before them is read first."""
        if self.untold:
            self.ask(0)
            while self.asked:
                self.place(0)
            self.listeners.begin("r", self.untold[0][0])
            self.listeners.hear("r", records(self.listeners.heard("r") + 1, min(self.untold[0][0] + 1, self.length)))
        while self.untold:
            self.listeners.tell(records(*self.untold.popleft()))

    def ring(self, back: int) -> None:
        """The stream tells of a record, the latest or one before."""
        self.listeners.note("r", max(self.length + 1 - back, 0))

    def read(self, size: int) -> None:
        """Read on for those who are behind, unless we append there at the moment."""
        for run in self.listeners.behind() if not self.untold else ():
            place = self.listeners.heard(run)
            self.listeners.hear(run, records(place + 1, min(place + size, self.length)))

    def listen(self, _: int) -> None:
        """Somebody begins to listen: to what comes, and to what we have appended and not been told of."""
        one = Heard(self.untold[0][0] if self.untold else self.length + 1)
        self.heard.append(one)
        self.listeners.add("r", lambda news: one.positions.extend(each.position for each in news), internal=True)

    def ask(self, _: int) -> None:
        """The store says how many records there are; this arrives later."""
        self.asked.append((self.listeners.unplaced(), self.length))
        self.begin_here()

    def begin_here(self) -> None:
        """What comes from now on is for all who listen."""
        for each in self.heard:
            each.latest = self.length + 1 if each.latest is None else each.latest

    def place(self, _: int) -> None:
        if self.asked:
            ears, length = self.asked.popleft()
            self.listeners.place(ears, {"r": length})

    def settle(self) -> None:
        """Let everything that is on its way arrive."""
        self.ask(0)
        self.tell(0)
        while self.asked:
            self.place(0)
        self.ring(1)
        while self.listeners.behind():
            self.read(2)


HAPPENINGS = [
    World.we_append,
    World.others_append,
    World.tell,
    World.ring,
    World.read,
    World.listen,
    World.ask,
    World.place,
]


@settings(max_examples=100, deadline=None)
@given(story=st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.integers(1, 3)), min_size=25, max_size=50))
def test_everybody_hears_everything_once_and_in_order_from_about_when_they_began_to_listen(
    story: list[tuple[Callable[[World, int], None], int]],
) -> None:
    world = World()
    for happening, size in story:
        happening(world, size)
    world.settle()

    for heard in world.heard:
        assert heard.latest is not None
        first = heard.positions[0] if heard.positions else world.length + 1
        assert heard.positions == list(range(first, world.length + 1))
        assert heard.earliest <= first <= heard.latest


def test_who_does_not_ask_for_internal_records_hears_the_others_and_is_not_told_of_nothing() -> None:
    listeners, heard = SharedListeners(), list[list[int]]()
    listeners.add("r", lambda news: heard.append([each.position for each in news]))
    for first, last in [(1, 2), (3, 3), (4, 7)]:
        listeners.tell(records(first, last))
    assert heard == [[1, 2], [4, 5, 7]]


def test_a_listener_that_stops_hears_no_more_and_is_waited_for_by_nobody() -> None:
    listeners, heard = SharedListeners(), list[Record]()
    stop = listeners.add("r", heard.extend)
    listeners.tell(records(1, 1))
    listeners.note("r", 2)
    assert listeners.behind() == ["r"]
    stop()
    stop()
    assert listeners.behind() == listeners.runs() == listeners.unplaced() == []
    listeners.tell(records(2, 2))
    assert len(heard) == 1


def test_a_listener_that_raises_keeps_nobody_else_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    listeners, heard = SharedListeners(), list[Record]()

    def broken(news: object) -> None:
        raise RuntimeError("a listener's fault")

    listeners.add("r", broken)
    listeners.add("r", heard.extend)
    listeners.tell(records(1, 2))
    assert heard == records(1, 2)
    assert "a listener raised" in caplog.text


def test_what_became_known_before_a_listener_had_its_place_is_read_for_it() -> None:
    listeners, heard = SharedListeners(), list[Record]()
    listeners.add("r", heard.extend)
    asked = listeners.unplaced()
    listeners.note("r", 2)
    assert listeners.behind() == []
    listeners.place(asked, {"r": 1})
    assert listeners.is_behind.is_set()
    assert (listeners.behind(), listeners.heard("r")) == (["r"], 1)
    listeners.hear("r", records(2, 2))
    assert heard == records(2, 2)
    assert listeners.behind() == []
