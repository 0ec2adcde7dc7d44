"""What a journal in MongoDB promises to processes that work together: each appends to any run."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
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

# The driver leaves the sockets of attempts that it gives up to the collector, which warns of them.
pytestmark = [pytest.mark.anyio, pytest.mark.mongo, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

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
    async with proxy_to(shared_server().port) as proxy:
        async with another(database, uri=proxy.uri, patience=1.0) as other:
            proxy.cut_at, proxy.passes_on = b"commitTransaction", False
            with pytest.raises(StorageError):
                await other.append(Batch("r", (noted("lost"),)))
        # It could not say goodbye when it was closed, but its lock is free, as after the end of a process.
        await journal.append(Batch("r", (noted("k"),)))
    assert [record.key for record in await journal.load("r")] == ["k"]


@pytest.mark.parametrize("passes_on", [True, False])
async def test_a_commit_that_nobody_confirmed_is_made_once_though_others_append_meanwhile(
    passes_on: bool, journal: MongoJournal, database: dict[str, Any]
) -> None:
    refused = Batch("r", (noted("0/llm", "whole"), Entry("item/completed", {"text": "a"}, 3.0)))
    async with (
        proxy_to(shared_server().port) as proxy,
        another(database, uri=proxy.uri, patience=1.0) as other,
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
