"""Flow control over the wire: order, no loss for the slow, no delay for the fast, and nothing kept for anyone."""

import asyncio
import tracemalloc
from typing import Any

import orjson
import pytest
from agiwo.agent import Agent
from agiwo.schema.run import RunStatus
from agiwo_protocol.channel import memory_pair
from agiwod.face.rpc.face import RpcFace
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.runs import Ask
from daemon_lab import PATIENCE, Caller, LiveModel, calling, calling_face, running
from wire_stream import WireStream

pytestmark = pytest.mark.anyio


class Stalled:
    """A client that asked for a run's events and does not read them, until it does."""

    def __init__(self, daemon: Daemon) -> None:
        self.channel, theirs = memory_pair(high_water=64 * 1024)
        self.conversation = asyncio.create_task(RpcFace(daemon).converse(theirs))
        self.theirs = theirs

    async def attach(self, run: str) -> None:
        hello = {"protocolVersion": 1, "clientInfo": {"name": "stalled"}, "attach": [{"runId": run}]}
        self.channel.write(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}))
        async with asyncio.timeout(PATIENCE):
            while self.theirs.backlog == 0:  # noqa: ASYNC110 - reading would end the stall; each look yields
                await asyncio.sleep(0)

    async def read(self, run: str) -> WireStream:
        stream = WireStream(run)
        async with asyncio.timeout(PATIENCE):
            while not stream.is_over:
                for frame in await self.channel.receive():
                    assert isinstance(frame, bytes)
                    message = orjson.loads(frame)
                    if message.get("method") == "run/event":
                        stream.take(message["params"])
        return stream

    async def close(self) -> None:
        await self.channel.close()
        await self.conversation


async def frames_of(daemon: Daemon, *requests: dict[str, Any], until: str) -> list[dict[str, Any]]:
    """Everything that a client gets, in order, up to an event of that type."""
    ours, theirs = memory_pair()
    conversation = asyncio.create_task(RpcFace(daemon).converse(theirs))
    for id, request in enumerate(requests, 1):
        ours.write(orjson.dumps({"jsonrpc": "2.0", "id": id, **request}))
    got: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while not got or got[-1].get("params", {}).get("type") != until:
            got += [orjson.loads(frame) for frame in await ours.receive() if isinstance(frame, bytes)]
    await ours.close()
    await conversation
    return got


HELLO = {"method": "initialize", "params": {"protocolVersion": 1, "clientInfo": {"name": "test"}}}


async def test_the_answer_of_a_start_comes_before_the_first_event() -> None:
    async with running() as daemon:
        start = {"method": "run/start", "params": {"agent": "echo", "input": "hi"}}
        got = await frames_of(daemon, HELLO, start, until="run/completed")
        assert [frame.get("id") for frame in got[:3]] == [1, 2, None]
        assert got[2]["params"]["type"] == "run/queued"


async def test_the_answer_of_an_attach_comes_before_the_replay_and_names_the_head() -> None:
    async with running() as daemon:
        run = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        await daemon.runs.wait(run)
        attach = {"method": "run/attach", "params": {"runId": run, "after": 2}}
        got = await frames_of(daemon, HELLO, attach, until="run/completed")
        assert got[1]["result"] == {"runId": run, "headSeq": 5, "status": "completed"}
        assert [frame["params"]["seq"] for frame in got[2:]] == [3, 4, 5]


async def test_a_client_that_attaches_at_the_end_gets_one_frame_an_item() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        model.say(*["word "] * 5000, None)
        await daemon.runs.wait(run)
        async with calling(daemon) as caller:
            await caller.call("run/attach", runId=run)
            stream = await caller.read(run)
        assert len(stream.frames) == 5
        assert stream.frames[3]["data"]["text"] == "word " * 5000


async def test_a_stalled_client_loses_nothing_and_holds_up_nobody() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon:
        face = RpcFace(daemon)
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        stalled = Stalled(daemon)
        await stalled.attach(run)
        async with calling_face(face) as one, calling_face(face) as other:
            for caller in (one, other):
                await caller.shake_hands(attach=[{"runId": run}])
            words = [f"{number:06} " for number in range(20_000)]
            for start in range(0, len(words), 100):
                model.say(*words[start : start + 100])
                said = "".join(words[: start + 100])
                await one.until(lambda said=said: run in one.streams and len(one.streams[run].streamed) >= len(said))
            model.say(None)
            for caller in (one, other):
                assert (await caller.read(run)).streamed == "".join(words)
        assert stalled.theirs.backlog < 2 * 64 * 1024
        late = await stalled.read(run)
        assert late.response == "".join(words)
        assert len(late.frames) < 5000
        await stalled.close()


