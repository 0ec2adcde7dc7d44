"""What every journal promises, whatever it keeps its records in."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from agiwo.errors import ConfigError, Conflict, NotFound, StorageError
from agiwo.journal import open_journal
from agiwo.journal.base import Journal
from agiwo.schema.event import Event
from agiwo.schema.record import Batch, Entry, Point, Record, RunHead, Session, State, StateChange
from agiwo.schema.run import RunStatus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_fixtures import config_of, kinds, untested_kinds

pytestmark = pytest.mark.anyio


def head(run: str, created_at: float = 1.0, *, session: str = "s", parent: str | None = None) -> RunHead:
    return RunHead(run, session, "agent", RunStatus.QUEUED, created_at, created_at, parent)


def said(text: str, at: float = 2.0) -> Entry:
    return Entry("item/completed", {"text": text}, at)


def noted(key: str, value: Any = None) -> Entry:
    return Entry("step", {"value": value}, 2.0, key=key, public=False)


def texts(records: Sequence[Record]) -> list[tuple[int | None, str]]:
    return [(record.seq, record.data["text"]) for record in records]


def is_shared(journal: Journal) -> bool:
    """Whether it is one of processes that work together, none of which claims anything for itself."""
    return journal.owner == "shared"


async def create(journal: Journal, run: str, *entries: Entry, created_at: float = 1.0) -> list[Record]:
    return await journal.append(Batch(run, entries, create=head(run, created_at)))


def test_every_registered_journal_runs_this_suite() -> None:
    assert untested_kinds() == set()


async def test_a_kind_of_journal_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"'mongo'; there are memory, sqlite, mongodb"):
        await open_journal("mongo")


@pytest.mark.parametrize(
    "opened", ['open_journal("mongodb", uri="mongodb://x")', 'MongoTraceStorage("mongodb://x").get_recent()']
)
def test_a_store_whose_package_is_missing_says_how_to_get_it(opened: str) -> None:
    program = f"""
import asyncio, sys
sys.modules["pymongo"] = sys.modules["bson"] = None
from agiwo.errors import ConfigError
from agiwo.journal import open_journal
from agiwo.observability import MongoTraceStorage
async def main():
    try:
        await {opened}
    except ConfigError as error:
        print(error)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=True)
    assert done.stdout == "mongodb needs the package pymongo: pip install 'agiwod[mongo]'\n"


async def test_public_records_are_numbered_without_a_hole_and_internal_ones_only_have_a_position(
    any_journal: Journal,
) -> None:
    first = await create(any_journal, "r", said("a"), noted("0/llm", 1), said("b"))
    second = await any_journal.append(Batch("r", (noted("1/llm", 2), said("c"))))

    assert [(record.position, record.seq, record.key) for record in first + second] == [
        (1, 1, None),
        (2, None, "0/llm"),
        (3, 2, None),
        (4, None, "1/llm"),
        (5, 3, None),
    ]


async def test_an_append_returns_the_records_that_a_load_gives(any_journal: Journal) -> None:
    entry = Entry("item/completed", {"a": [1, 2.5, None, True, "ü 🙂"], "b": {"c": ""}}, 1763800000.123456, item="i1")
    made = await create(any_journal, "r", entry, noted("k"))

    assert made == [
        Record("r", 1, 1, "item/completed", entry.data, 1763800000.123456, None, "i1"),
        Record("r", 2, None, "step", {"value": None}, 2.0, "k", None),
    ]
    assert await any_journal.load("r") == made


async def test_reading_gives_public_records_in_pages_after_a_seq(any_journal: Journal) -> None:
    await create(any_journal, "r", *[entry for n in range(5) for entry in (noted(f"k{n}"), said(str(n)))])

    assert texts(await any_journal.read("r", limit=2)) == [(1, "0"), (2, "1")]
    assert texts(await any_journal.read("r", after=2, limit=2)) == [(3, "2"), (4, "3")]
    assert texts(await any_journal.read("r", after=4)) == [(5, "4")]
    assert await any_journal.read("r", after=5) == []
    assert await any_journal.read("r", after=99) == []


