"""What a journal in MongoDB promises to processes that work together: each appends to any run."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ConfigError, Conflict, StorageError
from agiwo.journal.mongo import MongoJournal, open_mongo
from agiwo.schema.record import Batch, Entry, Record, RunHead, Session
from agiwo.schema.run import RunStatus
from mongo_lab import database_of, shared_server
from mongo_proxy import proxy_to
from pymongo import MongoClient

pytestmark = [pytest.mark.anyio, pytest.mark.mongo, pytest.mark.usefixtures("collected")]

HEAD = RunHead("r", "s", "agent", RunStatus.RUNNING, 1.0, 1.0)


def noted(key: str, value: Any = None) -> Entry:
    return Entry("step", {"value": value}, 2.0, key=key)


@pytest.fixture
def database(tmp_path: Path) -> dict[str, Any]:
    """Where the test's journal is."""
    return database_of(tmp_path)


@pytest.fixture
async def journal(database: dict[str, Any]) -> AsyncGenerator[MongoJournal]:
    """A journal with one run, `r`, that is shared."""
    journal = await open_mongo(**database, shared=True)
    await journal.append(Session("s", "agent", 1.0, 1.0), Batch("r", create=HEAD))
    yield journal
    await journal.close()


@asynccontextmanager
async def another(database: dict[str, Any], **options: Any) -> AsyncGenerator[MongoJournal]:
    """The same database as another process has it."""
    config: dict[str, Any] = database | {"uri": f"{database['uri']}?appName=other", "shared": True} | options
    journal = await open_mongo(**config)
    yield journal
    await journal.close()


