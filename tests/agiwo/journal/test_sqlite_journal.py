"""What only a journal in a file can promise: kills, full disks, two processes, newer files, groups."""

import asyncio
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from agiwo.errors import ConfigError, Conflict, NotFound, SchemaTooNew, StorageError
from agiwo.journal import schema
from agiwo.journal.schema import MIGRATIONS, Durability
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Batch, Entry, Record, RunHead, Session, State, StateChange
from agiwo.schema.run import RunStatus

pytestmark = pytest.mark.anyio

WRITER = Path(__file__).with_name("journal_writer.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncGenerator[SqliteJournal]:
    journal = await SqliteJournal.open(path)
    yield journal
    await journal.close()


def created(run: str, *entries: Entry, session: str = "s") -> Batch:
    return Batch(run, entries, create=RunHead(run, session, "agent", RunStatus.RUNNING, 1.0, 1.0))


def said(text: str) -> Entry:
    return Entry("item/completed", {"text": text}, 2.0)


@contextmanager
def writing_process(path: Path, durability: str = "normal") -> Generator["subprocess.Popen[str]"]:
    """A process that made run `theirs` in session `s` and writes to it, one line for each acknowledged seq."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), str(path), durability], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_ack(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def kill(process: "subprocess.Popen[str]") -> list[int]:
    """Kill the process where it stands; give what it had acknowledged and we had not read."""
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    # Not `communicate`, which passes over what the reader of lines holds and so begins in the middle of one.
    rest = process.stdout.read()
    # The kill may cut the last line; what was not printed whole was not acknowledged.
    return [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]


@pytest.mark.parametrize("durability", ["normal", "full"])
async def test_what_was_acknowledged_is_there_after_a_kill(path: Path, durability: str) -> None:
    acknowledged = 0
    for generation in range(3):
        with writing_process(path, durability) as process:
            for _ in range(20 + 13 * generation):
                acknowledged = next_ack(process)
            acknowledged = max([acknowledged, *kill(process)])

    journal = await SqliteJournal.open(path)
    stored = await journal.load("theirs")
    await journal.close()
    seqs = [record.seq for record in stored if record.seq is not None]
    assert seqs == list(range(1, len(seqs) + 1))
    assert [record.position for record in stored] == list(range(1, len(stored) + 1))
    assert len(seqs) >= acknowledged
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check.close()


async def test_the_run_of_another_live_process_is_refused_with_its_pid(path: Path) -> None:
    with writing_process(path) as process:
        next_ack(process)
        journal = await SqliteJournal.open(path)
        theirs = (Batch("theirs", (said("mine"),)), Session("s", "agent", 1.0, 1.0), created("mine", session="s"))
        for change in (*theirs, StateChange(State("root", "agent", "s", "theirs", 1.0, 1.0))):
            with pytest.raises(Conflict, match=str(process.pid)) as caught:
                await journal.append(change)
            assert caught.value.pid == process.pid
        assert await journal.claim() == []
        assert await journal.append(created("mine", said("a"), session="mine"))
        assert (await journal.read("theirs"))[0].seq == 1  # reading is free
        await journal.close()


async def test_the_orphans_of_a_killed_process_are_claimed(path: Path) -> None:
    with writing_process(path) as process:
        next_ack(process)
        journal = await SqliteJournal.open(path)
        kill(process)
    claimed = await journal.claim()
    session = await journal.session("s")

    assert [(run.run, run.owner) for run in claimed] == [("theirs", journal.owner)]
    assert session is not None
    assert session.owner == journal.owner
    assert await journal.append(Batch("theirs", (said("mine"),)))
    assert [lock.stem for lock in (path.parent / "journal.db.owners").glob("*.lock")] == [journal.owner]
    await journal.close()


async def test_an_orphan_is_taken_by_whoever_writes_to_it(path: Path) -> None:
    with writing_process(path) as process:
        next_ack(process)
        kill(process)
    journal = await SqliteJournal.open(path)
    await journal.append(Batch("theirs", (said("mine"),)))
    run, session = await journal.run("theirs"), await journal.session("s")

    assert run is not None
    assert session is not None
    assert (run.owner, session.owner) == (journal.owner, journal.owner)
    await journal.close()


async def test_a_lock_that_a_dead_process_left_behind_is_removed(journal: SqliteJournal, path: Path) -> None:
    await journal.close()
    left_behind = path.parent / "journal.db.owners" / "dead.lock"
    left_behind.write_text("1")
    again = await SqliteJournal.open(path)
    assert [lock.stem for lock in left_behind.parent.glob("*.lock")] == [again.owner]
    await again.close()


def test_a_program_that_forgets_to_close_ends_all_the_same_and_its_record_is_there(path: Path) -> None:
    program = """
import asyncio, sys
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Batch, Entry, RunHead
from agiwo.schema.run import RunStatus

async def main():
    journal = await SqliteJournal.open(sys.argv[1])
    head = RunHead("r", "s", "agent", RunStatus.RUNNING, 1.0, 1.0)
    await journal.append(Batch("r", (Entry("item/completed", {"text": "a"}, 2.0),), create=head))
    return journal

journal = asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=180)

    async def stored() -> list[str]:
        journal = await SqliteJournal.open(path)
        runs = await journal.claim()
        await journal.close()
        return [run.run for run in runs]

    assert asyncio.run(stored()) == ["r"]


