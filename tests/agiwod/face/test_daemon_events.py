"""The daemon's own events and its clients, as a client of the native protocol sees them."""

from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.errors import StorageError
from agiwo.journal.base import PROBE, Listener
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.record import Change, Record
from agiwo_protocol import client, errors, event
from agiwo_protocol.contract import Page
from agiwod.runtime.agents import Agents, Registered
from agiwod.runtime.events import LIMIT
from daemon_lab import Caller, KeptJournal, LiveModel, calling, parent_of, running, scripted

pytestmark = pytest.mark.anyio


async def told(caller: Caller, count: int) -> list[dict[str, Any]]:
    """The first daemon events that the client got."""

    def heard() -> list[dict[str, Any]]:
        return [
            each.params for each in caller.told if each.method == event.EVENT.name and isinstance(each.params, dict)
        ]

    await caller.until(lambda: len(heard()) >= count)
    return heard()


async def refused(caller: Caller, method: str, **params: Any) -> errors.RpcError:
    with pytest.raises(errors.RpcError) as refusal:
        await caller.call(method, **params)
    return refusal.value


async def test_where_each_run_stands_is_told_without_following_it() -> None:
    async with running() as daemon, calling(daemon) as watcher, calling(daemon) as caller:
        head = (await watcher.call("event/subscribe", topics=["run"]))["headSeq"]
        run = await caller.start()
        events = await told(watcher, 3)
        found = await caller.call("run/get", runId=run)
        assert [each["seq"] for each in events] == [head + 1, head + 2, head + 3]
        assert [each["type"] for each in events] == ["run/queued", "run/started", "run/completed"]
        assert {each["topic"] for each in events} == {"run"}
        assert [each["data"] for each in events] == [
            {"runId": run, "agentId": "echo", "sessionId": found["sessionId"], "status": status}
            for status in ("queued", "running", "completed")
        ]
        assert all(event.DaemonEvent.model_validate(each) for each in events)
        assert watcher.streams == {}


async def test_a_child_names_its_parent() -> None:
    programs = {"parent": parent_of("echo")}
    async with running(scripted("parent"), scripted("echo"), programs=programs) as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["run"])
        run = await caller.start("parent")
        events = await told(caller, 6)
        assert [each["data"]["agentId"] for each in events if "parentRunId" in each["data"]] == ["echo"] * 3
        assert {each["data"].get("parentRunId") for each in events} == {None, run}


async def test_runs_that_a_start_takes_up_again_are_told() -> None:
    journal = KeptJournal()
    model = LiveModel()
    async with running(Agent("live", "", model), journal=journal) as daemon, calling(daemon) as caller:
        run = await caller.start("live")
        await model.asked.wait()
    again = LiveModel()
    async with running(Agent("live", "", again), journal=journal) as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["run"], after=0)
        assert [(each["type"], each["data"]["runId"]) for each in await told(caller, 1)] == [("run/resumed", run)]


async def test_who_comes_and_goes_is_told() -> None:
    async with running() as daemon, calling(daemon) as watcher:
        await watcher.call("event/subscribe", topics=["client"])
        async with calling(daemon) as other:
            clients = (await other.call("client/list"))["clients"]
        events = await told(watcher, 2)
        assert [each["type"] for each in events] == ["client/connected", "client/left"]
        assert {each["data"]["name"] for each in events} == {"test"}
        assert {each["data"]["connectionId"] for each in events} == {clients[1]["connectionId"]}


async def test_nobody_is_told_of_who_never_shook_hands() -> None:
    async with running() as daemon, calling(daemon) as watcher:
        await watcher.call("event/subscribe", topics=["client"])
        async with calling(daemon, greet=False) as other:
            assert await other.call("ping")
        daemon.events.publish("client", "client/changed", {})
        assert [each["type"] for each in await told(watcher, 1)] == ["client/changed"]
        assert len((await watcher.call("client/list"))["clients"]) == 1


async def test_agents_that_come_and_go_with_new_settings_are_told() -> None:
    async with running(scripted("one"), scripted("two")) as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["agent"])
        daemon.adopt(Agents([Registered(scripted("two")), Registered(scripted("three"))]), daemon.models, {})
        (changed,) = await told(caller, 1)
        assert (changed["topic"], changed["type"]) == ("agent", "agent/changed")
        assert changed["data"] == {"added": ["three"], "removed": ["one"]}


async def test_a_drain_is_an_event_too() -> None:
    async with running() as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["daemon"])
        await caller.call("daemon/drain", seconds=5)
        (drained,) = await told(caller, 1)
        assert (drained["type"], drained["data"]["state"]) == ("daemon/draining", "draining")
        assert 4 < drained["data"]["seconds"] <= 5


