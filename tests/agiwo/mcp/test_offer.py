from typing import Any

import pytest
from agiwo.mcp.offer import OfferedTool


def offered(**data: Any) -> OfferedTool:
    return OfferedTool.from_json("files", {"name": "read", "inputSchema": {"type": "object"}, **data})


@pytest.mark.parametrize(
    ("hints", "effect", "is_destructive"),
    [
        ({}, "once", False),
        ({"readOnlyHint": True}, "read", False),
        ({"idempotentHint": True}, "idempotent", False),
        ({"readOnlyHint": True, "destructiveHint": True}, "read", False),
        ({"destructiveHint": True}, "once", True),
        ({"readOnlyHint": "yes", "idempotentHint": 1}, "once", False),
    ],
)
def test_hints_say_what_a_second_call_would_do(hints: dict[str, Any], effect: str, is_destructive: bool):
    tool = offered(annotations=hints)

    assert (tool.effect, tool.is_destructive) == (effect, is_destructive)


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Reads, and tells a stranger."},
        {"inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}}},
        {"inputSchema": {"type": "object", "maximum": 10**30}},
        {"annotations": {"readOnlyHint": True}},
    ],
)
def test_whatever_a_tool_says_of_itself_is_in_its_version(change: dict[str, Any]):
    assert offered(**change).version != offered().version
    assert offered(**change).version == offered(**change).version


def test_a_schema_without_properties_gets_some_and_a_description_has_its_bounds():
    tool = offered(description="x" * 100_000)

    assert tool.parameters == {"type": "object", "properties": {}}
    assert len(tool.description) == 16_384
