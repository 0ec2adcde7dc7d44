"""Which calls of one answer may run side by side. A pure decision; running them is the loop's."""

from collections.abc import Sequence

from agiwo.schema.tool import ToolDefinition

SIDE_BY_SIDE = 32
"""Calls that run at the same time at most: a model that asks for a thousand must not open a thousand sockets."""


def plan_batch(tools: Sequence[ToolDefinition | None]) -> list[list[int]]:
    """Groups of indexes, to be run one group after the other, each group's calls together.

    Calls of concurrency-safe tools that follow one another form a group of at most `SIDE_BY_SIDE`, any other call is
    alone in its own, and the order of the calls is kept. None stands for an unknown tool: nothing runs, so it is safe.
    """
    groups: list[list[int]] = []
    joinable = False
    for index, tool in enumerate(tools):
        safe = tool is None or tool.is_concurrency_safe
        if safe and joinable and len(groups[-1]) < SIDE_BY_SIDE:
            groups[-1].append(index)
        else:
            groups.append([index])
        joinable = safe
    return groups
