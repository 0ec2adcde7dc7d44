"""What one client follows: nothing lost, nothing twice, nothing kept for one who does not read."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from agiwo.agent import Agent
from agiwo.durable import DurableContext
from agiwo.errors import Conflict, CursorExpired, NotFound
from agiwo.schema.event import ITEM_COMPLETED, ITEM_DELTA, Event, NewEvent
from agiwod.runtime.beat import BEAT
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.fanout import Fanout
from agiwod.runtime.runs import Ask
from daemon_lab import PATIENCE, LiveModel, parent_of, running, scripted
from engine_lab import Tiny
from engine_stream import check_stream, text_of

pytestmark = pytest.mark.anyio


class Shelf:
    """A sink with room for so many events until somebody clears it."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.events: list[Event] = []
        self.room = room
        self._moved = asyncio.Event()
        self._has_ended = False

    @property
    def is_full(self) -> bool:
        return len(self.events) >= self.room

    async def drained(self) -> None:
        while self.is_full:
            self._moved.clear()
            await self._moved.wait()
            if self._has_ended:
                raise ConnectionError("ended")

    def send(self, event: Event) -> None:
        self.events.append(event)
        self._moved.set()

    def widen(self) -> None:
        self.room = 1_000_000
        self._moved.set()

    def end(self) -> None:
        self._has_ended = True
        self._moved.set()

    async def until_over(self, run: str) -> list[Event]:
        return await self.until(run, lambda events: bool(events) and events[-1].is_terminal)

    async def until(self, run: str, is_so: Callable[[list[Event]], bool]) -> list[Event]:
        async with asyncio.timeout(PATIENCE):
            while not is_so(self.of(run)):
                self._moved.clear()
                await self._moved.wait()
        return self.of(run)

    def of(self, run: str) -> list[Event]:
        return [event for event in self.events if event.run == run]


@asynccontextmanager
async def pumping(daemon: Daemon, shelf: Shelf) -> AsyncGenerator[Fanout]:
    fanout = Fanout(daemon.engine, shelf)
    async with asyncio.TaskGroup() as tasks:
        pump = tasks.create_task(fanout.run())
        yield fanout
        pump.cancel()


async def started(daemon: Daemon, agent: str = "echo") -> str:
    return (await daemon.runs.start(Ask(agent, "hi"))).head.run


async def test_nothing_is_sent_before_the_attachment_goes() -> None:
    shelf = Shelf()
    async with running() as daemon, pumping(daemon, shelf) as fanout:
        run = await started(daemon)
        attachment = await fanout.attach(run)
        await daemon.runs.wait(run)
        assert (shelf.events, attachment.heads[0].run) == ([], run)
        attachment.go()
        check_stream(await shelf.until_over(run))


async def test_a_reader_from_anywhere_gets_what_follows_and_no_more() -> None:
    async with running() as daemon:
        run = await started(daemon)
        head = (await daemon.runs.wait(run)).head.head
        for after in range(head):
            shelf = Shelf()
            async with pumping(daemon, shelf) as fanout:
                (await fanout.attach(run, after)).go()
                events = await shelf.until_over(run)
            check_stream(events, after=after)
            assert [event.seq for event in events] == list(range(after + 1, head + 1))


async def test_a_position_above_the_head_and_an_unknown_run_are_refused() -> None:
    async with running() as daemon, pumping(daemon, Shelf()) as fanout:
        run = await started(daemon)
        await daemon.runs.wait(run)
        with pytest.raises(CursorExpired):
            await fanout.attach(run, 99)
        with pytest.raises(NotFound):
            await fanout.attach("run_x")


async def test_a_run_is_followed_once_and_can_be_followed_again_when_it_was_over() -> None:
    shelf = Shelf()
    agent = Agent("live", "", model := LiveModel())
    async with running(agent) as daemon, pumping(daemon, shelf) as fanout:
        run = await started(daemon, "live")
        (await fanout.attach(run)).go()
        with pytest.raises(Conflict):
            await fanout.attach(run)
        model.say("done", None)
        first = await shelf.until_over(run)
        assert not fanout.follows(run)
        shelf.events.clear()
        (await fanout.attach(run)).go()
        again = await shelf.until_over(run)
        assert [event for event in first if event.seq] == again


async def test_a_reader_that_has_all_of_an_ended_run_follows_nothing() -> None:
    shelf = Shelf()
    async with running() as daemon, pumping(daemon, shelf) as fanout:
        run = await started(daemon)
        head = (await daemon.runs.wait(run)).head
        (await fanout.attach(run, head.head)).go()
        assert not fanout.follows(run)
        assert shelf.events == []


