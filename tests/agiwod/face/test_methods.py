"""Every method of the native protocol: what it answers, and each error that it can have."""

import asyncio
from base64 import b64decode
from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.durable import Program
from agiwo.errors import ModelError, StorageError
from agiwo.journal.base import PROBE, Listener
from agiwo.journal.memory import MemoryJournal
from agiwo.llm import Price
from agiwo.schema.record import Change, Record
from agiwo.testing import ScriptedModel
from agiwo_protocol.catalog import METHODS
from agiwo_protocol.errors import (
    Cancelled,
    Conflict,
    CursorExpired,
    DeadlineExceeded,
    InvalidParams,
    NotFound,
    RpcError,
)
from agiwo_protocol.limits import MAX_MESSAGE
from agiwod.face.rpc.methods import methods
from daemon_lab import PATIENCE, Caller, KeptJournal, LiveModel, calling, parent_of, running, scripted

pytestmark = pytest.mark.anyio


async def refusal(caller: Caller, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError) as refused:
        await caller.call(method, **params)
    return refused.value


def test_every_method_of_the_catalog_has_a_handler_and_no_handler_is_without_one() -> None:
    assert methods.names == set(METHODS)


async def test_a_page_that_no_client_could_read_is_refused_and_a_smaller_one_is_not() -> None:
    wordy = scripted("wordy", {"text": "x" * (MAX_MESSAGE // 3)})
    async with running(wordy) as daemon, calling(daemon) as caller:
        for _ in range(3):
            run = await caller.start("wordy", attach=False)
            await caller.call("run/wait", runId=run)
        error = await refusal(caller, "run/list")
        assert (error.code, error.kind, error.data["limit"]) == (-32013, "message_too_large", MAX_MESSAGE)
        assert len((await caller.call("run/list", limit=2))["runs"]) == 2


async def test_a_run_is_started_read_and_waited_for() -> None:
    async with running() as daemon, calling(daemon) as caller:
        started = await caller.call("run/start", agent="echo", input="hi", sessionId="s")
        assert set(started) == {"runId", "sessionId", "status", "headSeq", "deduplicated"}
        assert (started["sessionId"], started["deduplicated"]) == ("s", False)
        run = await caller.call("run/wait", runId=started["runId"])
        assert (run["status"], run["response"], run["terminationReason"]) == ("completed", "hello world", "completed")
        assert run == await caller.call("run/get", runId=started["runId"])
        assert run["createdAt"] <= run["startedAt"] <= run["endedAt"]
        stream = await caller.read(started["runId"])
        assert stream.response == stream.streamed == "hello world"
        durable = ["run/queued", "run/started", "item/completed", "item/completed", "run/completed"]
        assert stream.durable == durable


async def test_an_answer_without_words_is_an_empty_one() -> None:
    async with running(scripted("mute", {"text": ""})) as daemon, calling(daemon) as caller:
        stream = await caller.read(await caller.start("mute"))
        assert stream.frames[-1]["data"]["response"] == ""


async def test_input_in_parts_reaches_the_run_as_it_was_said() -> None:
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image", "url": "https://example.org/a.png"}]
    async with running() as daemon, calling(daemon) as caller:
        run = await caller.start(input=parts)
        stream = await caller.read(run)
        assert stream.frames[2]["data"] == {"kind": "userMessage", "content": parts}


async def test_the_same_key_gives_the_same_run_to_another_connection_too() -> None:
    async with running() as daemon, calling(daemon) as one, calling(daemon) as other:
        first = await one.call("run/start", agent="echo", input="hi", idempotencyKey="k")
        second = await other.call("run/start", agent="echo", input="hi", idempotencyKey="k")
        again = await one.call("run/start", agent="echo", input="hi", idempotencyKey="k", attach=False)
        assert {each["runId"] for each in (first, second, again)} == {first["runId"]}
        assert [each["deduplicated"] for each in (first, second, again)] == [False, True, True]
        for caller in (one, other):
            assert (await caller.read(first["runId"])).response == "hello world"


async def test_a_run_that_is_not_attached_is_not_told_of() -> None:
    async with running() as daemon, calling(daemon) as caller:
        run = await caller.start(attach=False)
        await caller.call("run/wait", runId=run)
        assert caller.told == []


async def test_waiting_has_a_deadline_of_its_own() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live")
        error = await refusal(caller, "run/wait", runId=run, timeoutMs=10)
        assert isinstance(error, DeadlineExceeded)
        assert error.retryable is True
        assert (await caller.call("run/get", runId=run))["status"] in ("queued", "running")


async def test_cancelling_the_request_ends_the_waiting_and_not_the_run() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live")
        await model.asked.wait()
        waiting = asyncio.create_task(caller.call("run/wait", runId=run))
        await asyncio.sleep(0)  # the request goes out
        caller.peer.notify("$/cancelRequest", {"id": 3})
        with pytest.raises(Cancelled):
            await waiting
        model.say("all the same", None)
        assert (await caller.read(run)).response == "all the same"


async def test_a_suspended_run_is_tried_again_and_any_other_is_left_alone() -> None:
    journal, model, known = KeptJournal(), LiveModel(), {"later": parent_of("live")}
    agents = (Agent("live", "", model), scripted("later"))
    async with running(*agents, journal=journal, programs=known) as daemon, calling(daemon) as caller:
        run = await caller.start("later")
        await model.asked.wait()
        assert await caller.call("run/resume", runId=run) == {"accepted": False, "status": "waiting"}
    programs: dict[str, Program] = {"other": parent_of()}
    async with running(agents[0], journal=journal, programs=programs) as daemon, calling(daemon) as caller:
        await caller.call("run/attach", runId=run, after=2)
        caller.expect(run, 2)
        await caller.until(lambda: any("is suspended" in str(each.params) for each in caller.told))
        programs.update(known)
        assert (await caller.call("run/resume", runId=run))["accepted"] is True
        model.say("at last", None)
        await caller.read(run)
        assert await caller.call("run/resume", runId=run) == {"accepted": False, "status": "completed"}


async def test_a_run_is_steered_in_its_next_model_call() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live")
        await model.asked.wait()
        assert await caller.call("run/steer", runId=run, input="and that?") == {}
        model.say("one", None, "two", None)
        stream = await caller.read(run)
        said = [frame["data"]["content"] for frame in stream.frames if frame["data"].get("kind") == "userMessage"]
        assert said[-1] == [{"type": "text", "text": "and that?"}]
        assert isinstance(await refusal(caller, "run/steer", runId=run, input="late"), Conflict)


async def test_a_cancelled_run_is_told_by_its_terminal_event() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live")
        await model.asked.wait()
        answer = await caller.call("run/cancel", runId=run, reason="enough")
        assert answer["accepted"] is True
        stream = await caller.read(run)
        assert (stream.types[-1], stream.frames[-1]["data"]["reason"]) == ("run/cancelled", "enough")
        assert await caller.call("run/cancel", runId=run) == {"accepted": False, "status": "cancelled"}


async def test_a_tree_is_attached_with_the_heads_of_its_runs() -> None:
    agents = [scripted("root"), scripted("leaf")]
    async with running(*agents, programs={"root": parent_of("leaf")}) as daemon, calling(daemon) as caller:
        root = await caller.start("root", attach=False)
        await caller.call("run/wait", runId=root)
        child = (await caller.call("run/list", parentRunId=root))["runs"][0]
        caller.expect(child["runId"], after=2)
        answer = await caller.call("run/attach", runId=root, after={child["runId"]: 2}, scope="tree")
        assert answer["heads"] == {root: answer["headSeq"], child["runId"]: child["headSeq"]}
        assert (await caller.read(child["runId"])).response == "hello world"
        assert child["parentRunId"] == root


async def test_a_map_of_positions_is_for_trees_only() -> None:
    async with running() as daemon, calling(daemon) as caller:
        run = await caller.start(attach=False)
        error = await refusal(caller, "run/attach", runId=run, after={run: 1})
        assert isinstance(error, InvalidParams)


async def test_a_run_is_attached_once_and_detaching_is_harmless_to_repeat() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live")
        assert isinstance(await refusal(caller, "run/attach", runId=run), Conflict)
        assert await caller.call("run/detach", runId=run) == {}
        assert await caller.call("run/detach", runId=run) == {}
        seen = len(caller.told)
        model.say("unheard", None)
        await caller.call("run/wait", runId=run)
        assert len(caller.told) == seen


async def test_runs_are_listed_in_pages() -> None:
    async with running() as daemon, calling(daemon) as caller:
        runs = [await caller.start(attach=False) for _ in range(5)]
        listed: list[str] = []
        cursor: str | None = None
        while cursor is not None or not listed:
            page = await caller.call("run/list", limit=2, **({"cursor": cursor} if cursor else {}))
            listed += [each["runId"] for each in page["runs"]]
            cursor = page.get("nextCursor")
        assert listed == runs[::-1]


async def test_runs_are_listed_by_status_and_a_run_that_is_ending_still_runs() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model), scripted("echo")) as daemon, calling(daemon) as caller:
        ended = await caller.start("echo")
        await caller.read(ended)
        going = await caller.start("live")
        await model.asked.wait()
        running_now = await caller.call("run/list", statuses=["running", "queued"])
        completed = await caller.call("run/list", statuses=["completed"])
        assert [each["runId"] for each in running_now["runs"]] == [going]
        assert [each["runId"] for each in completed["runs"]] == [ended]


async def test_a_page_of_events_is_what_a_reader_would_get() -> None:
    async with running() as daemon, calling(daemon) as caller:
        run = await caller.start()
        stream = await caller.read(run)
        page = await caller.call("run/events", runId=run)
        assert page == {"events": [frame for frame in stream.frames if "seq" in frame], "headSeq": 5}
        part = await caller.call("run/events", runId=run, after=2, limit=1)
        assert [event["seq"] for event in part["events"]] == [3]


async def test_a_failed_run_says_why_and_whether_to_try_again() -> None:
    error = {"kind": "auth", "message": "the key is wrong", "times": 99}
    async with running(scripted("sad", {"error": error})) as daemon, calling(daemon) as caller:
        run = await caller.start("sad")
        ended = await caller.call("run/wait", runId=run)
        assert (ended["status"], ended["error"]["kind"], ended["error"]["retryable"]) == ("failed", "auth", False)
        assert (await caller.read(run)).frames[-1]["data"]["error"].items() >= ended["error"].items()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("run/get", {"runId": "x"}),
        ("run/wait", {"runId": "x"}),
        ("run/steer", {"runId": "x", "input": "hi"}),
        ("run/cancel", {"runId": "x"}),
        ("run/attach", {"runId": "x"}),
        ("run/detach", {"runId": "x"}),
        ("run/events", {"runId": "x"}),
        ("run/list", {"cursor": "x"}),
        ("run/start", {"agent": "x", "input": "hi"}),
        ("run/start", {"agent": "echo", "input": "hi", "model": "x:y"}),
        ("session/get", {"sessionId": "x"}),
        ("session/history", {"sessionId": "x"}),
        ("session/create", {"agent": "x"}),
        ("session/fork", {"sessionId": "x", "at": "x"}),
        ("session/rewind", {"sessionId": "x", "at": "x"}),
        ("agent/get", {"agentId": "x"}),
        ("blob/get", {"blob": "x"}),
    ],
)
async def test_what_does_not_exist_is_not_found_and_its_type_is_named(method: str, params: dict[str, Any]) -> None:
    async with running() as daemon, calling(daemon) as caller:
        error = await refusal(caller, method, **params)
        assert isinstance(error, NotFound), error
        wanted = "model" if "model" in params else "agent" if "agent" in params else method.partition("/")[0]
        assert (error.data["type"], error.retryable) == (wanted, False)


