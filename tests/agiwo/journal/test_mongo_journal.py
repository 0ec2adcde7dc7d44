"""What only a journal in MongoDB can get wrong: its servers, its connections, its limits, and other machines."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ConfigError, Conflict, NotFound, SchemaTooNew, StorageError
from agiwo.journal.mongo import MongoJournal, open_mongo
from agiwo.schema.record import Batch, Entry, Record, RunHead, Session, State, StateChange
from agiwo.schema.run import RunStatus
from mongo_lab import Mongod, database_of, shared_server
from mongo_proxy import Proxy, proxy_to
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
    """A journal with one run, `r`."""
    journal = await open_mongo(**database)
    await journal.append(Session("s", "agent", 1.0, 1.0), Batch("r", create=HEAD))
    yield journal
    await journal.close()


@pytest.fixture
async def proxy() -> AsyncGenerator[Proxy]:
    """A line to the server that can be cut."""
    async with proxy_to(shared_server().port) as proxy:
        yield proxy


async def another(database: dict[str, Any], **options: Any) -> MongoJournal:
    """The same database as another process has it."""
    config: dict[str, Any] = database | {"uri": f"{database['uri']}?appName=other"} | options
    return await open_mongo(**config)


def documents(database: dict[str, Any]) -> Any:
    """The database itself."""
    return MongoClient[Any](database["uri"])[database["db_name"]]


# Connections


@pytest.mark.parametrize("passes_on", [True, False])
async def test_a_commit_that_nobody_confirmed_is_made_once_whether_it_had_been_made_or_not(
    passes_on: bool, proxy: Proxy, database: dict[str, Any]
) -> None:
    journal = await open_mongo(proxy.uri, database["db_name"], lock_dir=database["lock_dir"], patience=3.0)
    heard: list[Record] = []
    journal.watch("r", heard.extend)
    await journal.append(Session("s", "agent", 1.0, 1.0), Batch("r", create=HEAD))
    refused = Batch("r", (noted("0/llm", "whole"), Entry("item/completed", {"text": "a"}, 3.0)))

    proxy.cut_at, proxy.passes_on = b"commitTransaction", passes_on
    with pytest.raises(StorageError, match="cannot be used"):
        await journal.append(refused)
    assert heard == []
    with pytest.raises(StorageError):
        await journal.probe()
    proxy.is_up = True
    await journal.probe()
    assert [record.seq for record in heard] == ([1, 2] if passes_on else [])

    made = await journal.append(refused)
    later = await journal.append(Batch("r", (noted("1/llm"),)))
    assert [record.seq for record in made + later] == [1, 2, 3]
    assert await journal.load("r") == heard == made + later
    with pytest.raises(Conflict, match="'0/llm' already"):
        await journal.append(refused)
    await journal.close()


async def test_a_connection_that_is_lost_in_between_is_made_again_and_nobody_notices(
    proxy: Proxy, database: dict[str, Any]
) -> None:
    journal = await open_mongo(proxy.uri, database["db_name"], lock_dir=database["lock_dir"])
    await journal.append(Session("s", "agent", 1.0, 1.0), Batch("r", create=HEAD))
    for number in range(3):
        proxy.cut()
        proxy.is_up = True
        await journal.append(Batch("r", (noted(str(number)),)))
    assert [record.key for record in await journal.load("r")] == ["0", "1", "2"]
    await journal.close()


async def test_a_server_that_is_gone_is_a_storage_error_which_tells_no_password(
    proxy: Proxy, database: dict[str, Any]
) -> None:
    journal = await open_mongo(proxy.uri, database["db_name"], lock_dir=database["lock_dir"], patience=3.0)
    proxy.cut()
    with pytest.raises(StorageError, match=f"127.0.0.1:{proxy.port}/{database['db_name']} cannot be used"):
        await journal.load("r")
    await journal.close()
    hidden = f"mongodb://me:hush@127.0.0.1:{proxy.port}"
    with pytest.raises(StorageError) as caught:
        await open_mongo(hidden, patience=0.5)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["mongodb://me:h@ush:x@host", "mongodb://me:h/ush@host", "mongodb://host:port", "mongodb://"]
)
async def test_an_address_that_is_none_is_refused_and_its_password_not_told(uri: str) -> None:
    with pytest.raises(ConfigError, match="address of the MongoDB database") as caught:
        await open_mongo(uri, patience=0.5)
    assert "ush" not in str(caught.value)


# The server


async def test_what_was_acknowledged_is_there_after_the_server_was_killed_in_the_middle(tmp_path: Path) -> None:
    server = await asyncio.to_thread(Mongod)
    try:
        journal = await open_mongo(server.uri, lock_dir=tmp_path, patience=5.0)
        await journal.append(Session("s", "agent", 1.0, 1.0), Batch("r", create=HEAD))
        acknowledged: list[Record] = []

        async def write(name: str) -> Batch | None:
            for number in range(1000):
                batch = Batch("r", (noted(f"{name}{number}"), Entry("item/completed", {"text": "x" * 300}, 2.0)))
                try:
                    acknowledged.extend(await journal.append(batch))
                except StorageError:
                    return batch
                if len(acknowledged) == 100:
                    server.kill()
            return None

        refused = [batch for batch in await asyncio.gather(*map(write, "abcdefgh")) if batch]
        assert len(refused) == 8
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.wait_for_primary)
        await journal.probe()
        for batch in refused:
            acknowledged.extend(await journal.append(batch))

        stored = await journal.load("r")
        assert sorted(acknowledged, key=lambda record: record.position) == stored
        assert [record.seq for record in stored] == list(range(1, len(stored) + 1))
        await journal.close()
    finally:
        server.stop()


async def test_a_standalone_server_is_refused_with_what_to_do() -> None:
    server = await asyncio.to_thread(Mongod, standalone=True)
    try:
        with pytest.raises(ConfigError, match=r"standalone server.*--replSet rs0 and run rs.initiate\(\)"):
            await open_mongo(server.uri)
    finally:
        server.stop()


async def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    with documents(database).client as client:
        client[database["db_name"]]["meta"].update_one({"_id": "journal"}, {"$set": {"version": 99}})
    with pytest.raises(SchemaTooNew, match="99"):
        await another(database)


async def test_a_journal_keeps_its_epoch_and_its_records_when_it_is_opened_again(database: dict[str, Any]) -> None:
    first = await open_mongo(**database)
    made = await first.append(Session("s", "agent", 1.0, 1.0), Batch("r", (noted("k"),), create=HEAD))
    shared = await open_mongo(**database)
    assert shared.owner == first.owner
    await first.close()
    await shared.close()
    again = await open_mongo(**database)
    assert (again.epoch, await again.load("r")) == (first.epoch, made)
    assert again.owner != first.owner
    await again.close()


# Limits of a document


async def test_what_is_larger_than_a_document_may_be_is_kept_whole(journal: MongoJournal) -> None:
    many = ["x" * 100_000] * 200
    meta = {"many": many}
    state = State("a", "agent", "s", "r", 1.0, 1.0, meta=meta)
    session = Session("s", "agent", 1.0, 1.0, meta=meta)
    made = await journal.append(session, StateChange(state), Batch("r", (Entry("item/completed", meta, 2.0),)))

    assert await journal.load("r") == made
    assert made[0].data == meta
    for found in (await journal.session("s"), await journal.state("a")):
        assert found
        assert found.meta == meta
    assert [each.meta for each in await journal.sessions() + await journal.states()] == [meta, meta]
    await journal.append(Session("s", "agent", 1.0, 1.0))
    small = await journal.session("s")
    assert small
    assert small.meta == {}


async def test_a_blob_of_many_documents_is_read_in_parts(journal: MongoJournal) -> None:
    data = bytes(range(256)) * (20 << 12)
    name = await journal.put_blob(data)
    assert await journal.put_blob(data) == name
    assert await journal.get_blob(name) == (data, len(data))
    edge = 8 << 20
    assert await journal.get_blob(name, edge - 3, 6) == (data[edge - 3 : edge + 3], len(data))
    assert await journal.get_blob(name, len(data) - 1, 9) == (data[-1:], len(data))


async def test_many_large_appends_at_once_are_one_commit_or_several_and_all_there(journal: MongoJournal) -> None:
    large = [Batch("r", (Entry("item/completed", {"many": ["x" * 100_000] * 60}, 2.0),)) for _ in range(12)]
    await asyncio.gather(*map(journal.append, large))
    assert [record.seq for record in await journal.read("r")] == list(range(1, 13))


# Other processes, and other machines


async def test_the_run_of_another_live_process_is_refused_with_its_pid_until_it_closes(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    other = await another(database)
    for change in (Batch("r", (noted("k"),)), Session("s", "agent", 1.0, 1.0)):
        with pytest.raises(Conflict, match="another live process") as caught:
            await other.append(change)
        assert caught.value.pid
    assert await other.claim() == []
    await journal.close()
    assert [head.run for head in await other.claim()] == ["r"]
    assert len(await other.append(Batch("r", (noted("k"),)))) == 1
    await other.close()


async def test_of_two_who_make_the_same_run_or_session_at_once_one_is_first(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    other = await another(database)
    for number in range(10):
        head = RunHead(f"r{number}", f"s{number}", "agent", RunStatus.QUEUED, 1.0, 1.0)
        batch = Batch(f"r{number}", (noted("k"),), create=head)
        session = Session(f"s{number}", "agent", 1.0, 1.0)
        outcomes = await asyncio.gather(
            *(each.append(session, batch) for each in (journal, other)), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "list"]
        assert len(await journal.load(f"r{number}")) == 1
    await other.close()


async def test_two_processes_write_side_by_side(journal: MongoJournal, database: dict[str, Any]) -> None:
    other = await another(database)
    await other.append(
        Session("t", "agent", 1.0, 1.0), Batch("q", create=RunHead("q", "t", "a", HEAD.status, 1.0, 1.0))
    )
    appends = [(who, run, n) for n in range(20) for who, run in ((journal, "r"), (other, "q"))]
    await asyncio.gather(*(who.append(Batch(run, (noted(str(n)),))) for who, run, n in appends))
    for run in ("r", "q"):
        assert [record.key for record in await journal.load(run)] == [str(n) for n in range(20)]
    await other.close()


async def test_another_machine_is_gone_when_nothing_was_heard_of_it_and_cannot_go_on_with_what_it_had(
    journal: MongoJournal, database: dict[str, Any], tmp_path: Path
) -> None:
    elsewhere = await another(database, lock_dir=tmp_path / "elsewhere")
    assert await elsewhere.claim() == []
    with documents(database).client as client:
        silent = {"$set": {"seen": client.admin.command("hello")["localTime"].replace(year=2020)}}
        client[database["db_name"]]["owners"].update_one({"_id": journal.owner}, silent)
    assert [head.owner for head in await elsewhere.claim()] == [elsewhere.owner]

    with pytest.raises(Conflict, match="another live process"):
        await journal.append(Batch("r", (noted("late"),)))
    assert await journal.load("r") == []
    assert await journal.append(Session("mine", "agent", 1.0, 1.0)) == []
    await elsewhere.close()


async def test_a_process_that_was_killed_in_the_middle_of_a_commit_is_in_nobodys_way(
    proxy: Proxy, database: dict[str, Any], tmp_path: Path
) -> None:
    journal = await open_mongo(proxy.uri, database["db_name"], lock_dir=database["lock_dir"], patience=3.0)
    await journal.append(Session("s", "agent", 1.0, 1.0), Batch("r", create=HEAD))
    proxy.cut_at, proxy.passes_on = b"commitTransaction", False
    with pytest.raises(StorageError):
        await journal.append(Batch("r", (noted("lost"),)))
    await journal.close()  # which cannot say goodbye, but lets go of its lock, as the end of a process does

    other = await open_mongo(**database)
    assert [head.owner for head in await other.claim()] == [other.owner]
    await other.append(Batch("r", (noted("k"),)))
    assert [record.key for record in await other.load("r")] == ["k"]
    await other.close()


async def test_blobs_that_nothing_names_go_an_hour_after_they_were_written(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    large = {"many": ["x" * 100_000] * 10, "one": "y" * 200_000}
    await journal.append(Batch("r", (Entry("item/completed", large, 2.0),)))
    unnamed = await journal.put_blob(b"unnamed")
    assert await journal.sweep() == 0
    with documents(database).client as client:
        now = client.admin.command("hello")["localTime"]
        client[database["db_name"]]["blobs"].update_many({}, {"$set": {"at": now.replace(year=2020)}})
    assert await journal.sweep() == 1
    assert (await journal.load("r"))[0].data == large
    with pytest.raises(NotFound):
        await journal.get_blob(unnamed)
    assert await journal.put_blob(b"unnamed") == unnamed
    assert await journal.get_blob(unnamed) == (b"unnamed", 7)


async def test_a_program_that_forgets_to_close_ends_all_the_same_and_its_record_is_there(
    journal: MongoJournal, database: dict[str, Any]
) -> None:
    program = f"""
import asyncio
from agiwo.journal.mongo import open_mongo
from agiwo.schema.record import Batch, Entry, RunHead, Session
from agiwo.schema.run import RunStatus

async def main():
    journal = await open_mongo({database["uri"]!r}, {database["db_name"]!r}, lock_dir={str(database["lock_dir"])!r})
    head = RunHead("theirs", "t", "agent", RunStatus.RUNNING, 2.0, 2.0)
    await journal.append(Session("t", "agent", 1.0, 1.0), Batch("theirs", (Entry("a", {{}}, 1.0),), create=head))
    asyncio.ensure_future(journal.append(Batch("theirs", (Entry("b", {{}}, 1.0),))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
"""
    ending = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(ending.communicate(), 60)
    assert (ending.returncode, said.decode()) == (0, "")
    assert len(await journal.load("theirs")) in (1, 2)
    assert [head.run for head in await journal.claim()] == ["r", "theirs"]