async def test_a_stalled_client_costs_no_memory_that_grows_with_the_run() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        stalled = Stalled(daemon)
        await stalled.attach(run)
        page = "x" * 1000
        model.say(*[page] * 100)
        await settle()
        tracemalloc.start()
        model.say(*[page] * 4000)
        await settle()
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # The pieces are one object, so that the run itself keeps little: a copy for the client would be 4 MB.
        assert 64 * 1024 < stalled.theirs.backlog < 4 * 64 * 1024
        assert grown < 1_000_000
        model.say(None)
        assert (await stalled.read(run)).response == page * 4100
        await stalled.close()


async def settle() -> None:
    for _ in range(10_000):
        await asyncio.sleep(0)


async def test_a_client_cut_off_anywhere_goes_on_where_it_was() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        words = [f"word{number} " for number in range(50)]
        seen = 0
        for start in range(0, len(words), 10):
            async with calling(daemon, greet=False) as caller:
                caller.expect(run, after=seen)
                await caller.shake_hands(attach=[{"runId": run, "after": seen}])
                model.say(*words[start : start + 10])
                said = "".join(words[: start + 10])
                await caller.until(lambda said=said, caller=caller: caller.streams[run].streamed == said)
                seen = caller.streams[run].seq
        model.say(None)
        async with calling(daemon, greet=False) as caller:
            caller.expect(run, after=seen)
            await caller.shake_hands(attach=[{"runId": run, "after": seen}])
            assert (await caller.read(run)).response == "".join(words)


async def test_answers_do_not_wait_behind_the_events_of_a_busy_run() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live")
        feeding = asyncio.create_task(_feed(model, 2000))
        for _ in range(50):
            await caller.call("ping")
        await feeding
        model.say(None)
        assert (await caller.read(run)).streamed == "x" * 2000


async def _feed(model: LiveModel, pieces: int) -> None:
    for _ in range(pieces):
        model.say("x")
        await asyncio.sleep(0)


async def test_many_runs_on_one_connection_are_each_in_order() -> None:
    async with running() as daemon, calling(daemon) as caller:
        runs = await asyncio.gather(*(caller.start() for _ in range(40)))
        for run in runs:
            assert (await caller.read(run)).response == "hello world"


async def test_every_client_gets_the_same_frames_of_what_is_recorded() -> None:
    async with running() as daemon:
        face = RpcFace(daemon)
        async with calling_face(face) as one, calling_face(face) as other:
            await one.shake_hands()
            await other.shake_hands()
            run = await one.start()
            await other.call("run/attach", runId=run)
            recorded = [[frame for frame in (await each.read(run)).frames if "seq" in frame] for each in (one, other)]
            assert recorded[0] == recorded[1]


async def test_no_run_is_lost_when_its_client_goes_while_it_starts() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon:
        ours, theirs = memory_pair()
        conversation = asyncio.create_task(RpcFace(daemon).converse(theirs))
        caller = Caller(ours)
        listening = asyncio.create_task(caller.peer.run())
        await caller.shake_hands()
        start = {"agent": "live", "input": "hi", "idempotencyKey": "k"}
        ours.write(orjson.dumps({"jsonrpc": "2.0", "id": 99, "method": "run/start", "params": start}))
        await ours.close()
        await asyncio.gather(conversation, listening)
        async with calling(daemon) as again:
            run = await again.start("live", idempotencyKey="k")
            model.say("here", None)
            assert (await again.read(run)).response == "here"
            assert len((await again.call("run/list"))["runs"]) == 1


async def test_whoever_starts_a_run_gets_every_delta_however_fast_it_is() -> None:
    async with running() as daemon, calling(daemon) as caller:
        for _ in range(20):
            stream = await caller.read(await caller.start())
            assert stream.streamed == stream.response == "hello world"


@pytest.mark.parametrize("turns", range(12))
async def test_a_bound_run_whose_client_goes_in_the_middle_of_its_start_does_not_go_on(turns: int) -> None:
    async with running(Agent("live", "", LiveModel())) as daemon:
        ours, theirs = memory_pair()
        conversation = asyncio.create_task(RpcFace(daemon).converse(theirs))
        start = {"method": "run/start", "params": {"agent": "live", "input": "hi", "onDisconnect": "cancel"}}
        for id, request in enumerate((HELLO, start), 1):
            ours.write(orjson.dumps({"jsonrpc": "2.0", "id": id, **request}))
            if request is HELLO:
                await ours.receive()
        for _ in range(turns):
            await asyncio.sleep(0)
        await ours.close()
        await conversation
        ended = [await daemon.runs.wait(state.head.run, PATIENCE) for state in await daemon.runs.list()]
        assert {state.head.status for state in ended} <= {RunStatus.CANCELLED}