WRITING = """
import asyncio, sys
from agiwo.journal.mongo import open_mongo
from agiwo.schema.record import Batch, Entry

async def main(uri, db_name, lock_dir, name):
    journal = await open_mongo(uri, db_name, lock_dir=lock_dir, shared=True)
    print("ready", flush=True)
    for line in sys.stdin:
        key = f"{name}{line.strip()}"
        await journal.append(Batch("r", (Entry("step", {"value": "x" * 300}, 2.0, key=key),)))
        print(key, flush=True)
    await journal.close()

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def writing(database: dict[str, Any], name: str, count: int) -> AsyncGenerator[Process]:
    """A process that appends to `r` so many times, and says each key once it is there."""
    where = (database["uri"], database["db_name"], str(database["lock_dir"]))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITING, *where, name, stdin=PIPE, stdout=PIPE)
    assert process.stdin
    assert process.stdout
    assert await process.stdout.readline() == b"ready\n"
    process.stdin.write("".join(f"{number}\n" for number in range(count)).encode())
    process.stdin.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def is_whole(records: list[Record]) -> bool:
    """Whether positions, seqs and keys are as if one process had written them."""
    numbers = list(range(1, len(records) + 1))
    return (
        [record.position for record in records] == numbers
        and [record.seq for record in records] == numbers
        and len({record.key for record in records}) == len(records)
    )


# Side by side


async def test_what_one_has_begun_another_goes_on_with_and_nobody_claims_it(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    async with another(database) as other:
        assert (other.owner, journal.owner) == ("shared", "shared")
        await other.append(Session("s", "agent", 1.0, 3.0), Batch("r", (noted("a"),)))
        await journal.append(Batch("r", (noted("b"),), status=RunStatus.SLEEPING))
        assert await journal.claim() == await other.claim() == []
        assert await other.run("r") == replace(HEAD, status=RunStatus.SLEEPING, updated_at=2.0, head=2, owner="shared")


async def test_of_two_who_append_under_one_key_the_second_finds_the_record_of_the_first(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    async with another(database) as other:
        for number in range(10):
            key = f"{number}/tool"
            batch = Batch("r", (noted(key, "done"),))
            outcomes = await asyncio.gather(journal.append(batch), other.append(batch), return_exceptions=True)
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "list"]
            (made,) = [outcome for outcome in outcomes if isinstance(outcome, list)]
            assert [await journal.record("r", key)] == [await other.record("r", key)] == made


async def test_four_processes_append_to_one_run_at_once_and_all_of_it_is_there_in_one_order(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    async with writing(database, "b", 15) as b, writing(database, "c", 15) as c, writing(database, "d", 15) as d:
        made = [await journal.append(Batch("r", (noted(f"a{number}"),))) for number in range(15)]
        assert [await process.wait() for process in (b, c, d)] == [0, 0, 0]
    stored = await journal.load("r")
    assert is_whole(stored)
    assert sorted(record.key or "" for record in stored) == sorted(f"{who}{n}" for who in "abcd" for n in range(15))
    assert [record for records in made for record in records] == [r for r in stored if r.key and r.key[0] == "a"]


async def test_a_process_that_is_killed_while_it_appends_has_what_it_was_told_and_is_in_nobodys_way(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    async with writing(database, "b", 1000) as process:
        assert process.stdout
        told = [(await process.stdout.readline()).decode().strip() for _ in range(10)]
        process.kill()
        told += (await process.stdout.read()).decode().split()
        await process.wait()
    for number in range(5):
        await journal.append(Batch("r", (noted(f"a{number}"),)))
    stored = await journal.load("r")
    assert is_whole(stored)
    assert {*told, *(f"a{number}" for number in range(5))} <= {record.key for record in stored}


async def test_what_a_process_had_begun_when_it_died_is_ended_by_who_finds_it_in_the_way(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    async with proxy_to(shared_server().port) as proxy, another(database, uri=proxy.uri, patience=3.0) as other:
        proxy.cut_at, proxy.passes_on = b"commitTransaction", False
        with pytest.raises(StorageError):
            await other.append(Batch("r", (noted("lost"),)))
    # It could not say goodbye when it was closed, but its lock is free, as after the end of a process.
    async with another(database, uri=f"{database['uri']}?appName=third", patience=10.0) as third:
        await third.append(Batch("r", (noted("k"),)))
    assert [record.key for record in await journal.load("r")] == ["k"]


@pytest.mark.parametrize("passes_on", [True, False])
async def test_a_commit_that_nobody_confirmed_is_made_once_though_others_append_meanwhile(
    passes_on: bool, journal: MongoJournal, database: dict[str, Any]
) -> None:
    refused = Batch("r", (noted("0/llm", "whole"), Entry("item/completed", {"text": "a"}, 3.0)))
    async with (
        proxy_to(shared_server().port) as proxy,
        another(database, uri=proxy.uri, patience=3.0) as other,
    ):
        proxy.cut_at, proxy.passes_on = b"commitTransaction", passes_on
        with pytest.raises(StorageError):
            await other.append(refused)
        proxy.is_up = True
        if passes_on:
            await journal.append(Batch("r", (noted("beside"),)))
        made = await other.append(refused)
        assert [record.position for record in made] == [1, 2]
        assert made == (await journal.load("r"))[:2]
        with pytest.raises(Conflict, match="'0/llm' already"):
            await other.append(refused)


# Listeners


class Hearing:
    """A listener that can be waited for."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._heard = asyncio.Event()

    def __call__(self, records: Sequence[Record]) -> None:
        self.records += records
        self._heard.set()

    @property
    def positions(self) -> list[int]:
        return [record.position for record in self.records]

    async def until(self, position: int) -> None:
        """Return when it has heard of this position."""
        async with asyncio.timeout(60):
            while not self.records or self.records[-1].position < position:
                self._heard.clear()
                await self._heard.wait()


async def told(queue: asyncio.Queue[RunHead]) -> AsyncGenerator[RunHead]:
    """What comes in the queue."""
    while True:
        yield await asyncio.wait_for(queue.get(), 60)


def hidden(key: str) -> Entry:
    return Entry("step", {}, 2.0, key=key, public=False)


