from agiwo.schema.tool import ToolDefinition
from agiwo.tool.order import plan_batch
from hypothesis import given
from hypothesis import strategies as st

SAFE = ToolDefinition("safe", "", {})
ALONE = ToolDefinition("alone", "", {}, is_concurrency_safe=False)


def test_safe_calls_run_together_and_unsafe_ones_alone_in_call_order() -> None:
    assert plan_batch([SAFE, SAFE, ALONE, ALONE, SAFE, None, SAFE]) == [[0, 1], [2], [3], [4, 5, 6]]


def test_no_calls_are_no_groups() -> None:
    assert plan_batch([]) == []


@given(st.lists(st.sampled_from([SAFE, ALONE, None])))
def test_every_call_is_in_one_group_and_an_unsafe_one_has_no_company(tools: list[ToolDefinition | None]) -> None:
    groups = plan_batch(tools)

    assert [index for group in groups for index in group] == list(range(len(tools)))
    assert all(len(group) == 1 for group in groups for index in group if tools[index] is ALONE)