@pytest.mark.parametrize(
    ("method", "params", "path"),
    [
        ("run/start", {"agent": "nobody"}, "input"),
        ("run/start", {"agent": "nobody", "input": []}, "input"),
        ("run/start", {"agent": "nobody", "input": [{"type": "text"}]}, "input"),
        ("run/start", {"agent": "nobody", "input": "hi", "onDisconnect": "panic"}, "onDisconnect"),
        ("run/start", {"agent": "nobody", "input": "hi", "budget": {"calls": 0}}, "budget.calls"),
        ("run/get", {}, "runId"),
        ("run/get", {"runId": 7}, "runId"),
        ("run/wait", {"runId": "x", "timeoutMs": 0}, "timeoutMs"),
        ("run/cancel", {"runId": "x", "scope": "all"}, "scope"),
        ("run/attach", {"runId": "x", "after": -1}, "after"),
        ("run/events", {"runId": "x", "limit": 0}, "limit"),
        ("run/list", {"limit": 1001}, "limit"),
        ("run/list", {"statuses": ["gone"]}, "statuses.0"),
        ("session/history", {}, "sessionId"),
        ("session/fork", {"sessionId": "x"}, "at"),
        ("session/rewind", {"sessionId": "x", "at": "x", "seq": -1}, "seq"),
        ("agent/list", {"cursor": "nobody"}, "cursor"),
        ("model/list", {"cursor": "nothing"}, "cursor"),
        ("blob/get", {"blob": "x", "offset": -1}, "offset"),
        ("daemon/drain", {"seconds": -1}, "seconds"),
    ],
)
async def test_params_are_checked_before_anything_is_looked_up(method: str, params: dict[str, Any], path: str) -> None:
    async with running() as daemon, calling(daemon) as caller:
        error = await refusal(caller, method, **params)
        assert isinstance(error, InvalidParams), error
        assert error.data["errors"][0]["path"] == path


