"""The beginning and the end of a conversation in the native protocol."""

import asyncio
from typing import Any

import orjson
import pytest
from agiwo.agent import Agent
from agiwo_protocol.channel import memory_pair
from agiwo_protocol.errors import (
    InvalidParams,
    InvalidRequest,
    NotInitialized,
    RpcError,
    UnsupportedVersion,
)
from agiwo_protocol.schema import schema_hash
from agiwod.face.rpc.face import RpcFace
from agiwod.runtime.runs import Ask
from daemon_lab import PATIENCE, Caller, LiveModel, calling, running

pytestmark = pytest.mark.anyio

HELLO = {"protocolVersion": 1, "clientInfo": {"name": "test"}}


async def refusal(caller: Caller, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError) as refused:
        await caller.call(method, **params)
    return refused.value


async def test_the_handshake_says_who_answers_and_what_it_allows() -> None:
    async with running() as daemon, calling(daemon, greet=False) as caller:
        answer = await caller.shake_hands()
        assert (answer["protocolVersion"], answer["supportedVersions"]) == (1, [1])
        assert answer["schemaHash"] == schema_hash()
        assert answer["daemon"]["id"] == daemon.id
        assert answer["limits"] == {
            "maxMessageBytes": 32 * 2**20,
            "maxInFlight": 64,
            "maxAttached": 4096,
            "highWaterBytes": 256 * 1024,
        }
        assert set(answer["capabilities"]) >= {"run", "session", "agent", "model", "blob", "daemon"}
        assert [client.name for client in daemon.clients.list()] == ["test"]


@pytest.mark.parametrize("method", ["run/list", "run/start", "shutdown", "no/such"])
async def test_before_the_handshake_everything_else_is_refused(method: str) -> None:
    async with running() as daemon, calling(daemon, greet=False) as caller:
        error = await refusal(caller, method)
        assert isinstance(error, NotInitialized)
        assert error.data == {"kind": "not_initialized", "retryable": False}


@pytest.mark.parametrize("method", ["ping", "daemon/status", "rpc/discover"])
async def test_before_the_handshake_these_are_answered(method: str) -> None:
    async with running() as daemon, calling(daemon, greet=False) as caller:
        assert await caller.call(method)


async def test_another_version_is_told_ours_and_may_try_again() -> None:
    async with running() as daemon, calling(daemon, greet=False) as caller:
        error = await refusal(caller, "initialize", **{**HELLO, "protocolVersion": 2})
        assert isinstance(error, UnsupportedVersion)
        assert error.data == {"kind": "unsupported_version", "retryable": False, "supported": [1], "requested": 2}
        assert isinstance(await refusal(caller, "run/list"), NotInitialized)
        assert await caller.shake_hands()
        assert await caller.call("run/list") == {"runs": []}


async def test_a_second_handshake_is_refused_and_changes_nothing() -> None:
    async with running() as daemon, calling(daemon) as caller:
        error = await refusal(caller, "initialize", **HELLO)
        assert isinstance(error, InvalidRequest)
        assert error.kind == "already_initialized"
        assert await caller.call("run/list") == {"runs": []}


async def test_a_handshake_without_a_name_is_told_what_is_missing() -> None:
    async with running() as daemon, calling(daemon, greet=False) as caller:
        error = await refusal(caller, "initialize", protocolVersion=1)
        assert isinstance(error, InvalidParams)
        assert error.data["errors"] == [{"path": "clientInfo", "message": "Field required"}]