class Refusing(MemoryJournal):
    """A journal whose disk is full for as long as a test says."""

    is_full = False

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        if self.is_full:
            raise StorageError("the disk is full")
        return await super().append(*changes, first=first)

    async def probe(self, size: int = PROBE) -> None:
        if self.is_full:
            raise StorageError("the disk is full")


async def test_trouble_with_the_store_is_told_and_its_end_too() -> None:
    journal = Refusing()
    async with running(journal=journal) as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["daemon"])
        journal.is_full = True
        assert (await refused(caller, "run/start", agent="echo", input="hi")).kind == "storage"
        (degraded,) = await told(caller, 1)
        assert degraded["type"] == "daemon/degraded"
        assert degraded["data"] == {"state": "degraded", "error": "the disk is full"}
        journal.is_full = False
        assert [(each["type"], each["data"]) for each in (await told(caller, 2))[1:]] == [
            ("daemon/recovered", {"state": "ready"})
        ]


async def test_an_unknown_topic_is_told_those_that_there_are() -> None:
    async with running() as daemon, calling(daemon) as caller:
        refusal = await refused(caller, "event/subscribe", topics=["run", "weather"])
        (complaint,) = refusal.data["errors"]
        assert (refusal.kind, complaint["path"]) == ("invalid_params", "topics.1")
        topics = ["agent", "skill", "mcp", "run", "scheduler", "approval", "client", "daemon"]
        assert all(repr(topic) in complaint["message"] for topic in topics)
        assert (await refused(caller, "event/subscribe", topics=[])).kind == "invalid_params"


async def test_a_position_that_has_fallen_out_of_the_log_is_refused_with_the_first_that_is_there() -> None:
    async with running() as daemon, calling(daemon) as caller:
        for _ in range(LIMIT + 10):
            daemon.events.publish("agent", "agent/changed", {})
        head = daemon.events.head
        for after in (0, head + 1):
            refusal = await refused(caller, "event/subscribe", topics=["agent"], after=after)
            assert (refusal.code, refusal.kind) == (-32014, "cursor_expired")
            assert (refusal.data["firstAvailableSeq"], refusal.data["headSeq"]) == (head - LIMIT + 1, head)
        assert await caller.call("event/subscribe", topics=["agent"], after=head - 3) == {"headSeq": head}
        assert [each["seq"] for each in await told(caller, 3)] == [head - 2, head - 1, head]


async def test_a_second_subscription_takes_the_place_of_the_first() -> None:
    async with running() as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["agent"])
        await caller.call("event/subscribe", topics=["skill"])
        daemon.events.publish("agent", "agent/changed", {})
        daemon.events.publish("skill", "skill/changed", {})
        assert [each["topic"] for each in await told(caller, 1)] == ["skill"]


async def test_after_unsubscribing_nothing_comes() -> None:
    async with running() as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["agent"])
        daemon.events.publish("agent", "agent/changed", {"number": 1})
        assert await caller.call("event/unsubscribe") == {}
        before = len(caller.told)
        daemon.events.publish("agent", "agent/changed", {"number": 2})
        for _ in range(3):
            await caller.call("ping")
        assert len(caller.told) == before
        assert await caller.call("event/unsubscribe") == {}


async def test_a_client_that_does_not_read_is_told_how_much_it_has_missed() -> None:
    async with running() as daemon, calling(daemon, high_water=2000) as caller:
        await caller.call("event/subscribe", topics=["agent"])
        for number in range(LIMIT + 500):
            daemon.events.publish("agent", "agent/changed", {"number": number})
        daemon.events.publish("agent", "agent/changed", {"last": True})
        await caller.until(lambda: bool(caller.told) and "last" in str(caller.told[-1].params))
        events = await told(caller, 1)
        place = events[0]["seq"]
        for each in events:
            if each["type"] == "event/lost":
                assert each["data"]["after"] < each["seq"] == each["data"]["firstAvailableSeq"] - 1
                place = each["seq"] + 1
            else:
                assert each["seq"] == place
                place += 1
        assert [each["type"] for each in events].count("event/lost") == 1


async def test_the_clients_are_listed_with_what_they_follow() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as one:
        async with calling(daemon, greet=False) as other:
            await other.call("initialize", protocolVersion=1, clientInfo={"name": "editor", "version": "2.1"})
            run = await other.start("live")
            answer = await one.call("client/list")
            listed = client.ListResult.model_validate(answer).clients
            assert [(each.name, each.version, each.runs) for each in listed] == [
                ("test", None, []),
                ("editor", "2.1", [run]),
            ]
            first = await one.call("client/list", **Page(limit=1).to_wire())
            assert len(first["clients"]) == 1
            rest = await one.call("client/list", cursor=first["nextCursor"])
            assert [each["name"] for each in rest["clients"]] == ["editor"]
            assert "nextCursor" not in rest
        assert [each["name"] for each in (await one.call("client/list"))["clients"]] == ["test"]