async def test_a_process_that_closes_gives_up_its_runs(path: Path) -> None:
    with writing_process(path) as process:
        next_ack(process)
        process.communicate(input="stop\n")
    journal = await SqliteJournal.open(path)
    assert [run.run for run in await journal.claim()] == ["theirs"]
    await journal.close()


async def test_two_processes_write_to_one_file_side_by_side(path: Path) -> None:
    with writing_process(path) as first:
        next_ack(first)
        journal = await SqliteJournal.open(path)
        await journal.append(created("mine", session="mine"))
        await asyncio.gather(*(journal.append(Batch("mine", (said(str(n)),))) for n in range(300)))
        acknowledged = max([next_ack(first), *kill(first)])
    assert len(await journal.read("mine", limit=1000)) == 300
    found = await journal.run("theirs")
    assert found is not None
    assert found.head >= acknowledged
    await journal.close()


async def test_whoever_opens_the_same_file_in_one_process_shares_the_writer(
    journal: SqliteJournal, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "link.db").symlink_to(path)
    other = await SqliteJournal.open(tmp_path / "link.db")
    heard: list[Record] = []
    other.watch("r", heard.extend)

    made = await journal.append(created("r", said("a")))
    assert heard == made
    assert (other.owner, other.epoch) == (journal.owner, journal.epoch)
    await other.append(Batch("r", (said("b"),)))
    await other.close()
    await journal.append(Batch("r", (said("c"),)))
    assert [record.seq for record in await journal.load("r")] == [1, 2, 3]


async def test_many_who_open_at_once_share_the_writer(path: Path) -> None:
    journals = await asyncio.gather(*(SqliteJournal.open(path) for _ in range(20)))
    assert len({journal.owner for journal in journals}) == 1
    await asyncio.gather(*(journal.close() for journal in journals))
    assert list((path.parent / "journal.db.owners").glob("*.lock")) == []


async def test_the_strongest_durability_that_was_asked_for_holds_for_all(journal: SqliteJournal, path: Path) -> None:
    assert journal.durability == "normal"
    strict = await SqliteJournal.open(path, durability="full")
    await strict.close()
    assert journal.durability == "full"


