"""The store of runs and steps in memory that anybody may fill."""

from typing import Any

import pytest
from agiwo.agent import InMemoryRunStepStorage, MessageRole, Run, StepRecord

pytestmark = pytest.mark.anyio


def step(sequence: int, content: str = "", *, session: str = "s", run: str = "r", **others: Any) -> StepRecord:
    return StepRecord.user(session, run, sequence, content, **others)


async def test_steps_are_kept_in_the_order_of_their_numbers_and_replaced_by_them() -> None:
    store = InMemoryRunStepStorage()
    await store.save_steps_batch([step(3, "c"), step(1, "a"), step(2, "b")])
    await store.save_step(step(2, "B"))
    assert [each.content for each in await store.get_steps("s")] == ["a", "B", "c"]
    assert await store.get_step_count("s") == await store.get_max_sequence("s") == 3
    assert await store.get_last_step("s") == step(3, "c")
    assert await store.get_last_step("other") is None
    assert await store.get_max_sequence("other") == 0


async def test_steps_are_chosen_by_number_run_agent_and_how_many() -> None:
    store = InMemoryRunStepStorage()
    steps = [step(n, run=f"r{n % 2}", agent_id=f"a{n % 3}") for n in range(1, 7)]
    await store.save_steps_batch(steps)
    assert await store.get_steps("s", start_seq=2, end_seq=4) == steps[1:4]
    assert await store.get_steps("s", run_id="r1") == steps[::2]
    assert await store.get_steps("s", agent_id="a0") == [steps[2], steps[5]]
    assert await store.get_steps("s", limit=2) == steps[:2]
    assert await store.get_steps("s", limit=2, ascending=False) == [steps[5], steps[4]]


class Counted(int):
    """A number that counts how often any of its kind is compared."""

    comparisons = 0

    def __lt__(self, other: int) -> bool:
        Counted.comparisons += 1
        return int(self) < int(other)

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return isinstance(other, int) and int(self) == int(other)

    def __hash__(self) -> int:
        return hash(int(self))


async def test_a_step_is_kept_without_a_look_at_all_that_came_before() -> None:
    store = InMemoryRunStepStorage()
    for number in range(2000):
        await store.save_step(step(Counted(number)))
    assert Counted.comparisons < 2000 * 40  # each of them beside each other would be 2,000,000


async def test_a_long_session_is_read_to_its_end() -> None:
    store = InMemoryRunStepStorage()
    await store.save_steps_batch(step(n) for n in range(1, 2001))
    first = await store.get_steps("s")
    rest = await store.get_steps("s", start_seq=first[-1].sequence + 1)
    assert [each.sequence for each in (*first, *rest)] == list(range(1, 2001))
    assert await store.get_step_count("s") == 2000
    assert await store.allocate_sequence("s") == 2001


async def test_no_number_is_given_twice() -> None:
    store = InMemoryRunStepStorage()
    assert [await store.allocate_sequence("s") for _ in range(3)] == [1, 2, 3]
    await store.save_step(step(7))
    assert await store.allocate_sequence("s") == 8
    assert await store.allocate_sequence("other") == 1


async def test_deleting_a_run_leaves_the_steps_of_others_in_its_session() -> None:
    store = InMemoryRunStepStorage()
    await store.save_run(Run("a", "s", "hi", id="one"))
    await store.save_run(Run("a", "s", "hi", id="two"))
    await store.save_steps_batch([step(1, run="one"), step(2, run="two")])
    await store.delete_run("one")
    assert await store.get_run("one") is None
    assert [each.run_id for each in await store.get_steps("s")] == ["two"]


async def test_steps_are_deleted_from_a_number_on() -> None:
    store = InMemoryRunStepStorage()
    await store.save_steps_batch(step(n) for n in range(1, 6))
    assert await store.delete_steps("s", 3) == 3
    assert [each.sequence for each in await store.get_steps("s")] == [1, 2]
    assert await store.delete_steps("nobody", 1) == 0


async def test_runs_are_listed_by_user_and_session_the_newest_first() -> None:
    store = InMemoryRunStepStorage()
    for number, (session, user) in enumerate([("s", "me"), ("s", "you"), ("t", "me"), ("s", "me")]):
        await store.save_run(Run("a", session, "hi", id=str(number), user_id=user, created_at=number))
    assert [run.id for run in await store.list_runs()] == ["3", "2", "1", "0"]
    assert [run.id for run in await store.list_runs(user_id="me")] == ["3", "2", "0"]
    assert [run.id for run in await store.list_runs("me", "s", limit=1, offset=1)] == ["0"]


async def test_what_a_tool_call_gave_is_found_by_its_id() -> None:
    store = InMemoryRunStepStorage()
    gave = StepRecord.tool("s", "r", 2, "call_1", "look", "seen", agent_id="a")
    await store.save_steps_batch([StepRecord.assistant("s", "r", 1, "Let me look."), gave])
    assert await store.get_step_by_tool_call_id("s", "call_1") == gave
    assert await store.get_step_by_tool_call_id("s", "call_2") is None
    assert [each.role for each in await store.get_steps("s")] == [MessageRole.ASSISTANT, MessageRole.TOOL]
    await store.close()