async def test_a_listener_hears_what_other_processes_append_as_it_stands_in_the_journal(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    public, all_of_it, elsewhere = Hearing(), Hearing(), Hearing()
    async with another(database) as other:
        await other.append(Batch("r", (noted("before"),)))
        journal.watch("r", public)
        journal.watch("r", all_of_it, internal=True)
        journal.watch("q", elsewhere)
        assert [record.key for record in await journal.load("r")] == ["before"]
        large = noted("large", {"many": ["ü" * 100_000] * 10, "one": "y" * 200_000})
        await other.append(Batch("r", (noted("a"), hidden("h"), large)))
        await other.append(Batch("r", (hidden("i"), noted("b"))))
        await all_of_it.until(6)
    stored = await journal.load("r")
    assert all_of_it.records == stored[1:]
    assert public.records == [record for record in stored[1:] if record.seq is not None]
    assert elsewhere.records == []


async def test_what_we_append_is_heard_at_once_and_after_all_that_others_appended_before_it(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    heard = Hearing()
    async with another(database) as other:
        journal.watch("r", heard)
        await journal.append(Batch("r", (noted("first"),)))
        for number in range(10):
            await other.append(Batch("r", (noted(f"a{number}"), noted(f"b{number}"))))
            await journal.append(Batch("r", (noted(f"c{number}"),)))
            assert heard.positions == list(range(1, 3 * number + 5))
    assert heard.records == await journal.load("r")


async def test_listeners_in_every_process_hear_all_that_four_append_at_once_in_one_order(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    here, there = Hearing(), Hearing()
    async with another(database) as other:
        journal.watch("r", here)
        other.watch("r", there)
        assert await journal.load("r") == await other.load("r") == []
        async with writing(database, "c", 20), writing(database, "d", 20):
            for number in range(20):
                mine, theirs = Batch("r", (noted(f"a{number}"),)), Batch("r", (noted(f"b{number}"),))
                await asyncio.gather(journal.append(mine), other.append(theirs))
            await here.until(80)
            await there.until(80)
        assert here.records == there.records == await journal.load("r")


async def test_who_reads_after_it_began_to_listen_misses_nothing_and_hears_nothing_of_before(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    async with writing(database, "b", 40) as process:
        hearings: list[tuple[Hearing, list[Record]]] = []
        while process.returncode is None:
            hearing = Hearing()
            journal.watch("r", hearing, internal=True)
            hearings.append((hearing, await journal.load("r")))
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.wait()), 0.02)
    assert len(hearings) > 3
    await journal.append(Batch("r", (noted("last"),)))
    stored = await journal.load("r")
    for hearing, found in hearings:
        assert found == stored[: len(found)]
        assert hearing.records == stored[-len(hearing.records) :]
        assert len(found) + len(hearing.records) >= len(stored)


async def test_a_run_is_heard_from_its_first_record_on_whoever_makes_it(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    heard = Hearing()
    made: asyncio.Queue[RunHead] = asyncio.Queue()
    stop = journal.watch_all(made.put_nowait)
    journal.watch("new", heard)
    assert await journal.run("new") is None
    async with another(database) as other:
        head = RunHead("new", "s", "agent", RunStatus.QUEUED, 5.0, 5.0)
        await other.append(Batch("new", (noted("a"), noted("b")), create=head))
        await heard.until(2)
        # The run of the fixture may still be on its way.
        first = await anext(head async for head in told(made) if head.run == "new")
        stop()
        stop()
        await other.append(Batch("newer", (), create=replace(head, run="newer")))
        await other.append(Batch("new", (noted("c"),)))
        await heard.until(3)
    assert made.empty()
    assert first == replace(head, updated_at=2.0, head=2, owner="shared")
    assert heard.positions == [1, 2, 3]


async def test_who_works_alone_hears_of_no_other_runs(database: dict[str, Any]) -> None:
    alone = await open_mongo(**database)
    with pytest.raises(ConfigError, match="not opened as a shared one"):
        alone.watch_all(print)
    await alone.close()


@asynccontextmanager
async def refusing(commands: list[str], code: int, times: int) -> AsyncGenerator[None]:
    """A server that answers these commands of the process `broken` with an error, so many times."""
    data = {"failCommands": commands, "errorCode": code, "appName": "broken"}
    with MongoClient[Any](shared_server().uri) as client:
        client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data})
        yield
        client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


CURSOR_NOT_FOUND, NOT_PRIMARY, HISTORY_LOST = 43, 10107, 286


@pytest.mark.parametrize("code", [CURSOR_NOT_FOUND, NOT_PRIMARY, HISTORY_LOST])
async def test_a_stream_that_breaks_or_cannot_go_on_where_it_was_leaves_nothing_out(
    code: int, journal: MongoJournal, database: dict[str, Any]
) -> None:
    heard, made = Hearing(), list[str]()
    async with another(database, uri=f"{database['uri']}?appName=broken") as other:
        other.watch("r", heard)
        assert await other.load("r") == []
        other.watch_all(lambda head: made.append(head.run))
        await journal.append(Batch("r", (noted("before"),)))
        await heard.until(1)
        async with refusing(["getMore", "aggregate"], code, times=4):
            for number in range(20):
                await journal.append(Batch("r", (noted(str(number)),)))
            await journal.append(Batch("new", create=replace(HEAD, run="new", created_at=time.time())))
            await heard.until(21)
        await journal.append(Batch("r", (noted("after"),)))
        await heard.until(22)
    assert heard.records == await journal.load("r")
    assert "new" in made


async def test_a_line_that_breaks_and_comes_back_leaves_nothing_out(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    heard = Hearing()
    async with (
        proxy_to(shared_server().port) as proxy,
        another(database, uri=proxy.uri, patience=3.0) as other,
    ):
        other.watch("r", heard)
        await other.load("r")
        for number in range(3):
            proxy.cut()
            await journal.append(Batch("r", (noted(f"a{number}"),)))
            proxy.is_up = True
            await journal.append(Batch("r", (noted(f"b{number}"),)))
            await heard.until(2 * number + 2)
    assert heard.records == await journal.load("r")


async def test_a_server_that_does_not_answer_lets_nobody_read_who_would_miss_something(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    async with (
        proxy_to(shared_server().port) as proxy,
        another(database, uri=proxy.uri, patience=3.0) as other,
    ):
        proxy.cut()
        heard = Hearing()
        other.watch("r", heard)
        with pytest.raises(StorageError, match="does not answer"):
            await other.load("r")
        proxy.is_up = True
        assert await other.load("r") == []
        await journal.append(Batch("r", (noted("k"),)))
        await heard.until(1)


async def test_a_run_that_was_forgotten_is_no_longer_read_for_who_listens_to_it(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    heard, other_heard = Hearing(), Hearing()
    async with another(database) as other:
        journal.watch("r", heard)
        await other.append(Batch("r", (noted("a"),), status=RunStatus.COMPLETED))
        assert await other.forget(["s"], 10.0) == 1
        journal.watch("q", other_heard)
        assert await journal.run("q") is None
        await other.append(Batch("q", (noted("b"),), create=replace(HEAD, run="q")))
        await other_heard.until(1)


# Alone, or together


async def test_a_database_that_a_process_uses_alone_is_not_shared_and_a_shared_one_is_nobodys_alone(
    database: dict[str, Any],
) -> None:
    alone = await open_mongo(**database)
    with pytest.raises(ConfigError, match=rf"a process that works alone \(pid {os.getpid()}\)"):
        await open_mongo(**database, shared=True)
    await alone.close()
    async with another(database):
        with pytest.raises(ConfigError, match=rf"a process that works together with others \(pid {os.getpid()}\)"):
            await open_mongo(**database)


@pytest.mark.parametrize("shared", [True, False])
async def test_runs_that_are_not_over_keep_a_database_for_those_who_work_as_who_left_them(
    shared: bool, database: dict[str, Any]
) -> None:
    first = await open_mongo(**database, shared=shared)
    await first.append(Session("s", "agent", 1.0, 1.0), Batch("r", create=HEAD))
    await first.close()
    with pytest.raises(ConfigError, match="holds 1 unfinished runs of processes that worked"):
        await open_mongo(**database, shared=not shared)

    again = await open_mongo(**database, shared=shared)
    await again.append(Batch("r", (noted("k"),), status=RunStatus.COMPLETED))
    await again.close()
    other = await open_mongo(**database, shared=not shared)
    await other.append(Session("s", "agent", 1.0, 2.0))
    session = await other.session("s")
    assert session
    assert session.owner == other.owner
    assert [record.key for record in await other.load("r")] == ["k"]
    await other.close()
