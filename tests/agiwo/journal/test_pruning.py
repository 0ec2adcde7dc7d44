"""What is forgotten, what is kept, and that nothing that belongs together is parted, over every journal."""

from dataclasses import replace
from typing import Any

import pytest
from agiwo.errors import NotFound
from agiwo.journal.care import Measure, Store
from agiwo.journal.memory import MemoryJournal
from agiwo.journal.pruning import Family, Pruned, Retention, expendable, families, prune
from agiwo.schema.record import Batch, Entry, Point, RunHead, Session, State, StateChange
from agiwo.schema.run import RunStatus

pytestmark = pytest.mark.anyio

DAY = 86400.0
NOW = 100 * DAY
MONTH = Retention(keep_days=30)


async def ran(
    store: Store, run: str, day: float, *, session: str = "", parent: str | None = None, **batch: Any
) -> None:
    """A finished run of that day, with the session it is the head of."""
    session = session or f"session of {run}"
    said = Entry("item/completed", {"text": run, **batch.pop("data", {})}, day * DAY)
    head = RunHead(run, session, "agent", batch.get("status", RunStatus.COMPLETED), day * DAY, day * DAY, parent)
    await store.append(
        Session(session, "agent", day * DAY, day * DAY, Point(run)), Batch(run, (said,), create=head, **batch)
    )


async def left(store: Store) -> list[str]:
    return sorted(head.run for head in await store.runs())


async def test_what_was_not_used_for_long_is_forgotten_with_all_that_is_its_own(any_journal: Store) -> None:
    large = {"text": "x" * 200_000}
    await ran(any_journal, "old", 10, data=large)
    await ran(any_journal, "new", 90)
    kept = await any_journal.read("new")
    before = await any_journal.measure()
    assert (before.runs, before.records, before.sessions, before.states) == ({"completed": 2}, 2, 2, 0)

    pruned = await prune(any_journal, MONTH, NOW)
    assert (pruned.runs, pruned.sessions) == (1, 1)
    assert await left(any_journal) == ["new"]
    assert await any_journal.load("old") == []
    assert await any_journal.session("session of old") is None
    assert await any_journal.read("new") == kept
    assert await prune(any_journal, MONTH, NOW) == Pruned()
    await ran(any_journal, "old", 10)
    assert len(await any_journal.load("old")) == 1


async def test_blobs_go_with_the_last_record_that_names_them(any_journal: Store) -> None:
    spilled = await any_journal.put_blob(b"spilled")
    shared = await any_journal.put_blob(b"shared")
    await ran(any_journal, "old", 10, data={"a": {"blob": spilled}, "b": {"blob": shared}})
    await ran(any_journal, "new", 90, data={"b": {"blob": shared}})
    pruned = await prune(any_journal, MONTH, NOW)
    assert await any_journal.get_blob(shared) == (b"shared", 6)
    if not pruned.blobs:  # where others may be about to name a blob, it stays for an hour after it was written
        assert type(any_journal).__name__ == "MongoJournal"
        return
    assert pruned == Pruned(1, 1, 1)
    with pytest.raises(NotFound):
        await any_journal.get_blob(spilled)


async def test_what_is_not_over_stays_however_old_it_is_with_all_that_belongs_to_it(any_journal: Store) -> None:
    await ran(any_journal, "asleep", 1, status=RunStatus.SLEEPING)
    await ran(any_journal, "child", 1, parent="asleep")
    await ran(any_journal, "grandchild", 1, parent="child")
    await any_journal.append(StateChange(State("root", "agent", "session of task", "task", DAY, DAY, persistent=True)))
    await ran(any_journal, "task", 1)
    await ran(any_journal, "alone", 1)
    assert await prune(any_journal, MONTH, NOW) == Pruned(1, 1, 0)
    assert await left(any_journal) == ["asleep", "child", "grandchild", "task"]


async def test_a_session_that_somebody_goes_on_with_stays_as_a_whole_and_so_do_those_it_was_forked_from(
    any_journal: Store,
) -> None:
    await ran(any_journal, "first", 1, session="origin")
    await ran(any_journal, "second", 2, session="origin")
    await any_journal.append(Session("fork", "agent", 99 * DAY, 99 * DAY, Point("first"), Point("first")))
    await ran(any_journal, "chat 1", 1, session="chat")
    await ran(any_journal, "chat 2", 99, session="chat")
    await ran(any_journal, "alone", 1)
    assert (await prune(any_journal, MONTH, NOW)).runs == 1
    assert await left(any_journal) == ["chat 1", "chat 2", "first", "second"]


async def test_a_scheduled_agent_that_has_ended_goes_with_its_runs(any_journal: Store) -> None:
    for id, phase in (("ended", "ended"), ("open", "open")):
        state = State(id, "agent", f"session of {id}", id, DAY, DAY, persistent=True, phase=phase)
        await any_journal.append(StateChange(state))
        await ran(any_journal, id, 1)
    await prune(any_journal, MONTH, NOW)
    assert [state.id for state in await any_journal.states()] == ["open"]
    assert await left(any_journal) == ["open"]


async def test_what_happened_since_it_was_looked_at_is_not_forgotten(any_journal: Store) -> None:
    await ran(any_journal, "r", 10)
    (family,) = await families(any_journal)
    await any_journal.append(replace(Session("session of r", "agent", DAY, DAY), updated_at=11 * DAY))
    assert await any_journal.forget(sorted(family.sessions), family.used_at) == 0
    assert await left(any_journal) == ["r"]
    assert await any_journal.forget(["session of r"], 11 * DAY) == 1
    assert await any_journal.measure() == Measure(bytes=(await any_journal.measure()).bytes)


def family(name: str, age: float, runs: int = 1, *, is_over: bool = True) -> Family:
    return Family({name}, runs, NOW - age, is_over)


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        (Retention(), ""),
        (Retention(keep_days=2), "cde"),
        (Retention(keep_days=4), "e"),
        (Retention(keep_runs=0), "bcde"),
        (Retention(keep_runs=3), "cde"),
        (Retention(keep_runs=4), "de"),
        (Retention(keep_days=4, keep_runs=4), "de"),
    ],
)
def test_a_rule_keeps_the_newest_and_never_what_was_just_used_or_is_not_over(rule: Retention, gone: str) -> None:
    known = [
        family("a", 60.0),
        family("b", DAY, 2),
        family("c", 3 * DAY),
        family("x", 4 * DAY, is_over=False),
        family("d", 4 * DAY),
        family("e", 5 * DAY),
    ]
    assert {name for each in expendable(known, rule, NOW) for name in each.sessions} == set(gone)


class Busy(MemoryJournal):
    """A journal in which somebody goes on with a session while it is being looked at."""

    async def states(self, **filters: Any) -> list[State]:
        await self.append(Session("session of b", "agent", DAY, NOW))
        return await super().states(**filters)


async def test_of_many_that_go_at_once_only_those_that_somebody_goes_on_with_stay() -> None:
    store = Busy()
    for run in "abc":
        await ran(store, run, 10)
    assert await prune(store, MONTH, NOW) == Pruned(2, 2)
    assert await left(store) == ["b"]
