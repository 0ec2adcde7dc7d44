"""The pasts of sessions: what was read once is not read again, and what was folded once is folded on."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from agiwo.engine import pasts
from agiwo.engine.pasts import Pasts
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.past import Past
from agiwo.schema.record import Batch, Entry, Point, Record, RunHead
from agiwo.schema.run import RunStatus

pytestmark = pytest.mark.anyio


class Counted(MemoryJournal):
    """Counts how often each run is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded = Counter[str]()

    async def load(self, run: str, after: int = 0, limit: int | None = None) -> list[Record]:
        self.loaded[run] += 1
        await asyncio.sleep(0)
        return await super().load(run, after, limit)


async def add(journal: MemoryJournal, run: str, after: str | None, *, is_over: bool = True) -> Point:
    """A run of a session, behind another one."""
    entries = [
        Entry("run/queued", {}, 0.0),
        Entry("base", {"point": after and {"run": after, "seq": None}}, 0.0, "base", public=False),
        Entry("run/completed" if is_over else "run/started", {"said": run}, 0.0),
    ]
    head = RunHead(run, "s", "agent", RunStatus.QUEUED, 0.0, 0.0)
    await journal.append(Batch(run, tuple(entries), create=head))
    return Point(run)


def said(past: Past) -> list[str]:
    return [record.data["said"] for run in past for record in run if "said" in record.data]


async def chain(journal: MemoryJournal, *runs: str) -> Point:
    before = None
    for run in runs:
        await add(journal, run, before)
        before = run
    return Point(runs[-1])


async def test_a_session_that_goes_on_reads_only_its_newest_run() -> None:
    journal = Counted()
    known = Pasts(journal)
    assert said(await known.up_to(await chain(journal, "a", "b", "c"))) == ["a", "b", "c"]
    await add(journal, "d", "c")
    assert said(await known.up_to(Point("d"))) == ["a", "b", "c", "d"]
    assert set(journal.loaded.values()) == {1}


async def test_a_branch_reads_back_to_where_it_began_and_leaves_the_other_as_it_was() -> None:
    journal = Counted()
    known = Pasts(journal)
    main = await known.up_to(await chain(journal, "a", "b", "c"))
    await add(journal, "x", "b")
    assert said(await known.up_to(Point("x"))) == ["a", "b", "x"]
    assert said(main) == ["a", "b", "c"]


@pytest.mark.parametrize(("seq", "expected"), [(0, ["a"]), (1, ["a"]), (2, ["a", "b"]), (None, ["a", "b"])])
async def test_a_point_inside_a_run_ends_the_past_there(seq: int | None, expected: list[str]) -> None:
    journal = Counted()
    await chain(journal, "a", "b")
    assert said(await Pasts(journal).up_to(Point("b", seq))) == expected


async def test_a_run_that_still_goes_is_read_anew_each_time() -> None:
    journal = Counted()
    known = Pasts(journal)
    await add(journal, "a", None)
    await add(journal, "b", "a", is_over=False)
    assert said(await known.up_to(Point("b"))) == ["a", "b"]
    await journal.append(Batch("b", (Entry("run/completed", {"said": "end"}, 0.0),)))
    assert said(await known.up_to(Point("b"))) == ["a", "b", "end"]


async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pasts, "_MOST", 4)
    journal = Counted()
    known = Pasts(journal)
    for run in "abc":
        await add(journal, run, None)
        await known.up_to(Point(run))
    assert said(await known.up_to(Point("a"))) == ["a"]
    assert said(await known.up_to(Point("c"))) == ["c"]
    assert journal.loaded["a"] == 2


async def test_a_fold_goes_on_from_the_one_before() -> None:
    journal, folded = Counted(), list[str]()

    def names(so_far: list[str], records: Sequence[Record]) -> list[str]:
        folded.append(records[0].run)
        return [*so_far, records[0].run]

    known = Pasts(journal)
    assert (await known.up_to(await chain(journal, "a", "b"))).fold(names, list[str]) == ["a", "b"]
    await add(journal, "c", "b")
    past = await known.up_to(Point("c"))
    assert past.fold(names, list[str]) == past.fold(names, list[str]) == ["a", "b", "c"]
    assert folded == ["a", "b", "c"]


async def test_two_who_ask_for_a_past_at_once_both_have_all_of_it_and_read_nothing_old_again() -> None:
    journal = Counted()
    points = [await add(journal, "a", None), await add(journal, "b", "a"), await add(journal, "c", "b")]
    known = Pasts(journal)
    await known.up_to(points[1])
    both = await asyncio.gather(known.up_to(points[2]), known.up_to(points[2]))
    assert [[records[0].run for records in past] for past in both] == [["a", "b", "c"]] * 2
    assert journal.loaded == {"a": 1, "b": 1, "c": 2}