async def test_after_a_detach_nothing_more_of_the_run_comes() -> None:
    shelf = Shelf()
    agent = Agent("live", "", model := LiveModel())
    async with running(agent) as daemon, pumping(daemon, shelf) as fanout:
        run = await started(daemon, "live")
        (await fanout.attach(run)).go()
        model.say("one")
        await shelf.until(run, lambda events: text_of(events, f"{run}.0.message") == "one")
        assert fanout.detach(run) is True
        seen = len(shelf.events)
        model.say("two", None)
        await daemon.runs.wait(run)
        assert len(shelf.events) == seen
        assert fanout.detach(run) is False


async def test_two_readers_of_one_run_get_the_same_text_however_slow_one_of_them_is() -> None:
    quick, slow = Shelf(), Shelf(room=6)
    agent = Agent("live", "", model := LiveModel())
    async with running(agent) as daemon, pumping(daemon, quick) as one, pumping(daemon, slow) as other:
        run = await started(daemon, "live")
        (await one.attach(run)).go()
        (await other.attach(run)).go()
        words = [f"word{number} " for number in range(200)]
        for number, word in enumerate(words):
            model.say(word)
            wanted = "".join(words[: number + 1])
            await quick.until(run, lambda events, wanted=wanted: text_of(events, f"{run}.0.message") == wanted)
        model.say(None)
        await quick.until_over(run)
        assert len(slow.events) == 6
        slow.widen()
        late = await slow.until_over(run)
    check_stream(late)
    check_stream(quick.of(run))
    completed = [event.data for event in late if event.type == ITEM_COMPLETED]
    assert completed[-1]["text"] == "".join(words)
    assert len(late) < 20 < len(quick.of(run))


async def test_a_late_reader_gets_whole_items_and_no_deltas_of_them() -> None:
    shelf = Shelf()
    agent = Agent("live", "", model := LiveModel())
    async with running(agent) as daemon:
        run = await started(daemon, "live")
        model.say(*"a long answer in single letters", None)
        await daemon.runs.wait(run)
        async with pumping(daemon, shelf) as fanout:
            (await fanout.attach(run)).go()
            events = await shelf.until_over(run)
    assert [event.type for event in events if event.type == ITEM_DELTA] == []
    assert len(events) == 5


async def test_a_reader_that_comes_in_the_middle_gets_the_open_item_from_its_beginning() -> None:
    first, second = Shelf(), Shelf()
    agent = Agent("live", "", model := LiveModel())
    async with running(agent) as daemon, pumping(daemon, first) as one, pumping(daemon, second) as other:
        run = await started(daemon, "live")
        (await one.attach(run)).go()
        model.say("so ", "far")
        await first.until(run, lambda events: text_of(events, f"{run}.0.message") == "so far")
        (await other.attach(run, 3)).go()
        model.say(", so good", None)
        events = await second.until_over(run)
    check_stream(events, after=3)
    assert text_of(events, f"{run}.0.message") == "so far, so good"


async def test_following_ends_with_the_sink() -> None:
    shelf = Shelf(room=1)
    async with running() as daemon:
        fanout = Fanout(daemon.engine, shelf)
        run = await started(daemon)
        (await fanout.attach(run)).go()
        pump = asyncio.create_task(fanout.run())
        await daemon.runs.wait(run)
        shelf.end()
        await asyncio.wait_for(pump, PATIENCE)
        assert len(shelf.events) == 1


async def test_a_tree_is_followed_down_to_children_that_did_not_exist_yet() -> None:
    shelf = Shelf()
    agents = [scripted("root"), scripted("middle"), scripted("leaf", {"text": "from below"})]
    programs = {"root": parent_of("middle", "leaf"), "middle": parent_of("leaf")}
    async with running(*agents, programs=programs) as daemon, pumping(daemon, shelf) as fanout:
        root = await started(daemon, "root")
        (await fanout.attach(root, is_tree=True)).go()
        await shelf.until_over(root)
        below = {event.data["runId"] for event in shelf.events if event.type == "child/spawned"}
        assert len(below) == 3
        for run in (root, *below):
            check_stream(await shelf.until_over(run))


async def test_a_tree_that_is_over_is_read_from_where_each_of_its_runs_was_left() -> None:
    shelf = Shelf()
    agents = [scripted("root"), scripted("leaf")]
    async with running(*agents, programs={"root": parent_of("leaf", "leaf")}) as daemon:
        root = await started(daemon, "root")
        await daemon.runs.wait(root)
        one, other = [each.head for each in await daemon.runs.list(parent=root)]
        async with pumping(daemon, shelf) as fanout:
            attachment = await fanout.attach(root, {root: 4, one.run: one.head}, is_tree=True)
            assert {head.run for head in attachment.heads} == {root, one.run, other.run}
            attachment.go()
            check_stream(await shelf.until_over(root), after=4)
            check_stream(await shelf.until_over(other.run))
        assert shelf.of(one.run) == []


