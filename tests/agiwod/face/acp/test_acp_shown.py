"""What an editor is shown of calls and messages, whatever models and tools have put into them."""

from typing import Any

import orjson
import pytest
from acp import schema
from acp_lab import Json, hold
from agiwo.schema.event import ITEM_COMPLETED, ITEM_DELTA, ITEM_STARTED, Event
from agiwod.face.acp.prompt import blocks_of, parts_of
from agiwod.face.acp.shapes import PromptParams
from agiwod.face.acp.tool_calls import described, ended
from agiwod.face.acp.updates import Updates
from hypothesis import given
from hypothesis import strategies as some

TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=30)
VALUE: Any = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.floats(allow_nan=False) | TEXT,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
NAMES = some.sampled_from(
    ["read_file", "write_file", "edit_file", "list_files", "search_files", "bash", "http_request", "Skill", "other"]
)
MEMBERS = some.sampled_from(["path", "content", "old", "new", "command", "pattern", "url", "name", "offset", "method"])
KEPT_ELSEWHERE = some.fixed_dictionaries({"blob": TEXT, "size": some.integers(0, 9), "head": TEXT, "tail": TEXT})
OUTPUT = some.fixed_dictionaries(
    {}, optional={"content": TEXT | KEPT_ELSEWHERE, "value": VALUE, "isError": some.booleans()}
)
ARGUMENTS = some.dictionaries(MEMBERS, VALUE, max_size=4) | VALUE


@given(NAMES, ARGUMENTS, OUTPUT)
def test_every_call_can_be_shown(name: str, arguments: Any, output: Json) -> None:
    for cwd in ("/work", None):
        call = {"toolCallId": "1", **described(name, arguments, cwd)}
        update = {"toolCallId": "1", **ended(name, arguments, output, cwd)}
        orjson.dumps([call, update])
        schema.ToolCall.model_validate(call)
        schema.ToolCallUpdate.model_validate(update)
        assert all(each["path"].startswith("/") for each in call.get("locations", ()))


def updates() -> tuple[Updates, list[Json]]:
    """A fold, and what it tells."""
    told: list[Json] = []
    return Updates(told.append, "/work"), told


def event(type: str, item: str = "r.0.message", **data: Any) -> Event:
    return Event("r", type, data, 0.0, item=item)


def says(attempt: int, offset: int, text: str) -> Event:
    return event(ITEM_DELTA, kind="text", attempt=attempt, offset=offset, text=text)


def test_what_a_later_attempt_says_is_a_message_of_its_own() -> None:
    fold, told = updates()
    for each in (says(1, 0, "Hel"), says(2, 0, "Good "), says(2, 5, "day"), says(2, 8, ".")):
        fold.take(each)
    fold.take(event(ITEM_COMPLETED, kind="agentMessage", text="Good day."))
    assert [(each["messageId"], each["content"]["text"]) for each in told] == [
        ("r.0.message", "Hel"),
        ("r.0.message.2", "Good "),
        ("r.0.message.2", "day"),
        ("r.0.message.2", "."),
    ]


def test_what_was_left_out_of_a_message_comes_with_its_end() -> None:
    fold, told = updates()
    fold.take(says(1, 0, "Good "))
    fold.take(event(ITEM_COMPLETED, kind="agentMessage", text="Good day."))
    fold.take(event(ITEM_COMPLETED, "r.1.message", kind="agentMessage", text="Bye."))
    assert [each["content"]["text"] for each in told] == ["Good ", "day.", "Bye."]


def test_arguments_are_shown_once_they_are_whole() -> None:
    fold, told = updates()
    fold.take(event(ITEM_STARTED, "r.0.0", kind="toolCall", callId="c", name="bash"))
    for offset, text in ((0, '{"command": "echo {}'), (20, '"}')):
        fold.take(event(ITEM_DELTA, "r.0.0", kind="toolArguments", attempt=1, offset=offset, text=text))
    assert [each.get("rawInput") for each in told] == [None, {"command": "echo {}"}]
    assert told[-1]["title"] == "`echo {}`"


def test_what_a_tool_writes_is_shown_from_its_end() -> None:
    fold, told = updates()
    fold.take(event(ITEM_STARTED, "r.0.0", kind="toolCall", callId="c", name="bash"))
    for offset in range(10):
        fold.take(event(ITEM_DELTA, "r.0.0", kind="toolOutput", attempt=1, offset=offset, text=str(offset) * 1000))
    [shown] = told[-1]["content"]
    assert (len(shown["content"]["text"]), shown["content"]["text"][-1]) == (8000, "9")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "hi"},
        {"type": "image", "data": "aGk=", "mimeType": "image/png"},
        {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
        {"type": "resource_link", "uri": "file:///a.py", "name": "a.py"},
        {"type": "resource", "resource": {"uri": "file:///a.py", "text": "x", "mimeType": "text/x-python"}},
        {"type": "resource", "resource": {"uri": "file:///a.py", "text": "x\n</resource>"}},
    ],
)
def test_a_part_of_a_prompt_comes_back_as_it_was(block: Json) -> None:
    blocks = PromptParams.model_validate({"sessionId": "s", "prompt": [block]}, by_alias=True).prompt
    assert list(blocks_of(parts_of(blocks))) == [block]
    hold(schema.PromptRequest, {"sessionId": "s", "prompt": [block]})