@pytest.mark.parametrize("type", ["item/completed", ',"data":', '"', ""])
async def test_events_are_the_public_records_whatever_they_hold(any_journal: Journal, type: str) -> None:
    awkward = {"data": {"blobs": [[["text"], "x"]]}, "text": ',"data":{}},"item":"x"}\n \\ \u2028 ä', "n": [1.5, None]}
    entries = [Entry(type, awkward, 1.25, key=',"data":'), Entry(type, {}, 2.0, item=',"item":'), noted("k")]
    await create(any_journal, "r", *entries, said("x" * 200_000), said("last"))
    for after, limit in ((0, 10), (0, 2), (1, 2), (3, 10), (9, 10)):
        events = await any_journal.events("r", after, limit)
        assert events == [Event.of(record) for record in await any_journal.read("r", after, limit)]
        assert all(event.raw is None or orjson.loads(event.raw) == event.data for event in events)


async def test_all_records_of_a_run_are_read_in_pieces_too(any_journal: Journal) -> None:
    made = await create(any_journal, "r", *[entry for n in range(5) for entry in (noted(f"k{n}"), said(str(n)))])

    assert await any_journal.load("r", limit=3) == made[:3]
    assert await any_journal.load("r", 3, 3) == made[3:6]
    assert await any_journal.load("r", 8) == made[8:]
    assert await any_journal.load("r", 10, 3) == []
    assert await any_journal.load("nobody", 3, 3) == []


async def test_an_unknown_run_has_no_records(any_journal: Journal) -> None:
    assert await any_journal.read("nobody") == []
    assert await any_journal.load("nobody") == []
    assert await any_journal.run("nobody") is None
    assert await any_journal.session("nobody") is None


async def test_the_index_entry_follows_the_records(any_journal: Journal) -> None:
    await create(any_journal, "r", said("a", at=2.0))
    await any_journal.append(Batch("r", (said("b", at=5.0), noted("k")), status=RunStatus.RUNNING))

    expected = replace(head("r"), status=RunStatus.RUNNING, updated_at=2.0, head=2, owner=any_journal.owner)
    assert await any_journal.run("r") == expected


async def test_a_status_can_change_without_a_record(any_journal: Journal) -> None:
    await create(any_journal, "r", said("a", at=2.0))
    assert await any_journal.append(Batch("r", status=RunStatus.SUSPENDED)) == []

    found = await any_journal.run("r")
    assert found == replace(head("r"), status=RunStatus.SUSPENDED, updated_at=2.0, head=1, owner=any_journal.owner)


async def test_creating_a_run_that_exists_is_a_conflict(any_journal: Journal) -> None:
    await create(any_journal, "r", said("a"))
    with pytest.raises(Conflict, match="exists already"):
        await create(any_journal, "r", said("b"))
    assert texts(await any_journal.read("r")) == [(1, "a")]


async def test_writing_to_a_run_that_was_not_created_finds_nothing(any_journal: Journal) -> None:
    with pytest.raises(NotFound) as caught:
        await any_journal.append(Batch("nobody", (said("a"),)))
    assert (caught.value.kind, caught.value.id) == ("run", "nobody")


async def test_a_key_can_be_used_once_in_a_run(any_journal: Journal) -> None:
    await any_journal.append(Session("s", "agent", 1.0, 1.0))
    await create(any_journal, "r", noted("k", 1))
    await create(any_journal, "other", noted("k", 1))
    with pytest.raises(Conflict, match="'k'"):
        await any_journal.append(Batch("r", (said("lost"), noted("k", 2))))
    assert [record.data for record in await any_journal.load("r")] == [{"value": 1}]


async def test_what_is_in_the_way_of_an_append_is_found_by_its_key(any_journal: Journal) -> None:
    await create(any_journal, "other", noted("k", "of another run"))
    made = await create(any_journal, "r", said("a"), noted("k", {"large": "ü" * 200_000}), noted("l"), said("b"))
    with pytest.raises(Conflict, match="'k'"):
        await any_journal.append(Batch("r", (noted("k", "again"),)))

    assert await any_journal.record("r", "k") == made[1]
    assert await any_journal.record("r", "l") == made[2]
    assert await any_journal.record("r", "m") is None
    assert await any_journal.record("nobody", "k") is None