async def test_params_in_a_list_or_missing_are_told_apart_from_good_ones() -> None:
    async with running() as daemon, calling(daemon) as caller:
        for params in ([1], ["x"], None):
            with pytest.raises(InvalidParams):
                await caller.peer.request("run/get", params)
        assert await caller.peer.request("ping", None)
        assert await caller.peer.request("agent/list", {"unknown": "fields are ignored"})


async def test_an_unknown_method_is_told_what_comes_close() -> None:
    async with running() as daemon, calling(daemon) as caller:
        error = await refusal(caller, "run/strat")
        assert (error.code, error.data["near"][0]) == (-32601, "run/start")


async def test_sessions_are_created_listed_and_read() -> None:
    async with running() as daemon, calling(daemon) as caller:
        made = await caller.call("session/create", agent="echo", sessionId="s")
        assert isinstance(await refusal(caller, "session/create", agent="echo", sessionId="s"), Conflict)
        run = await caller.start(sessionId="s")
        await caller.read(run)
        session = await caller.call("session/get", sessionId="s")
        assert (session["head"], session["createdAt"]) == (run, made["createdAt"])
        assert (await caller.call("session/list", agentId="echo"))["sessions"] == [session]
        first = await caller.call("session/history", sessionId="s", limit=1)
        second = await caller.call("session/history", sessionId="s", cursor=first["nextCursor"])
        assert [each["item"]["kind"] for each in (*first["items"], *second["items"])] == ["userMessage", "agentMessage"]
        assert "nextCursor" not in second


