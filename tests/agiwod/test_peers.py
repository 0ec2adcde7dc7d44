"""Daemons that share a store hear from each other what they stream, over real sockets."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from agiwo.engine.bus import Stop
from agiwo.engine.feed import Feed, OpenItem
from agiwo.engine.local_bus import Listening
from agiwo.engine.mirror import Mirror
from agiwo.engine.outlet import Excerpt
from agiwo.errors import StorageError
from agiwo_client.errors import DaemonNotFound
from agiwo_protocol.paths import Paths, locate
from agiwod.face.door import Door
from agiwod.face.lock import Lock
from agiwod.peers.links import Links
from agiwod.peers.neighbour import Neighbour, Way, seen_from, this_machine
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.exchange import Exchange
from daemon_lab import PATIENCE, running
from live_daemon import Line
from transport_lab import Place, serving_at, serving_tcp

pytestmark = pytest.mark.anyio

RUN = "run_1"


@dataclass
class Village:
    """A register in memory."""

    there: dict[str, Neighbour] = field(default_factory=dict[str, Neighbour])
    is_closed: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int) -> None:
        """Return once so many are there."""
        async with asyncio.timeout(PATIENCE):
            while len(self.there) < count:
                self.came.clear()
                await self.came.wait()


@dataclass
class OwnRegister:
    """The register as one daemon has it."""

    village: Village
    own: Neighbour

    async def meet(self) -> Sequence[Neighbour]:
        if self.village.is_closed:
            raise StorageError("closed")
        self.village.there[self.own.id] = self.own
        self.village.came.set()
        return [each for each in self.village.there.values() if each.id != self.own.id]

    async def leave(self) -> None:
        self.village.there.pop(self.own.id, None)


@asynccontextmanager
async def linked(
    daemon: Daemon, village: Village, place: Place, paths: Paths, beat: float = 0.05
) -> AsyncGenerator[None]:
    """A daemon that the others can reach at a place, and its links to them."""
    is_here = isinstance(place, Path)
    own = Neighbour(daemon.id, this_machine(), *(str(place), None) if is_here else (None, str(place)))
    links = Links(daemon.bus, OwnRegister(village, own), paths, daemon.id, beat=beat)
    task = asyncio.create_task(links.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def neighbours(home: Path, count: int = 2) -> AsyncGenerator[list[Daemon]]:
    """Daemons that are linked over unix sockets."""
    village = Village()
    async with AsyncExitStack() as living:
        daemons: list[Daemon] = []
        for number in range(count):
            daemon = await living.enter_async_context(running())
            place = await living.enter_async_context(serving_at(home / f"{number}.sock", Door(daemon).converse))
            await living.enter_async_context(linked(daemon, village, place, locate(home)))
            daemons.append(daemon)
        yield daemons


class Reader:
    """One who reads a run at a daemon that does not work on it."""

    def __init__(self, daemon: Daemon) -> None:
        self.feed = Feed(RUN, 0)
        self.stop = daemon.bus.follow(RUN, Mirror(self.feed).hear)
        self._news = asyncio.Event()

    def wake(self) -> None:
        self._news.set()

    @property
    def shown(self) -> dict[str, str]:
        return {item.id: "".join(item.texts) for item in self.feed.items.values()}

    async def until(self, is_so: Callable[[dict[str, str]], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so(self.shown):
                self._news.clear()
                self.feed.tell(self)
                await self._news.wait()

    async def sees(self, **texts: str) -> None:
        await self.until(lambda shown: shown == texts)


class Worker:
    """One who works on a run at a daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self.feed = Feed(RUN, 0)
        self.stop = daemon.bus.publish(self.feed)

    def say(self, item: str, *texts: str) -> None:
        if item not in self.feed.items:
            self.feed.open(OpenItem(item, "message", {"role": "assistant"}, 0, 1.5))
        for text in texts:
            self.feed.delta(self.feed.items[item], "text", text)


async def test_what_one_daemon_streams_is_seen_at_the_others(tmp_path: Path) -> None:
    async with neighbours(tmp_path, 3) as (one, *others):
        readers = [Reader(other) for other in others]
        worker = Worker(one)
        worker.say("m", "hello")
        for reader in readers:
            await reader.sees(m="hello")
        worker.say("m", " ", "world")
        worker.say("n", "more")
        for reader in readers:
            await reader.sees(m="hello world", n="more")
        worker.feed.drop(["n"])
        for reader in readers:
            await reader.sees(m="hello world")
            item = reader.feed.items["m"]
            assert (item.kind, item.data, item.attempt, item.at) == ("message", {"role": "assistant"}, 0, 1.5)