async def test_a_key_cannot_be_used_twice_in_one_append(any_journal: Journal) -> None:
    with pytest.raises(Conflict):
        await create(any_journal, "r", noted("k", 1), noted("k", 2))
    assert await any_journal.run("r") is None


async def test_an_append_expects_the_run_in_one_of_the_states_it_names(any_journal: Journal) -> None:
    await create(any_journal, "r")
    await any_journal.append(Batch("r", status=RunStatus.RUNNING, expect=frozenset({RunStatus.QUEUED})))
    with pytest.raises(Conflict, match="is running, not cancelling or queued"):
        await any_journal.append(
            Batch("r", (said("lost"),), expect=frozenset({RunStatus.QUEUED, RunStatus.CANCELLING}))
        )
    assert await any_journal.load("r") == []


async def test_an_append_is_taken_as_a_whole_or_not_at_all(any_journal: Journal) -> None:
    await create(any_journal, "old", said("a"))
    session = Session("s", "agent", 1.0, 1.0)
    with pytest.raises(Conflict):
        await any_journal.append(
            session,
            Batch("new", (said("b"),), create=head("new")),
            Batch("old", (said("c"),), status=RunStatus.RUNNING),
            Batch("old", (), expect=frozenset({RunStatus.QUEUED})),
        )

    assert await any_journal.session("s") is None
    assert await any_journal.run("new") is None
    assert texts(await any_journal.read("old")) == [(1, "a")]
    assert await any_journal.append(Batch("old", (said("d"),), expect=frozenset({RunStatus.QUEUED})))


async def test_one_append_may_create_a_run_and_go_on_with_it(any_journal: Journal) -> None:
    made = await any_journal.append(
        Session("s", "agent", 1.0, 1.0),
        Batch("r", (said("a"),), create=head("r")),
        Batch("r", (said("b"),), status=RunStatus.RUNNING, expect=frozenset({RunStatus.QUEUED})),
        Batch("other", (said("c"),), create=head("other")),
    )
    assert [(record.run, record.seq) for record in made] == [("r", 1), ("r", 2), ("other", 1)]


@pytest.mark.parametrize("session", ["s", "of nobody"])
async def test_a_refused_append_does_not_harm_those_beside_it(any_journal: Journal, session: str) -> None:
    await any_journal.append(Session(session, "agent", 1.0, 1.0))
    await create(any_journal, "r", noted("taken"))
    appends = [
        any_journal.append(Batch("r", (noted("taken" if n % 3 == 1 else f"k{n}"), said(str(n))))) for n in range(9)
    ]
    outcomes = await asyncio.gather(*appends, return_exceptions=True)

    assert [isinstance(outcome, Conflict) for outcome in outcomes] == [n % 3 == 1 for n in range(9)]
    taken = [str(n) for n in range(9) if n % 3 != 1]
    assert texts(await any_journal.read("r")) == list(enumerate(taken, start=1))


async def test_appends_that_are_made_together_are_taken_in_the_order_they_were_made(any_journal: Journal) -> None:
    await create(any_journal, "r")
    await asyncio.gather(*(any_journal.append(Batch("r", (said(str(n)),))) for n in range(700)))
    assert texts(await any_journal.read("r", limit=1000)) == [(n + 1, str(n)) for n in range(700)]


async def test_what_the_caller_does_to_its_data_afterwards_changes_no_record(any_journal: Journal) -> None:
    data: dict[str, Any] = {"text": "as it was", "list": [1]}
    meta: dict[str, Any] = {"title": "as it was"}
    entry, session = Entry("item/completed", data, 1.0), Session("s", "agent", 1.0, 1.0, meta=meta)
    appending = asyncio.ensure_future(any_journal.append(session, Batch("r", (entry,), create=head("r"))))
    await asyncio.sleep(0)
    data["list"].append(2)
    meta["title"] = "changed"
    (made,) = await appending

    assert made.data == {"text": "as it was", "list": [1]}
    assert [record.data for record in await any_journal.load("r")] == [made.data]
    stored = await any_journal.session("s")
    assert stored is not None
    assert stored.meta == {"title": "as it was"}


