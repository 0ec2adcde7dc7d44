"""Which calls of one answer may run side by side. A pure decision; running them is the loop's."""

from collections.abc import Sequence

from agiwo.schema.tool import ToolDefinition


def plan_batch(tools: Sequence[ToolDefinition | None]) -> list[list[int]]:
    """Groups of indexes, to be run one group after the other, each group's calls together.

    Calls of concurrency-safe tools that follow one another form a group, any other call is alone in its own, and the
    order of the calls is kept. None stands for an unknown tool: nothing runs, so it is safe.
    """
    groups: list[list[int]] = []
    joinable = False
    for index, tool in enumerate(tools):
        safe = tool is None or tool.is_concurrency_safe
        if safe and joinable:
            groups[-1].append(index)
        else:
            groups.append([index])
        joinable = safe
    return groups
