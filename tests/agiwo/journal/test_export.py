"""What is in one store comes to another of any kind as it was, once, and without known secrets."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import orjson
import pytest
from agiwo.engine.redact import Redactor
from agiwo.errors import ConfigError
from agiwo.journal import open_journal
from agiwo.journal.care import Store
from agiwo.journal.export import Imported, export_lines, import_lines
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.record import Batch, Entry, Point, RunHead, Session, State, StateChange
from agiwo.schema.run import RunStatus
from journal_fixtures import config_of

pytestmark = pytest.mark.anyio


async def fill(store: Store) -> None:
    """A finished run, one that sleeps, a forked session, a scheduled agent, and contents that are kept apart."""
    spilled = await store.put_blob(b"spilled" * 1000)
    said = Entry("item/completed", {"text": "ü" * 200_000, "more": {"blob": spilled, "size": 7000}}, 3.0, item="i")
    step = Entry("step", {"value": None}, 2.0, key="0/llm", public=False)
    done = RunHead("done", "s", "agent", RunStatus.COMPLETED, 1.0, 1.0)
    asleep = RunHead("asleep", "t", "agent", RunStatus.SLEEPING, 2.0, 2.0, "done")
    wake = {"deadline": 9.5, "runs": ["x"], "mode": "all"}
    await store.append(
        Session("s", "agent", 1.0, 3.0, Point("done"), meta={"title": "a"}), Batch("done", (step, said), create=done)
    )
    await store.append(Session("t", "agent", 2.0, 4.0, None, Point("done", 1)))
    await store.append(Batch("asleep", status=RunStatus.SLEEPING, create=asleep, wake=wake))
    await store.append(StateChange(State("root", "agent", "t", "asleep", 1.0, 2.0, persistent=True, meta={"a": 1})))


async def lines(store: Store, redactor: Redactor | None = None) -> list[bytes]:
    return [orjson.dumps(line) + b"\n" async for line in export_lines(store, (redactor or Redactor()).data)]


async def read(store: Store, exported: Sequence[bytes]) -> Imported:
    async def each() -> AsyncGenerator[bytes]:
        for line in exported:
            yield line

    return await import_lines(store, each(), lambda _: None)


async def test_what_is_imported_is_what_was_exported_and_a_second_time_changes_nothing(any_journal: Store) -> None:
    source = MemoryJournal()
    await fill(source)
    exported = await lines(source)
    assert await read(any_journal, exported) == Imported(runs=2, sessions=2, states=1)
    assert await read(any_journal, exported) == Imported(present=5)
    assert await lines(any_journal) == exported
    for run in ("done", "asleep"):
        assert await any_journal.load(run) == await source.load(run)
    asleep = await any_journal.run("asleep")
    assert asleep
    assert asleep.owner == any_journal.owner


async def test_what_every_store_exports_another_takes(any_journal: Store, tmp_path: Path) -> None:
    await fill(any_journal)
    exported = await lines(any_journal)
    other = await open_journal(**config_of("sqlite-normal", tmp_path / "other"))
    await read(other, exported)
    assert await lines(other) == exported
    await other.close()


async def test_an_import_goes_on_where_another_broke_off_and_takes_what_has_been_added_since() -> None:
    source, target = MemoryJournal(), MemoryJournal()
    await fill(source)
    exported = await lines(source)
    await read(target, exported[:2])
    assert await read(target, exported) == Imported(runs=2, sessions=1, states=1, present=1)

    later = RunHead("later", "s", "agent", RunStatus.COMPLETED, 5.0, 5.0)
    await source.append(Session("s", "agent", 1.0, 6.0, Point("later")), Batch("later", create=later))
    assert await read(target, await lines(source)) == Imported(runs=1, sessions=1, present=4)
    assert await lines(target) == await lines(source)


async def test_secrets_that_became_known_later_are_not_exported() -> None:
    source = MemoryJournal()
    head = RunHead("r", "s", "agent", RunStatus.COMPLETED, 1.0, 1.0)
    said = Entry("item/completed", {"text": "it is canary-1234"}, 2.0)
    await source.append(Session("s", "agent", 1.0, 1.0, meta={"a": "canary-1234"}), Batch("r", (said,), create=head))
    exported = b"".join(await lines(source, Redactor({"A_KEY": "canary-1234"})))
    assert b"canary" not in exported
    assert exported.count(b"[redacted:A_KEY]") == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"hello", "line 1 is not one"),
        (b"{}", "line 1 is not one"),
        (b"[]", "line 1 is not one"),
        (b'{"format":"agiwo-export","version":2}', "newer version"),
        (b'{"format":"agiwo-export","version":1}\n{"run":{"run":"r"},"records":[]}', "line 2 is not one"),
        (b'{"format":"agiwo-export","version":1}\n{"run":7}', "line 2 is not one"),
    ],
)
async def test_what_is_no_export_is_refused_with_the_line(wrong: bytes, said: str) -> None:
    store = MemoryJournal()
    with pytest.raises(ConfigError, match=said):
        await read(store, wrong.split(b"\n"))
    assert await store.runs() == []
