from agiwo.schema.tool import ToolDefinition
from agiwo.tool.order import SIDE_BY_SIDE, plan_batch
from hypothesis import given
from hypothesis import strategies as st

SAFE = ToolDefinition("safe", "", {})
ALONE = ToolDefinition("alone", "", {}, is_concurrency_safe=False)


def test_safe_calls_run_together_and_unsafe_ones_alone_in_call_order() -> None:
    assert plan_batch([SAFE, SAFE, ALONE, ALONE, SAFE, None, SAFE]) == [[0, 1], [2], [3], [4, 5, 6]]


def test_no_calls_are_no_groups() -> None:
    assert plan_batch([]) == []


def test_of_a_thousand_safe_calls_only_so_many_run_at_a_time() -> None:
    groups = plan_batch([SAFE] * 1000)

    assert max(map(len, groups)) == SIDE_BY_SIDE
    assert len(groups) == 32


@given(st.lists(st.sampled_from([SAFE, ALONE, None])))
def test_every_call_is_in_one_group_and_an_unsafe_one_has_no_company(tools: list[ToolDefinition | None]) -> None:
    groups = plan_batch(tools)

    assert [index for group in groups for index in group] == list(range(len(tools)))
    assert all(len(group) == 1 for group in groups for index in group if tools[index] is ALONE)