@pytest.mark.parametrize(("durability", "level"), [("normal", 1), ("full", 2)])
def test_durability_is_what_sqlite_is_told(tmp_path: Path, durability: Durability, level: int) -> None:
    db = schema.connect_writer(tmp_path / "journal.db", durability)
    other = "full" if durability == "normal" else "normal"
    assert db.execute("PRAGMA synchronous").fetchone() == (level,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    schema.set_durability(db, other)
    assert db.execute("PRAGMA synchronous").fetchone() == (3 - level,)
    db.close()


def test_a_reader_neither_writes_nor_checkpoints(tmp_path: Path) -> None:
    schema.connect_writer(tmp_path / "journal.db", "normal").close()
    db = schema.connect_reader(tmp_path / "journal.db")
    assert db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM meta")
    db.close()


async def test_a_journal_keeps_its_epoch_and_its_records_when_it_is_opened_again(path: Path) -> None:
    first = await SqliteJournal.open(path)
    made = await first.append(Session("s", "agent", 1.0, 1.0), created("r", said("a")))
    await first.close()
    second = await SqliteJournal.open(path)

    assert second.epoch == first.epoch
    assert second.owner != first.owner
    assert await second.load("r") == made
    assert [run.run for run in await second.claim()] == ["r"]
    await second.close()


def commits_in_wal(path: Path) -> int:
    """How many transactions the WAL holds: a frame that ends one names the size of the database after it."""
    wal = path.with_name(path.name + "-wal").read_bytes()
    page, salt = int.from_bytes(wal[8:12], "big"), wal[16:24]
    frames = (wal[start : start + 24] for start in range(32, len(wal), 24 + page))
    return sum(1 for frame in frames if frame[8:16] == salt and int.from_bytes(frame[4:8], "big"))


async def test_appends_that_come_while_a_commit_runs_share_the_next_one(journal: SqliteJournal, path: Path) -> None:
    await journal.append(created("r"))
    before = commits_in_wal(path)
    for n in range(5):
        await journal.append(Batch("r", (said(str(n)),)))
    one_by_one = commits_in_wal(path)
    await asyncio.gather(*(journal.append(Batch("r", (said(str(n)),))) for n in range(500)))

    assert one_by_one - before == 5
    assert commits_in_wal(path) - one_by_one <= 2


async def test_a_group_holds_no_more_than_its_limit(journal: SqliteJournal, path: Path) -> None:
    await journal.append(created("r"))
    before = commits_in_wal(path)
    await asyncio.gather(*(journal.append(Batch("r", (said(str(n)),))) for n in range(3000)))
    assert 6 <= commits_in_wal(path) - before <= 12
    assert [record.seq for record in await journal.load("r")] == list(range(1, 3001))


async def test_of_many_reads_at_once_each_gets_its_own_answer_or_error(journal: SqliteJournal) -> None:
    await journal.append(*(created(f"r{n}", said(str(n))) for n in range(200)))
    reads = [journal.load(f"r{n}") for n in range(200)]
    lost = journal.get_blob("sha256:none")
    *found, error = await asyncio.gather(*reads, lost, return_exceptions=True)
    assert [record.data["text"] for records in found if isinstance(records, list) for record in records] == [
        str(n) for n in range(200)
    ]
    assert isinstance(error, NotFound)


def no_file(path: Path) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)