@pytest.mark.parametrize("data", [{"a": object()}, {"a": "\ud800"}, {1: "a"}, {"a": 1 << 64}])
async def test_data_that_is_not_json_is_refused_and_nobody_else_suffers(any_journal: Journal, data: Any) -> None:
    await create(any_journal, "r")
    good = asyncio.ensure_future(any_journal.append(Batch("r", (said("a"),))))
    with pytest.raises(TypeError):
        await any_journal.append(Batch("r", (Entry("item/completed", data, 1.0),)))
    await good
    assert texts(await any_journal.read("r")) == [(1, "a")]


async def test_an_id_that_cannot_be_written_is_refused_and_nobody_else_suffers(any_journal: Journal) -> None:
    await create(any_journal, "r")
    good = asyncio.ensure_future(any_journal.append(Batch("r", (said("a"),))))
    with pytest.raises(TypeError):
        await create(any_journal, "\ud800")
    await good
    assert texts(await any_journal.read("r")) == [(1, "a")]


async def test_a_listener_has_heard_before_the_append_returns(any_journal: Journal) -> None:
    heard: list[tuple[int | None, str]] = []
    await create(any_journal, "r", said("before"))
    any_journal.watch("r", lambda records: heard.extend(texts(records)))

    await any_journal.append(Batch("r", (said("a"), noted("k"), said("b"))))
    assert heard == [(2, "a"), (3, "b")]


async def test_a_listener_is_told_once_an_append_and_only_of_public_records_of_its_run(any_journal: Journal) -> None:
    heard: list[list[tuple[int | None, str]]] = []
    await create(any_journal, "other")
    any_journal.watch("r", lambda records: heard.append(texts(records)))
    await create(any_journal, "r", said("a"), said("b"))
    await any_journal.append(Batch("r", (noted("k"),)))
    await any_journal.append(Batch("other", (said("x"),)), Batch("r", (said("c"),)), Batch("r", (said("d"),)))

    assert heard == [[(1, "a"), (2, "b")], [(3, "c"), (4, "d")]]


async def test_a_listener_that_asks_for_them_hears_of_internal_records_too(any_journal: Journal) -> None:
    heard: list[int] = []
    any_journal.watch("r", lambda records: heard.extend(record.position for record in records), internal=True)
    await create(any_journal, "r", said("a"), noted("k"))
    await any_journal.append(Batch("r", (noted("l"),)))
    await any_journal.append(Batch("r", (said("b"),)))

    assert heard == [1, 2, 3, 4]


async def test_a_listener_hears_nothing_of_a_refused_append(any_journal: Journal) -> None:
    heard: list[Record] = []
    await create(any_journal, "r", noted("k"))
    any_journal.watch("r", heard.extend)
    with pytest.raises(Conflict):
        await any_journal.append(Batch("r", (said("a"), noted("k"))), first=heard.extend)
    assert heard == []


async def test_who_is_told_first_may_bring_a_listener_that_hears_the_same(any_journal: Journal) -> None:
    told: list[tuple[str, list[int]]] = []

    def note(name: str, records: Sequence[Record]) -> None:
        told.append((name, [record.position for record in records]))

    def follow(records: Sequence[Record]) -> None:
        note("first", records)
        any_journal.watch("r", partial(note, "public"))
        any_journal.watch("r", partial(note, "all"), internal=True)

    await any_journal.append(Batch("r", (said("a"), noted("k"), said("b")), create=head("r")), first=follow)
    assert told == [("first", [1, 2, 3]), ("public", [1, 3]), ("all", [1, 2, 3])]