async def test_detaching_the_root_of_a_tree_detaches_the_tree() -> None:
    shelf = Shelf()
    agents = [scripted("root"), Agent("live", "", model := LiveModel())]
    async with running(*agents, programs={"root": parent_of("live")}) as daemon, pumping(daemon, shelf) as fanout:
        root = await started(daemon, "root")
        (await fanout.attach(root, is_tree=True)).go()
        await model.asked.wait()
        child = (await daemon.runs.list(parent=root))[0].head.run
        model.say("one")
        await shelf.until(child, lambda events: text_of(events, f"{child}.0.message") == "one")
        assert fanout.detach(root) is True
        seen = len(shelf.events)
        model.say(None)
        await daemon.runs.wait(root)
        assert len(shelf.events) == seen


async def test_without_the_tree_children_are_only_told_of() -> None:
    shelf = Shelf()
    agents = [scripted("root"), scripted("leaf")]
    async with running(*agents, programs={"root": parent_of("leaf")}) as daemon, pumping(daemon, shelf) as fanout:
        root = await started(daemon, "root")
        (await fanout.attach(root)).go()
        events = await shelf.until_over(root)
        check_stream(events)
        assert {event.run for event in shelf.events} == {root}
        assert [event.type for event in events if event.type.startswith("child/")] == [
            "child/spawned",
            "child/finished",
        ]


async def test_a_run_of_many_pages_is_read_whole_and_in_order_however_small_the_room() -> None:
    async def main(ctx: DurableContext) -> None:
        for number in range(1500):
            ctx.emit(f"{number}", NewEvent("item/completed", {"kind": "plan", "steps": []}, f"item{number}"))

    async with running(scripted("busy"), programs={"busy": Tiny(main)}) as daemon:
        run = await started(daemon, "busy")
        head = (await daemon.runs.wait(run)).head.head
        assert head > 1500
        for room in (1_000_000, 7):
            shelf = Shelf(room)
            async with pumping(daemon, shelf) as fanout:
                (await fanout.attach(run)).go()
                await shelf.until(run, lambda events, room=room: len(events) >= min(room, head))
                shelf.widen()
                events = await shelf.until_over(run)
            check_stream(events)
            assert len(events) == head


async def test_a_detach_in_the_middle_of_a_page_ends_it_there() -> None:
    shelf = Shelf(room=2)
    async with running() as daemon, pumping(daemon, shelf) as fanout:
        run = await started(daemon)
        await daemon.runs.wait(run)
        (await fanout.attach(run)).go()
        await shelf.until(run, lambda events: len(events) == 2)
        fanout.detach(run)
        shelf.widen()
        (await fanout.attach(run, 4)).go()
        events = await shelf.until_over(run)
        assert [event.seq for event in events] == [1, 2, 5]


async def test_a_model_in_a_hurry_costs_one_delta_a_beat_and_every_client_gets_the_same_one() -> None:
    model, shelves = LiveModel(), [Shelf(), Shelf()]
    async with (
        running(Agent("live", "", model)) as daemon,
        pumping(daemon, shelves[0]) as one,
        pumping(daemon, shelves[1]) as other,
    ):
        run = await started(daemon, "live")
        for fanout in (one, other):
            (await fanout.attach(run)).go()
        for shelf in shelves:
            await shelf.until(run, lambda events: len(events) >= 3)
        began = asyncio.get_running_loop().time()
        for _ in range(1000):
            model.say("word ")
            await asyncio.sleep(0)
        model.say(None)
        events = [await shelf.until_over(run) for shelf in shelves]
        took = asyncio.get_running_loop().time() - began
    mine, theirs = ([event for event in each if event.type == ITEM_DELTA] for each in events)
    for deltas in (mine, theirs):
        assert "".join(event.data["text"] for event in deltas) == "word " * 1000
    assert len(mine) <= took / BEAT + 2
    assert any(event is shared for event in mine for shared in theirs)


async def test_what_a_client_is_owed_is_delivered_before_anybody_says_so() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        shelf = Shelf()
        async with pumping(daemon, shelf) as fanout:
            (await fanout.attach(run)).go()
            model.say(*"some words", None)
            await daemon.runs.wait(run)
            await asyncio.wait_for(fanout.delivered(), PATIENCE)
            assert shelf.of(run)[-1].is_terminal


async def test_a_client_that_does_not_read_is_owed_something() -> None:
    async with running() as daemon:
        run = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        await daemon.runs.wait(run)
        async with pumping(daemon, Shelf(room=0)) as fanout:
            (await fanout.attach(run)).go()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(fanout.delivered(), 0.05)