async def test_requests_that_came_right_behind_the_handshake_are_served_after_it() -> None:
    async with running() as daemon:
        ours, theirs = memory_pair()
        conversation = asyncio.create_task(RpcFace(daemon).converse(theirs))
        for id, method, params in ((1, "initialize", HELLO), (2, "run/list", {}), (3, "agent/list", {})):
            ours.write(orjson.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
        answers: list[Any] = []
        async with asyncio.timeout(PATIENCE):
            while len(answers) < 3:
                answers += [orjson.loads(frame) for frame in await ours.receive() if isinstance(frame, bytes)]
        assert {answer["id"]: "result" in answer for answer in answers} == {1: True, 2: True, 3: True}
        assert answers[0]["id"] == 1
        await ours.close()
        await conversation


async def test_runs_named_in_the_handshake_are_read_on_and_the_others_are_told_why_not() -> None:
    async with running() as daemon:
        run = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        await daemon.runs.wait(run)
        attach = [{"runId": run, "after": 0}, {"runId": run, "after": 99}, {"runId": "run_x", "after": 0}]
        async with calling(daemon, greet=False) as caller:
            answer = await caller.shake_hands(attach=attach)
            followed, above, unknown = answer["attached"]
            assert followed == {"runId": run, "headSeq": 5, "status": "completed"}
            assert (above["error"]["code"], unknown["error"]["code"]) == (-32014, -32004)
            assert (await caller.read(run)).durable[-1] == "run/completed"


async def test_a_run_that_the_handshake_names_twice_is_followed_once() -> None:
    async with running() as daemon:
        run = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        async with calling(daemon, greet=False) as caller:
            answer = await caller.shake_hands(attach=[{"runId": run}, {"runId": run, "after": 1}])
            assert [each.get("error", {}).get("data", {}).get("kind") for each in answer["attached"]] == [
                None,
                "conflict",
            ]
            assert (await caller.read(run)).durable[-1] == "run/completed"


async def test_a_shutdown_is_answered_before_the_connection_ends_and_the_daemon_goes_on() -> None:
    async with running() as daemon:
        async with calling(daemon) as caller:
            assert await caller.call("shutdown") == {}
            async with asyncio.timeout(PATIENCE):
                while await caller.channel.receive():
                    pass
        async with calling(daemon) as another:
            assert await another.call("ping")
        assert daemon.clients.list() == []


async def test_an_exit_ends_the_connection_without_an_answer() -> None:
    async with running() as daemon:
        ours, theirs = memory_pair()
        conversation = asyncio.create_task(RpcFace(daemon).converse(theirs))
        ours.write(b'{"jsonrpc":"2.0","method":"exit"}')
        await asyncio.wait_for(conversation, PATIENCE)
        assert await ours.receive() == []


async def test_a_drain_is_told_to_everybody_with_its_deadline() -> None:
    async with running() as daemon, calling(daemon) as one, calling(daemon) as other:
        answer = await one.call("daemon/drain", seconds=5)
        for caller in (one, other):
            await caller.until(lambda caller=caller: bool(caller.told))
            assert (caller.told[0].method, caller.told[0].params) == ("daemon/draining", answer)
        error = await refusal(other, "run/start", agent="echo", input="hi")
        assert (error.code, error.kind, error.retryable) == (-32012, "draining", True)
        assert error.data["deadlineAt"] == answer["deadlineAt"]


async def test_a_stop_is_answered_and_then_the_daemon_ends() -> None:
    async with running() as daemon, calling(daemon) as caller:
        assert set(await caller.call("daemon/stop", seconds=0)) == {"deadlineAt"}
        await asyncio.wait_for(daemon.ended.wait(), PATIENCE)


async def test_runs_that_are_bound_to_a_connection_end_with_it_and_no_others() -> None:
    one, other = LiveModel(), LiveModel()
    async with running(Agent("one", "", one), Agent("other", "", other)) as daemon:
        async with calling(daemon) as caller:
            bound = await caller.start("one", onDisconnect="cancel")
            free = await caller.start("other")
            await one.asked.wait()
            await other.asked.wait()
        assert (await daemon.runs.wait(bound, PATIENCE)).head.status == "cancelled"
        other.say("still here", None)
        result = (await daemon.runs.wait(free, PATIENCE)).result
        assert result is not None
        assert result.response == "still here"


async def test_a_daemon_that_ends_leaves_bound_runs_to_the_next_one() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon:
        ours, theirs = memory_pair()
        conversation = asyncio.create_task(RpcFace(daemon).converse(theirs))
        caller = Caller(ours)
        listening = asyncio.create_task(caller.peer.run())
        await caller.shake_hands()
        run = await caller.start("live", onDisconnect="cancel")
        await model.asked.wait()
        conversation.cancel()
        await asyncio.wait([conversation, listening], timeout=PATIENCE)
        assert (await daemon.runs.get(run)).head.status == "running"