async def test_listeners_hear_in_the_order_of_the_log_while_many_append(any_journal: Journal) -> None:
    heard: list[int | None] = []
    await create(any_journal, "r")
    any_journal.watch("r", lambda records: heard.extend(record.seq for record in records))

    async def appender(name: str) -> None:
        for n in range(20):
            (record,) = await any_journal.append(Batch("r", (said(f"{name}{n}"),)))
            assert record.seq in heard

    await asyncio.gather(*(appender(name) for name in "abcdefgh"))
    assert heard == list(range(1, 161))


async def test_a_listener_can_stop_more_than_once_and_while_it_is_told(any_journal: Journal) -> None:
    heard: list[str] = []
    await create(any_journal, "r")

    def once(records: Sequence[Record]) -> None:
        heard.append("once")
        stop()
        stop()

    stop = any_journal.watch("r", once)
    any_journal.watch("r", lambda records: heard.append("always"))
    await any_journal.append(Batch("r", (said("a"),)))
    await any_journal.append(Batch("r", (said("b"),)))
    stop()
    assert heard == ["once", "always", "always"]


async def test_a_listener_that_raises_harms_neither_the_append_nor_the_other_listeners(
    any_journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Record] = []
    await create(any_journal, "r")

    def broken(records: Sequence[Record]) -> None:
        raise RuntimeError("a listener's fault")

    any_journal.watch("r", broken)
    any_journal.watch("r", heard.extend)
    made = await any_journal.append(Batch("r", (said("a"),)))
    assert heard == made
    assert "a listener raised" in caplog.text


async def test_an_append_whose_caller_was_cancelled_is_recorded_all_the_same(any_journal: Journal) -> None:
    await create(any_journal, "r")
    heard: list[Record] = []
    any_journal.watch("r", heard.extend)
    caller = asyncio.ensure_future(any_journal.append(Batch("r", (said("a"),))))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await any_journal.append(Batch("r", (said("b"),)))

    assert texts(await any_journal.read("r")) == [(1, "a"), (2, "b")]
    assert texts(heard) == [(1, "a"), (2, "b")]


async def test_runs_are_listed_newest_first_in_pages(any_journal: Journal) -> None:
    for run, created_at in [("b", 2.0), ("z", 1.0), ("a", 2.0), ("m", 3.0)]:
        await create(any_journal, run, created_at=created_at)

    assert [found.run for found in await any_journal.runs()] == ["m", "a", "b", "z"]
    assert [found.run for found in await any_journal.runs(limit=2)] == ["m", "a"]
    assert [found.run for found in await any_journal.runs(before="a", limit=2)] == ["b", "z"]
    assert await any_journal.runs(before="z") == []
    with pytest.raises(NotFound, match="nobody"):
        await any_journal.runs(before="nobody")


async def test_runs_are_found_by_session_agent_parent_and_status(any_journal: Journal) -> None:
    await any_journal.append(Batch("root", create=head("root", 1.0)))
    await any_journal.append(Batch("child", create=head("child", 2.0, session="t", parent="root")))
    await any_journal.append(Batch("done", status=RunStatus.COMPLETED, create=replace(head("done", 3.0), agent="b")))

    async def found(**filters: Any) -> list[str]:
        return [run.run for run in await any_journal.runs(**filters)]

    assert await found(session="s") == ["done", "root"]
    assert await found(parent="root") == ["child"]
    assert await found(agent="agent") == ["child", "root"]
    assert await found(statuses=frozenset({RunStatus.COMPLETED, RunStatus.FAILED})) == ["done"]
    assert await found(statuses=frozenset()) == []
    assert await found(session="s", agent="agent", statuses=frozenset({RunStatus.QUEUED})) == ["root"]
    assert await found(agent="agent", before="child") == ["root"]
    assert await found(agent="nobody") == []
    assert await found(ids=["root", "done", "ghost", "root"]) == ["done", "root"]
    assert await found(ids=["root", "done"], agent="agent", limit=1) == ["root"]
    assert await found(ids=[]) == []