def an_empty_file(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("")


async def test_nothing_is_acknowledged_whose_file_was_taken_away_until_it_is_back(
    journal: SqliteJournal, path: Path, tmp_path: Path
) -> None:
    await journal.append(created("r", said("before")))
    path.parent.rename(tmp_path / "away")
    for put_there in (no_file, an_empty_file):
        put_there(path)
        with pytest.raises(StorageError, match=r"journal\.db cannot be used: the file was removed"):
            await journal.append(Batch("r", (said("meanwhile"),)))
        with pytest.raises(StorageError):
            await journal.probe()
    assert len(await journal.load("r")) == 1
    no_file(path)
    (tmp_path / "away").rename(path.parent)
    await journal.probe()
    await journal.append(Batch("r", (said("after"),)))
    assert [record.data["text"] for record in await journal.load("r")] == ["before", "after"]


async def test_a_read_that_sqlite_refuses_is_a_storage_error(journal: SqliteJournal, path: Path) -> None:
    await journal.append(created("r", said("a")))
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE record")
    refused = await asyncio.gather(journal.load("r"), journal.load("r"), return_exceptions=True)
    assert [type(each) for each in refused] == [StorageError, StorageError]


async def test_reads_that_wait_when_a_journal_is_closed_are_still_answered(journal: SqliteJournal) -> None:
    await journal.append(created("r", said("a")))
    reads = [asyncio.create_task(journal.load("r")) for _ in range(200)]
    await asyncio.sleep(0)
    reads[100].cancel()
    await journal.close()
    found = await asyncio.gather(*reads, return_exceptions=True)
    assert sum(isinstance(each, list) for each in found) == 199


async def test_the_wal_is_emptied_before_it_grows_without_end(journal: SqliteJournal, path: Path) -> None:
    await journal.append(created("r"))
    for n in range(40):
        await journal.append(Batch("r", (said(f"{n}" + "x" * 1_000_000),)))
    assert path.with_name(path.name + "-wal").stat().st_size < 20 * 1024 * 1024
    assert len(await journal.load("r")) == 40


async def test_nothing_but_the_database_is_left_when_the_last_one_closes(journal: SqliteJournal, path: Path) -> None:
    await journal.append(created("r", said("a")))
    await journal.close()
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["journal.db", "journal.db.owners"]


async def test_a_large_string_is_kept_once_however_often_it_is_recorded(journal: SqliteJournal, path: Path) -> None:
    text = "ü" * 100_000
    await journal.append(created("r", said(text), said(text), said("small")))
    await journal.append(created("other", said(text)))

    db = sqlite3.connect(path)
    assert db.execute("SELECT length(data) FROM blob").fetchall() == [(200_000,)]
    assert db.execute("SELECT max(length(body)) < 1000 FROM record").fetchone() == (1,)
    db.close()
    assert [record.data["text"] for record in await journal.load("r")] == [text, text, "small"]


@contextmanager
def small_disk(folder: Path) -> Generator[Path]:
    """A disk of 3 MiB."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a disk can be mounted here by nobody")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)


async def fill_up(journal: SqliteJournal) -> list[Record]:
    """Append until the store refuses; give what it had acknowledged."""
    acknowledged: list[Record] = []

    async def append_without_end() -> None:
        while True:
            acknowledged.extend(await journal.append(Batch("r", (said("x" * 60_000),))))

    with pytest.raises(StorageError, match=str(journal.path)):
        await append_without_end()
    return acknowledged


async def holds_when_refused(journal: SqliteJournal, acknowledged: list[Record], heard: list[Record]) -> None:
    """What is true of a journal whose disk refuses: what was acknowledged is there, and nothing else was ever told."""
    refused = await asyncio.gather(
        *(journal.append(Batch("r", (said("x" * 60_000),))) for _ in range(50)), return_exceptions=True
    )
    assert {type(outcome) for outcome in refused} == {StorageError}
    with pytest.raises(StorageError):
        await journal.probe()
    assert acknowledged == heard == await journal.read("r", limit=1000)


async def test_a_full_disk_refuses_and_loses_nothing_and_the_journal_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        journal = await SqliteJournal.open(disk / "journal.db", durability="full")
        heard: list[Record] = []
        journal.watch("r", heard.extend)
        await journal.append(created("r"))
        acknowledged = await fill_up(journal)
        await holds_when_refused(journal, acknowledged, heard)

        make_room(disk)
        await journal.probe()
        (record,) = await journal.append(Batch("r", (said("at last"),)))
        assert record.seq == len(acknowledged) + 1
        await journal.close()


@contextmanager
def files_no_larger_than(size: int) -> Generator[None]:
    """The system refuses to let a file of this process grow above `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_fails_refuses_and_loses_nothing_and_the_journal_goes_on(journal: SqliteJournal) -> None:
    heard: list[Record] = []
    journal.watch("r", heard.extend)
    await journal.append(created("r"))
    with files_no_larger_than(1024 * 1024):
        acknowledged = await fill_up(journal)
        await holds_when_refused(journal, acknowledged, heard)

    await journal.probe()
    (record,) = await journal.append(Batch("r", (said("at last"),)))
    assert record.seq == len(acknowledged) + 1


async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    await (await SqliteJournal.open(path)).close()
    before = made_by_version_99(path)
    with pytest.raises(SchemaTooNew, match="newer version"):
        await SqliteJournal.open(path)
    assert contents(path) == before
    assert list((path.parent / "journal.db.owners").glob("*.lock")) == []


def made_by_version_99(path: Path) -> bytes:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    return contents(path)


def contents(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_file_of_an_earlier_version_is_brought_up_to_date_and_keeps_what_it_has(path: Path) -> None:
    made_by_version_1(path)
    journal = await SqliteJournal.open(path)
    assert await journal.run("r") == RunHead("r", "s", "agent", RunStatus.SLEEPING, 1.0, 2.0, "above", 3, "gone")
    assert await journal.states() == []
    await journal.append(StateChange(State("root", "agent", "s", "r", 1.0, 1.0)))
    wake = {"deadline": None, "runs": ["r"], "mode": "any"}
    await journal.append(Batch("r", (said("more"),), RunStatus.SLEEPING, wake=wake))
    epoch = journal.epoch
    await journal.close()

    again = await SqliteJournal.open(path)
    head, root = await again.run("r"), await again.state("root")
    assert head
    assert (head.head, head.wake, again.epoch) == (4, wake, epoch)
    assert root == State("root", "agent", "s", "r", 1.0, 1.0, version=1)
    await again.close()


async def test_a_file_is_copied_before_its_tables_are_changed_and_only_then(path: Path) -> None:
    made_by_version_1(path)
    for _ in range(2):
        await (await SqliteJournal.open(path)).close()
    assert sorted(each.name for each in path.parent.iterdir() if each.is_file()) == [
        path.name,
        f"{path.name}.schema-1.backup",
    ]
    backup = path.with_name(f"{path.name}.schema-1.backup")
    assert backup.stat().st_mode & 0o777 == 0o600
    backup.rename(path)
    journal = await SqliteJournal.open(path)
    assert journal.epoch == "first"
    assert [head.run for head in await journal.runs()] == ["r"]
    await journal.close()


def made_by_version_1(path: Path) -> None:
    path.parent.mkdir(parents=True)
    db = sqlite3.connect(path)
    db.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
    db.execute("INSERT INTO meta VALUES ('epoch', 'first')")
    db.execute("INSERT INTO run VALUES (1, 'r', 's', 'agent', 'sleeping', 1.0, 2.0, 'above', 3, 3, 'gone')")
    db.commit()
    db.close()


async def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no database at all\n" * 100)
    with pytest.raises(StorageError, match=r"notes\.txt cannot be used: file is not a database"):
        await SqliteJournal.open(text)


async def test_the_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE run (legs INTEGER)")
    with pytest.raises(StorageError, match="table run already exists"):
        await SqliteJournal.open(tmp_path / "other.db")
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("run",)]
    db.close()


async def test_what_the_tables_refuse_leaves_nothing_behind_and_the_next_append_goes_on(journal: SqliteJournal) -> None:
    timeless = RunHead("nan", "s", "agent", RunStatus.RUNNING, float("nan"), 1.0)
    with pytest.raises(StorageError, match="created_at"):
        await journal.append(created("r", said("a")), Batch("nan", create=timeless))
    assert await journal.runs() == []
    assert await journal.append(created("r", said("a")))


async def test_a_directory_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be used"):
        await SqliteJournal.open(tmp_path)


async def test_a_path_whose_directory_cannot_be_made_is_refused_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"Not a directory|File exists"):
        await SqliteJournal.open(tmp_path / "file" / "journal.db")


async def test_a_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    journal = await SqliteJournal.open("~/data/journal.db")
    await journal.close()
    assert journal.path == tmp_path / "data" / "journal.db"
    assert journal.path.exists()


async def test_a_name_that_another_live_process_has_is_refused_with_its_pid(path: Path) -> None:
    with writing_process(path) as process:
        next_ack(process)
        (name,) = (lock.stem for lock in (path.parent / "journal.db.owners").glob("*.lock"))
        with pytest.raises(Conflict) as caught:
            await SqliteJournal.open(path, owner=name)
        assert caught.value.pid == process.pid


async def test_one_process_has_one_name_for_a_file(path: Path) -> None:
    journal = await SqliteJournal.open(path, owner="me")
    with pytest.raises(ConfigError, match="me"):
        await SqliteJournal.open(path, owner="somebody-else")
    assert await journal.append(created("r", said("a")))
    await journal.close()


async def test_another_event_loop_of_this_process_counts_as_another_owner(journal: SqliteJournal, path: Path) -> None:
    await journal.append(created("r", said("a")))

    async def elsewhere() -> int | None:
        other = await SqliteJournal.open(path)
        with pytest.raises(Conflict) as caught:
            await other.append(Batch("r", (said("b"),)))
        await other.append(created("q", said("c"), session="q"))
        await other.close()
        return caught.value.pid

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == os.getpid()
    assert [run.run for run in await journal.claim()] == ["r", "q"]


async def test_whoever_is_cancelled_while_it_opens_leaves_nothing_open(path: Path) -> None:
    opening = asyncio.ensure_future(SqliteJournal.open(path))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    assert opening.cancelled()

    journal = await SqliteJournal.open(path)
    await asyncio.get_running_loop().shutdown_default_executor()
    assert [lock.stem for lock in (path.parent / "journal.db.owners").glob("*.lock")] == [journal.owner]
    await journal.close()


async def test_whoever_is_cancelled_while_it_closes_lets_go_all_the_same(path: Path) -> None:
    journal = await SqliteJournal.open(path)
    under_way = asyncio.ensure_future(journal.append(created("r", said("a"))))
    ending = asyncio.ensure_future(journal.close())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ending.cancel()
    await asyncio.gather(under_way, ending, return_exceptions=True)
    await journal.close()
    assert list((path.parent / "journal.db.owners").glob("*.lock")) == []


async def test_bodies_of_earlier_versions_are_read_as_they_were(journal: SqliteJournal, path: Path) -> None:
    await journal.append(created("r", said("one"), Entry("note", {"text": "two"}, 2.0, key="k", item="i")))
    before = await journal.events("r")
    with closing(sqlite3.connect(path)) as db, db:
        for position, raw in db.execute("SELECT position, body FROM record").fetchall():
            body = json.loads(raw)
            of_old = {name: body[name] for name in ("type", "at", "data", "key", "item") if name in body}
            values = (json.dumps(of_old, separators=(",", ":")), position)
            db.execute("UPDATE record SET body = ? WHERE position = ?", values)

    assert await journal.events("r") == before
    assert await journal.load("r") == await journal.read("r")
    assert [event.raw for event in await journal.events("r")] == [None, None]