async def test_sessions_are_listed_in_pages() -> None:
    async with running() as daemon, calling(daemon) as caller:
        for number in range(3):
            await caller.call("session/create", agent="echo", sessionId=f"s{number}")
        first = await caller.call("session/list", limit=2)
        second = await caller.call("session/list", limit=2, cursor=first["nextCursor"])
        found = [each["sessionId"] for each in (*first["sessions"], *second["sessions"])]
        assert sorted(found) == ["s0", "s1", "s2"]
        assert "nextCursor" not in second


async def _runs_said(caller: Caller, session: str) -> list[str]:
    return [item["runId"] for item in (await caller.call("session/history", sessionId=session))["items"]]


async def test_a_session_is_forked_and_rewound() -> None:
    async with running() as daemon, calling(daemon) as caller:
        runs = [await caller.start(sessionId="s") for _ in range(2)]
        for run in runs:
            await caller.read(run)
        fork = await caller.call("session/fork", sessionId="s", at=runs[1], seq=0, newSessionId="f")
        assert (fork["sessionId"], fork["head"], fork["headSeq"], fork["forkedFrom"]) == ("f", runs[1], 0, runs[1])
        assert await _runs_said(caller, "f") == [runs[0]] * 2
        rewound = await caller.call("session/rewind", sessionId="s", at=runs[0])
        assert await caller.call("session/get", sessionId="s") == rewound
        assert await _runs_said(caller, "s") == [runs[0]] * 2
        assert isinstance(await refusal(caller, "session/fork", sessionId="s", at=runs[0], newSessionId="f"), Conflict)
        assert isinstance(await refusal(caller, "session/fork", sessionId="s", at=runs[0], seq=99), CursorExpired)