async def test_a_session_is_created_and_replaced_and_is_ours(any_journal: Journal) -> None:
    first = Session("s", "agent", 1.0, 1.0, meta={"title": "ü"})
    second = replace(first, updated_at=3.0, head=Point("r"), forked_from=Point("q", 7), meta={})
    await any_journal.append(first)
    assert await any_journal.session("s") == replace(first, owner=any_journal.owner)
    await any_journal.append(second)
    assert await any_journal.session("s") == replace(second, owner=any_journal.owner)


async def test_sessions_are_listed_by_use_in_pages(any_journal: Journal) -> None:
    for id, agent, used in [("a", "x", 1.0), ("b", "x", 2.0), ("c", "y", 2.0)]:
        await any_journal.append(Session(id, agent, used, used))
    await any_journal.append(Session("a", "x", 1.0, 5.0))

    assert [session.id for session in await any_journal.sessions()] == ["a", "c", "b"]
    assert [session.id for session in await any_journal.sessions(limit=1)] == ["a"]
    assert [session.id for session in await any_journal.sessions(before="a")] == ["c", "b"]
    assert [session.id for session in await any_journal.sessions(agent="x")] == ["a", "b"]
    assert await any_journal.sessions(before="b") == []
    with pytest.raises(NotFound, match="nobody"):
        await any_journal.sessions(before="nobody")


async def test_claiming_gives_the_unfinished_runs_of_ours_oldest_first_unless_it_is_shared(
    any_journal: Journal,
) -> None:
    for run, status in [("a", RunStatus.SLEEPING), ("b", RunStatus.FAILED), ("c", RunStatus.SUSPENDED)]:
        await any_journal.append(Batch(run, status=status, create=head(run)))
    ours = [("a", any_journal.owner), ("c", any_journal.owner)]
    assert [(run.run, run.owner) for run in await any_journal.claim()] == ([] if is_shared(any_journal) else ours)


async def test_what_a_run_waits_for_stands_in_its_index_entry_until_its_status_is_another(any_journal: Journal) -> None:
    wake = {"deadline": 7.5, "runs": ["a", "ü"], "mode": "all"}
    await create(any_journal, "r")
    await any_journal.append(Batch("r", status=RunStatus.SLEEPING, wake=wake))
    wake["runs"] = []
    await any_journal.append(Batch("r", (said("meanwhile"),)))
    asleep = await any_journal.run("r")
    assert asleep
    assert (asleep.status, asleep.wake) == (
        RunStatus.SLEEPING,
        {"deadline": 7.5, "runs": ["a", "ü"], "mode": "all"},
    )
    assert [found.wake for found in await any_journal.claim()] == ([] if is_shared(any_journal) else [asleep.wake])

    await any_journal.append(Batch("r", status=RunStatus.RUNNING))
    awake = await any_journal.run("r")
    assert awake
    assert awake.wake is None


def state(id: str, created_at: float = 1.0, **fields: Any) -> State:
    return State(id, "agent", "s", "r", created_at, created_at, **fields)


async def test_a_state_is_created_and_changed_and_its_version_counts_up(any_journal: Journal) -> None:
    first = state("root", persistent=True, depth=2, parent="above", meta={"why": "ü"})
    second = replace(first, run="r2", phase="closing", updated_at=3.0, meta={})
    assert await any_journal.state("root") is None
    assert await any_journal.append(StateChange(first)) == []
    assert await any_journal.state("root") == replace(first, version=1)
    await any_journal.append(StateChange(second, 1))
    assert await any_journal.state("root") == replace(second, version=2)


@pytest.mark.parametrize(("expect", "found"), [(0, 1), (2, 1)])
async def test_a_state_of_another_version_than_expected_refuses_the_append(
    any_journal: Journal, expect: int, found: int
) -> None:
    await any_journal.append(StateChange(state("root")))
    with pytest.raises(Conflict, match=f"'root' is of version {found}, not {expect}"):
        await any_journal.append(Batch("r", (said("a"),), create=head("r")), StateChange(state("root"), expect))
    with pytest.raises(Conflict, match="'other' is of version 0, not 1"):
        await any_journal.append(StateChange(state("other"), 1))
    assert await any_journal.run("r") is None
    assert await any_journal.states() == [replace(state("root"), version=1)]