async def test_who_comes_late_sees_what_stands_open_and_then_what_comes(tmp_path: Path) -> None:
    async with neighbours(tmp_path) as (one, other):
        worker = Worker(one)
        worker.say("m", "so far")
        reader = Reader(other)
        await reader.sees(m="so far")
        worker.feed.notice("log", {"text": "slow"}, 2.5, stands=True)
        worker.say("m", ", and on")
        await reader.sees(m="so far, and on")
        late = Reader(other)
        await late.sees(m="so far, and on")
        assert reader.shown == late.shown
        assert list(late.feed.notices) == [(1, "log", {"text": "slow"}, 2.5)]
        assert len(reader.feed.notices) == 1


class WatchedExchange(Exchange):
    """One of whom the test knows what others follow here."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.moved = asyncio.Event()

    def listen(
        self, run: str, wake: Callable[[], None], take: Callable[[Excerpt], None], is_full: Callable[[], bool]
    ) -> tuple[Listening, Stop]:
        listening, stop = super().listen(run, wake, take, is_full)
        self.heard.append(run)
        self.moved.set()

        def stop_too() -> None:
            stop()
            self.heard.remove(run)
            self.moved.set()

        return listening, stop_too

    async def until(self, *heard: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.heard != list(heard):
                self.moved.clear()
                await self.moved.wait()


async def test_a_peer_is_asked_for_what_is_followed_and_for_nothing_else(tmp_path: Path) -> None:
    village = Village()
    async with (
        running() as one,
        running() as other,
        serving_at(tmp_path / "one.sock", Door(one).converse) as first,
        serving_at(tmp_path / "two.sock", Door(other).converse) as second,
    ):
        one.bus = exchange = WatchedExchange()
        async with linked(one, village, first, locate(tmp_path)):
            early = other.bus.follow("early", lambda source, news: None)
            async with linked(other, village, second, locate(tmp_path)):
                await exchange.until("early")
                late = other.bus.follow("late", lambda source, news: None)
                await exchange.until("early", "late")
                early()
                await exchange.until("late")
            await exchange.until()
            late()


async def test_two_daemons_may_work_on_one_run(tmp_path: Path) -> None:
    async with neighbours(tmp_path) as (one, other):
        reader = Reader(one)
        here, there = Worker(one), Worker(other)
        here.say("a", "here")
        there.say("b", "there")
        await reader.sees(a="here", b="there")


async def test_a_peer_that_was_cut_off_is_found_again_and_nothing_is_seen_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    village, paths = Village(), locate(tmp_path)
    socket = tmp_path / "one.sock"
    async with (
        running() as one,
        running() as other,
        serving_at(tmp_path / "two.sock", Door(other).converse) as second,
        linked(other, village, second, paths),
    ):
        reader, worker = Reader(other), Worker(one)
        async with serving_at(socket, Door(one).converse) as first, linked(one, village, first, paths):
            worker.say("m", "before")
            await reader.sees(m="before")
            known = village.there[one.id]
        village.there[one.id] = known  # it did not leave: it was cut off
        worker.say("m", ", while it was cut off")
        assert reader.shown == {"m": "before"}
        async with serving_at(socket, Door(one).converse):
            await reader.sees(m="before, while it was cut off")
            worker.say("m", ", and after")
            await reader.sees(m="before, while it was cut off, and after")
    assert [record.message for record in caplog.records].count("connected with a peer") >= 2


async def test_a_daemon_that_begins_is_known_to_the_others_at_once(tmp_path: Path) -> None:
    async with AsyncExitStack() as leaving:
        (one,) = await leaving.enter_async_context(neighbours(tmp_path, 1))
        village = Village()
        place = await leaving.enter_async_context(serving_at(tmp_path / "a.sock", Door(one).converse))
        await leaving.enter_async_context(linked(one, village, place, locate(tmp_path), beat=3600))
        reader = Reader(one)
        other = await leaving.enter_async_context(running())
        second = await leaving.enter_async_context(serving_at(tmp_path / "b.sock", Door(other).converse))
        await leaving.enter_async_context(linked(other, village, second, locate(tmp_path), beat=3600))
        Worker(other).say("m", "new here")
        await reader.sees(m="new here")


@asynccontextmanager
async def behind_tokens(tmp_path: Path, ours: str, theirs: str) -> AsyncGenerator[tuple[Daemon, Daemon]]:
    """Two daemons over TCP. Each knows a token of its own file; the other's wants `theirs`."""
    village = Village()
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        file = locate(home).token_file
        file.parent.mkdir(parents=True)
        file.write_text(ours)
    async with (
        running() as one,
        running() as other,
        serving_tcp(Door(one, Lock(theirs)).converse) as first,
        serving_tcp(Door(other, Lock(ours)).converse) as second,
        linked(one, village, first, locate(homes[0])),
        linked(other, village, second, locate(homes[1])),
    ):
        yield one, other