async def test_agents_are_listed_without_their_prompts_and_shown_with_them() -> None:
    agent = Agent("echo", "says it again", LiveModel(), system_prompt="Say it again.")
    async with running(agent, scripted("other")) as daemon, calling(daemon) as caller:
        page = await caller.call("agent/list", limit=1)
        assert [each["agentId"] for each in page["agents"]] == ["echo"]
        assert "systemPrompt" not in page["agents"][0]
        rest = await caller.call("agent/list", cursor=page["nextCursor"])
        assert [each["agentId"] for each in rest["agents"]] == ["other"]
        whole = await caller.call("agent/get", agentId="echo")
        assert (whole["systemPrompt"], whole["model"], whole["maxSteps"]) == ("Say it again.", "live", 10)


async def test_a_daemon_without_models_lists_none() -> None:
    async with running() as daemon, calling(daemon) as caller:
        assert await caller.call("model/list") == {"models": []}


async def test_a_blob_is_read_in_parts() -> None:
    journal = MemoryJournal()
    name = await journal.put_blob(b"0123456789")
    async with running(journal=journal) as daemon, calling(daemon) as caller:
        part = await caller.call("blob/get", blob=name, offset=2, limit=3)
        assert (b64decode(part["data"]), part["offset"], part["size"]) == (b"234", 2, 10)


async def test_the_status_counts_clients_and_runs() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller, calling(daemon):
        await caller.start("live")
        await model.asked.wait()
        status = await caller.call("daemon/status")
        assert (status["running"], status["state"], status["clients"]) == (True, "ready", 2)
        assert status["runs"] == {"queued": 0, "running": 1, "waiting": 0, "sleeping": 0, "suspended": 0}
        assert status["storage"] == {"kind": "memory", "id": daemon.journal.epoch, "state": "ok"}


class FullDisk(MemoryJournal):
    is_full = False

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        if self.is_full:
            raise StorageError("the disk is full")
        return await super().append(*changes, first=first)

    async def probe(self, size: int = PROBE) -> None:
        raise StorageError("the disk is still full")


async def test_a_store_that_refuses_is_told_with_every_start_and_by_the_status() -> None:
    journal = FullDisk()
    async with running(journal=journal) as daemon, calling(daemon) as caller:
        journal.is_full = True
        error = await refusal(caller, "run/start", agent="echo", input="hi")
        assert (error.code, error.kind, error.retryable) == (-32012, "storage", True)
        status = await caller.call("daemon/status")
        assert status["state"] == "degraded"
        assert status["storage"]["error"] == "the disk is full"


async def test_a_run_whose_input_is_more_than_its_budget_is_refused() -> None:
    async with running() as daemon, calling(daemon) as caller:
        error = await refusal(caller, "run/start", agent="echo", input="word " * 100, budget={"tokens": 20})
        assert (error.code, error.kind, error.retryable) == (-32007, "budget_exhausted", False)


async def test_what_a_run_cost_is_told_with_its_end_and_so_is_what_ended_it() -> None:
    call = {"toolCalls": [{"name": "calculator", "arguments": {"expression": "1"}}]}
    turn = {"text": "So far.", **call, "usage": {"inputTokens": 1000, "outputTokens": 10}}
    model = ScriptedModel(turns=[turn], repeat=True, price=Price(2, 10))
    async with running(Agent("busy", "", model)) as daemon, calling(daemon) as caller:
        budget = {"costUsd": 0.005, "calls": 100, "tokens": 10**6, "seconds": 60}
        run = (await caller.call("run/start", agent="busy", input="hi", budget=budget))["runId"]
        ended = await caller.call("run/wait", runId=run)
        assert (ended["status"], ended["terminationReason"]) == ("completed", "budget_exhausted")
        assert (ended["usage"]["costUsd"], ended["usage"]["costBasis"]) == (0.0042, "known")


CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["name", "population"],
}


async def test_a_run_with_an_output_schema_has_an_object_at_its_end() -> None:
    turns = [{"text": "It is Paris."}, {"text": '{"name": "Paris", "population": 2100000}', "deltas": 3}]
    async with running(scripted("echo", *turns)) as daemon, calling(daemon) as caller:
        run = await caller.start("echo", outputSchema=CITY)
        ended = await caller.call("run/wait", runId=run)
        assert ended["output"] == {"name": "Paris", "population": 2100000}
        assert ended == await caller.call("run/get", runId=run)
        events = (await caller.call("run/events", runId=run))["events"]
        assert events[-1]["data"]["output"] == ended["output"]
        assert [each["data"]["message"][:27] for each in events if each["type"] == "output/rejected"] == [
            "The answer cannot be read: "
        ]