async def test_of_many_who_change_a_state_at_once_one_is_first(any_journal: Journal) -> None:
    await any_journal.append(StateChange(state("root")))
    changes = [StateChange(state("root", phase=phase), 1) for phase in ("closing", "cancelled", "ended")]
    outcomes = await asyncio.gather(*map(any_journal.append, changes), return_exceptions=True)
    assert [isinstance(outcome, Conflict) for outcome in outcomes] == [False, True, True]
    assert await any_journal.state("root") == state("root", phase="closing", version=2)


async def test_one_append_may_change_a_state_twice(any_journal: Journal) -> None:
    await any_journal.append(StateChange(state("root")), StateChange(state("root", phase="ended"), 1))
    assert await any_journal.state("root") == state("root", phase="ended", version=2)


async def test_what_the_caller_does_to_a_state_afterwards_changes_nothing(any_journal: Journal) -> None:
    meta: dict[str, Any] = {"why": ["a"]}
    await any_journal.append(StateChange(state("root", meta=meta)))
    meta["why"].append("b")
    assert await any_journal.state("root") == state("root", version=1, meta={"why": ["a"]})


async def test_a_state_that_is_not_json_is_refused(any_journal: Journal) -> None:
    with pytest.raises(TypeError):
        await any_journal.append(StateChange(state("root", meta={"why": object()})))
    with pytest.raises(TypeError):
        await any_journal.append(StateChange(state("\ud800")))
    assert await any_journal.states() == []


async def test_states_are_listed_newest_first_in_pages(any_journal: Journal) -> None:
    for id, created_at in [("b", 2.0), ("z", 1.0), ("a", 2.0), ("m", 3.0)]:
        await any_journal.append(StateChange(state(id, created_at)))
    assert [each.id for each in await any_journal.states()] == ["m", "a", "b", "z"]
    assert [each.id for each in await any_journal.states(limit=2)] == ["m", "a"]
    assert [each.id for each in await any_journal.states(before="a", limit=2)] == ["b", "z"]
    with pytest.raises(NotFound, match="nobody"):
        await any_journal.states(before="nobody")


async def test_states_are_found_by_parent_agent_and_phase(any_journal: Journal) -> None:
    root, other = state("root", 1.0), replace(state("other", 2.0, phase="ended"), agent="b")
    below = [state("kid", 3.0, parent="root", phase="cancelled"), state("grandkid", 4.0, parent="kid")]
    await any_journal.append(*map(StateChange, [root, other, *below]))

    async def found(**filters: Any) -> list[str]:
        return [each.id for each in await any_journal.states(**filters)]

    assert await found(parents=["root"]) == ["kid"]
    assert await found(parents=["kid", "root", "nobody"]) == ["grandkid", "kid"]
    assert await found(parents=[]) == []
    assert await found(roots=True) == ["other", "root"]
    assert await found(agent="b") == ["other"]
    assert await found(phases=["open"]) == ["grandkid", "root"]
    assert await found(roots=True, phases=["ended", "open"], agent="agent") == ["root"]
    assert await found(parents=["root", "kid"], before="grandkid") == ["kid"]


async def test_the_same_bytes_are_one_blob(any_journal: Journal) -> None:
    name = await any_journal.put_blob(b"\x00\xff bytes")
    assert await any_journal.put_blob(b"\x00\xff bytes") == name
    assert await any_journal.put_blob(b"") != name
    assert await any_journal.get_blob(name) == (b"\x00\xff bytes", 8)


async def test_a_blob_is_read_in_parts(any_journal: Journal) -> None:
    name = await any_journal.put_blob(b"0123456789")
    assert await any_journal.get_blob(name, offset=3) == (b"3456789", 10)
    assert await any_journal.get_blob(name, offset=3, limit=4) == (b"3456", 10)
    assert await any_journal.get_blob(name, offset=8, limit=100) == (b"89", 10)
    assert await any_journal.get_blob(name, offset=100) == (b"", 10)
    assert await any_journal.get_blob(name, limit=0) == (b"", 10)
    with pytest.raises(NotFound):
        await any_journal.get_blob("no such name")