async def test_over_tcp_peers_know_each_other_by_the_token_that_they_share(tmp_path: Path) -> None:
    async with behind_tokens(tmp_path, "open-sesame", "open-sesame") as (one, other):
        reader = Reader(other)
        Worker(one).say("m", "let in")
        await reader.sees(m="let in")


async def test_a_peer_with_another_token_hears_nothing_and_its_own_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with behind_tokens(tmp_path, "ours", "theirs") as (one, other):
        reader, elsewhere = Reader(other), Reader(one)
        Worker(one).say("m", "secret")
        Worker(other).say("n", "for those who know the token")
        await elsewhere.sees(m="secret", n="for those who know the token")
        assert reader.shown == {"n": "for those who know the token"}
        complaints = [each.message for each in caplog.records if each.name == "agiwod.peers.link"]
        assert complaints == ["a peer cannot be heard: this is not the daemon's token"]


async def test_a_register_that_does_not_answer_parts_nobody(tmp_path: Path) -> None:
    village = Village()
    async with AsyncExitStack() as stack:
        daemons = [await stack.enter_async_context(running()) for _ in range(2)]
        for number, daemon in enumerate(daemons):
            place = await stack.enter_async_context(serving_at(tmp_path / f"{number}.sock", Door(daemon).converse))
            await stack.enter_async_context(linked(daemon, village, place, locate(tmp_path)))
        reader, worker = Reader(daemons[0]), Worker(daemons[1])
        worker.say("m", "a")
        await reader.sees(m="a")
        village.is_closed = True
        worker.say("m", "b")
        await reader.sees(m="ab")


async def test_a_peer_that_does_not_read_slows_nobody(tmp_path: Path) -> None:
    async with neighbours(tmp_path) as (one, other):
        reader, slow = Reader(other), await Line.at(tmp_path / "0.sock")
        await slow.ask("peer/follow", runIds=[RUN])
        worker = Worker(one)
        for _ in range(200):
            worker.say("m", "x" * 100_000)
            await asyncio.sleep(0)
        await reader.until(lambda shown: len(shown.get("m", "")) == 20_000_000)
        heard = 0
        while heard < 20_000_000:  # it reads at last, and gets all of it
            news = (await slow.frame())["params"]["news"]
            heard += sum(len(piece["text"]) for each in news for piece in each.get("pieces", ()))
        await slow.close()


@pytest.mark.parametrize(
    ("tcp", "other", "seen"),
    [
        ("127.0.0.1:7000", "127.0.0.1:7233", "127.0.0.1:7000"),
        ("0.0.0.0:7000", "127.0.0.1:7233", "127.0.0.1:7000"),
        ("10.1.2.3:7000", "127.0.0.1:7233", "10.1.2.3:7000"),
    ],
)
async def test_who_listens_everywhere_is_reached_where_the_server_sees_it(tcp: str, other: str, seen: str) -> None:
    assert seen_from(tcp, other) == seen


async def way_to(neighbour: Neighbour, folder: Path) -> str:
    """Where one gets to, or why not."""
    way = Way(neighbour, folder / "token")
    try:
        assert await way.connect() is None, "nobody listens"
    except DaemonNotFound as error:
        return str(error)
    return str(way)


async def test_a_daemon_of_another_machine_is_reached_over_tcp_alone(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    here = Neighbour("daemon_1", this_machine(), str(socket), "127.0.0.1:1")
    assert await way_to(here, tmp_path) == "127.0.0.1:1"
    assert await way_to(replace(here, tcp=None), tmp_path) == str(socket)
    socket.touch()
    assert await way_to(here, tmp_path) == str(socket)
    elsewhere = replace(here, machine="elsewhere")
    assert await way_to(elsewhere, tmp_path) == "127.0.0.1:1"
    assert await way_to(replace(elsewhere, tcp=None), tmp_path) == (
        "the daemon daemon_1 is on another machine, and has no [serve] tcp"
    )
    assert "is no HOST:PORT" in await way_to(replace(elsewhere, tcp="nonsense"), tmp_path)


async def test_a_daemon_that_is_known_before_it_listens_is_heard_once_it_does(tmp_path: Path) -> None:
    village, socket = Village(), tmp_path / "one.sock"
    async with (
        running() as one,
        running() as other,
        serving_at(tmp_path / "two.sock", Door(other).converse) as second,
        linked(one, village, socket, locate(tmp_path)),
        linked(other, village, second, locate(tmp_path)),
    ):
        reader = Reader(other)
        Worker(one).say("m", "early")
        await village.until(2)
        async with serving_at(socket, Door(one).converse):
            await reader.sees(m="early")