async def test_an_output_that_does_not_come_fails_the_run_with_its_own_kind() -> None:
    async with running(scripted("echo", *[{"text": "It is Paris."}] * 3)) as daemon, calling(daemon) as caller:
        run = await caller.start("echo", outputSchema=CITY)
        ended = await caller.call("run/wait", runId=run)
        assert (ended["status"], ended["error"]["kind"], ended["error"]["retryable"]) == (
            "failed",
            "output_invalid",
            False,
        )
        assert "is not valid JSON" in ended["error"]["message"]
        assert ended["response"] == "It is Paris."
        assert "output" not in ended


def nested(levels: int) -> dict[str, Any]:
    return {"items": nested(levels - 1)} if levels else {}


BAD_SCHEMAS: list[tuple[Any, str]] = [
    ({"type": "strin"}, "outputSchema.type"),
    ({"properties": {"a": {"$ref": "https://example.com/a.json"}}}, "outputSchema.properties.a.$ref"),
    ({"properties": {"a": {"pattern": "("}}}, "outputSchema.properties.a.pattern"),
    ({"enum": ["x" * 70_000]}, "outputSchema"),
    ({"properties": {"x" * 60_000: {"type": 7}}}, f"outputSchema.properties.{'x' * 176}"),
    (nested(120), "outputSchema"),
    ([], "outputSchema"),
    ("object", "outputSchema"),
]


@pytest.mark.parametrize(("schema", "path"), BAD_SCHEMAS)
async def test_a_schema_that_cannot_be_used_is_told_with_its_place_and_starts_nothing(schema: Any, path: str) -> None:
    async with running() as daemon, calling(daemon) as caller:
        error = await refusal(caller, "run/start", agent="echo", input="hi", outputSchema=schema)
        assert (error.code, error.kind) == (-32602, "invalid_params")
        assert [each["path"] for each in error.data["errors"]] == [path]
        assert len(str(error.data)) + len(error.message) < 2000
        assert (await caller.call("run/list"))["runs"] == []


async def test_a_run_with_an_output_schema_goes_on_correcting_after_a_restart() -> None:
    journal, model = KeptJournal(), LiveModel()
    async with running(Agent("live", "", model, []), journal=journal) as daemon, calling(daemon) as caller:
        run = await caller.start("live", outputSchema=CITY)
        await model.asked.wait()
        model.asked.clear()
        model.say("no", None)
        await model.asked.wait()
    model = LiveModel()
    async with running(Agent("live", "", model, []), journal=journal) as daemon, calling(daemon) as caller:
        model.say('{"name": "Paris", ', '"population": 1}', None)
        ended = await caller.call("run/wait", runId=run)
        assert ended["output"] == {"name": "Paris", "population": 1}


async def test_the_protocol_describes_itself() -> None:
    async with running() as daemon, calling(daemon) as caller:
        document = await caller.call("rpc/discover")
        assert {method["name"] for method in document["methods"]} == set(METHODS)


async def test_a_ping_tells_the_time() -> None:
    async with running() as daemon, calling(daemon) as caller:
        assert (await caller.call("ping"))["at"].endswith("Z")


async def test_more_than_64_requests_at_once_are_refused_and_urgent_ones_pass() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live")
        await model.asked.wait()
        waiting = [asyncio.create_task(caller.call("run/wait", runId=run)) for _ in range(65)]
        done, _ = await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        error = done.pop().exception()
        assert isinstance(error, RpcError)
        assert (error.code, error.data["retryAfterMs"]) == (-32011, 100)
        assert await caller.call("ping")
        assert (await caller.call("run/cancel", runId=run))["accepted"] is True
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(each, dict) for each in results) == 64


def test_a_model_error_names_the_provider_and_its_status() -> None:
    from agiwod.face.rpc.errors import to_rpc

    told = to_rpc(ModelError("overloaded", "try later", provider="lab", status=529), "run/start")
    assert told.to_error() == {
        "code": -32015,
        "message": "try later",
        "data": {
            "kind": "agent_failed",
            "retryable": True,
            "reason": "overloaded",
            "provider": "lab",
            "httpStatus": 529,
        },
    }