@pytest.mark.parametrize("text", ["x" * (128 * 1024), "x" * (128 * 1024 + 1), "ü" * 100_000, "🙂" * 400_000])
async def test_large_content_comes_back_as_it_was(any_journal: Journal, text: str) -> None:
    data = {"text": "small", "parts": [{"text": text}, {"text": text + "!"}], text[:10]: text}
    made = await create(any_journal, "r", Entry("item/completed", data, 1.0), noted("k", text))

    assert made[0].data == data
    assert await any_journal.load("r") == made
    assert await any_journal.read("r") == made[:1]


async def test_a_probe_of_a_sound_store_passes(any_journal: Journal) -> None:
    await any_journal.probe()


async def test_a_closed_journal_refuses_and_closing_again_is_harmless(any_journal: Journal) -> None:
    await create(any_journal, "r")
    await any_journal.close()
    await any_journal.close()
    with pytest.raises(StorageError, match="closed"):
        await any_journal.append(Batch("r", (said("a"),)))
    with pytest.raises(StorageError, match="closed"):
        await any_journal.load("r")


async def test_closing_waits_for_the_appends_under_way(any_journal: Journal) -> None:
    await create(any_journal, "r")
    under_way = [asyncio.ensure_future(any_journal.append(Batch("r", (said(str(n)),)))) for n in range(600)]
    await asyncio.sleep(0)
    await any_journal.close()

    assert all(append.done() for append in under_way)
    assert [append.result()[0].seq for append in under_way] == list(range(1, 601))


async def test_two_journals_have_two_epochs(any_journal: Journal, tmp_path: Path) -> None:
    other = await open_journal(**config_of("sqlite-normal", tmp_path / "other"))
    assert other.epoch != any_journal.epoch
    assert other.owner != any_journal.owner
    await other.close()


OPERATION = st.tuples(
    st.sampled_from(["r0", "r1", "r2"]),
    st.lists(st.tuples(st.booleans(), st.one_of(st.none(), st.sampled_from("abcdef"))), max_size=4),
    st.one_of(st.none(), st.sampled_from(sorted(RunStatus))),
)


@pytest.mark.parametrize("kind", kinds())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.lists(OPERATION, max_size=8), max_size=4))
async def test_whatever_is_appended_at_once_the_log_stays_without_a_hole(
    kind: str, turns: list[list[Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    journal = await open_journal(**config_of(kind, tmp_path_factory.mktemp("log")))
    heard: dict[str, list[Record]] = {run: [] for run in ("r0", "r1", "r2")}
    acknowledged: dict[str, list[Record]] = {run: [] for run in heard}
    for run, records in heard.items():
        journal.watch(run, records.extend)
        await create(journal, run)

    async def attempt(run: str, shapes: list[tuple[bool, str | None]], expected: RunStatus | None) -> None:
        entries = tuple(Entry("e", {"n": n}, 1.0, key, public) for n, (public, key) in enumerate(shapes))
        expect = None if expected is None else frozenset({expected})
        try:
            acknowledged[run] += await journal.append(Batch(run, entries, status=expected, expect=expect))
        except Conflict:
            return

    for turn in turns:
        await asyncio.gather(*(attempt(*operation) for operation in turn))

    for run, records in acknowledged.items():
        stored = await journal.load(run)
        public = [record for record in stored if record.seq is not None]
        found = await journal.run(run)
        assert sorted(records, key=lambda record: record.position) == stored
        assert [record.position for record in stored] == list(range(1, len(stored) + 1))
        assert [record.seq for record in public] == list(range(1, len(public) + 1))
        assert await journal.read(run) == heard[run] == public
        assert found is not None
        assert found.head == len(public)
        keys = [record.key for record in stored if record.key is not None]
        assert len(keys) == len(set(keys))
    await journal.close()
