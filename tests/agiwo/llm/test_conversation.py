"""Conversations with something wrong in them, as they go out on each wire."""

import random
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from agent_lab import check_conversation
from agiwo.llm.anthropic import AnthropicModel
from agiwo.llm.base import Message
from agiwo.llm.conversation import CUT_OFF, Repair
from agiwo.llm.endpoint import Endpoint
from agiwo.llm.openai import OpenAIModel
from fake_messages import faults_of

ANY = re.compile(".+")
HELLO: Message = {"role": "user", "content": "hello"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://lab.test/a.png"}}


def repaired(messages: Sequence[Message], legal_id: re.Pattern[str] = ANY) -> Sequence[Message]:
    return Repair(legal_id)(messages)


def call(id: str, arguments: Any = "{}", name: Any = "add") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def says(*calls: dict[str, Any], content: Any = "") -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(id: str, content: str = "2") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def test_a_conversation_without_a_fault_is_passed_on_as_it_is() -> None:
    messages = [HELLO, says(call("a"), call("b")), result("a"), result("b"), HELLO]

    assert repaired(messages) is messages


def test_a_call_without_a_result_gets_one() -> None:
    assert repaired([HELLO, says(call("a")), HELLO]) == [HELLO, says(call("a")), result("a", CUT_OFF), HELLO]


def test_results_stand_behind_their_calls_in_the_order_of_the_calls() -> None:
    found = repaired([says(call("a"), call("b")), HELLO, result("b"), result("a", "1")])

    assert found == [says(call("a"), call("b")), result("a", "1"), result("b"), HELLO]


def test_a_result_that_nobody_asked_for_and_a_second_one_are_left_out() -> None:
    found = repaired([result("x"), says(call("a")), result("a", "first"), result("a", "second"), HELLO])

    assert found == [says(call("a")), result("a", "first"), HELLO]


def test_an_answer_that_says_nothing_is_left_out() -> None:
    assert repaired([HELLO, says(), {"role": "assistant", "content": None}, HELLO]) == [HELLO, HELLO]


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", "7", "", None])
def test_arguments_that_are_no_object_are_an_empty_one(arguments: Any) -> None:
    assert repaired([says(call("a", arguments)), result("a")]) == [says(call("a")), result("a")]


@pytest.mark.parametrize(
    ("called", "sent"),
    [("functions.add", "functions_add"), ("add ", "add_"), ("", "unknown"), (None, "unknown"), ("a" * 65, "a" * 64)],
)
def test_a_tool_that_no_provider_would_have_let_be_is_called_by_a_name_that_it_takes(called: Any, sent: str) -> None:
    assert repaired([says(call("a", name=called)), result("a")]) == [says(call("a", name=sent)), result("a")]


def test_two_calls_never_have_one_id_and_an_id_is_the_same_in_every_request() -> None:
    messages = [
        says(call("a"), call("a")),
        result("a", "1"),
        result("a", "2"),
        HELLO,
        says(call("a")),
        result("a", "3"),
    ]
    found = repaired(messages)

    ids = [each["id"] for message in found for each in message.get("tool_calls", ())]
    assert (ids[0], len(set(ids))) == ("a", 3)
    results = [(each["tool_call_id"], each["content"]) for each in found if each["role"] == "tool"]
    assert results == list(zip(ids, ["1", "2", "3"], strict=True))
    assert repaired([*messages, HELLO])[: len(found)] == found


def test_an_id_that_the_wire_does_not_allow_is_another_one() -> None:
    (answer, given) = repaired([says(call("functions.add:0")), result("functions.add:0")], re.compile("[a-z0-9_]+"))

    assert answer["tool_calls"][0]["id"] == given["tool_call_id"]
    assert re.fullmatch("call_[0-9a-f]{24}", given["tool_call_id"])


def test_the_messages_that_were_given_are_not_changed() -> None:
    broken = says(call("a", "{"))
    repaired([broken])

    assert broken == says(call("a", "{"))


def test_a_conversation_that_has_grown_is_looked_at_where_it_is_new() -> None:
    repair = Repair(ANY)
    sound = [HELLO, says(call("a")), result("a")]
    assert repair(sound) is sound

    assert repair([*sound, says(call("a")), result("a")])[3:] != [says(call("a")), result("a")]
    assert repair([*sound, says(call("b"))])[3:] == [says(call("b")), result("b", CUT_OFF)]
    assert repair([*sound, result("b")]) == sound
    assert repair(grown := [*sound, HELLO]) is grown


@pytest.mark.parametrize(
    ("said", "joined"),
    [
        (["one", "two", "three"], "one\n\ntwo\n\nthree"),
        (["one", [IMAGE]], [{"type": "text", "text": "one"}, IMAGE]),
        ([[IMAGE], "two"], [IMAGE, {"type": "text", "text": "two"}]),
    ],
)
def test_where_roles_must_alternate_what_the_user_said_in_a_row_is_one_message(said: list[Any], joined: Any) -> None:
    messages = [HELLO, says(call("a")), result("a"), *({"role": "user", "content": each} for each in said)]
    one = [HELLO, says(call("a")), result("a"), {"role": "user", "content": joined}]
    repair = Repair(ANY, alternates=True)
    assert repair(messages) == one
    assert repair(messages[:4]) == messages[:4]
    assert repair(messages) == one, "the conversation has grown by what the user said again"
    assert repair([*messages, {"role": "assistant", "content": "Yes."}, HELLO])[3:4] == one[3:]
    assert repaired(messages) is messages


def test_an_answer_that_is_left_out_leaves_no_two_messages_of_the_user() -> None:
    silent = {"role": "assistant", "content": ""}
    found = Repair(ANY, alternates=True)([HELLO, silent, HELLO])
    assert found == [{"role": "user", "content": "hello\n\nhello"}]


def odd(chance: random.Random) -> list[Message]:
    """A conversation that nobody could have had."""
    ids = ["a", "b", "functions.add:0", "", "é", "x" * 60]
    contents: Sequence[Any] = ["", "text", " ", None, [{"type": "text", "text": "part"}]]

    def message() -> Message:
        match chance.choice(["user", "assistant", "calls", "tool", "system"]):
            case "calls":
                made = [(ids, ["{}", "{", ""], ["add", "", "x.y"])] * chance.randint(1, 3)
                message = says(*(call(*map(chance.choice, each)) for each in made), content=chance.choice(contents))
                return message if chance.random() < 0.8 else {k: message[k] for k in ("role", "tool_calls")}
            case "tool":
                return result(chance.choice(ids), chance.choice(["", "2"]))
            case role:
                return {"role": role, "content": chance.choice(contents)}

    return [message() for _ in range(chance.randint(0, 12))]


def test_whatever_a_conversation_was_it_is_one_that_providers_take() -> None:
    endpoint, chat, anthropic = Endpoint("http://lab.test/v1", None), OpenAIModel("m"), AnthropicModel("m")
    for seed in range(500):
        messages: list[Message] = []
        for part in range(3):
            messages = messages + odd(random.Random(seed + part / 10))
            sent = chat.request(endpoint, messages, ())["messages"]
            check_conversation(sent)
            assert not any(one["role"] == other["role"] == "user" for one, other in pairwise(sent)), messages
            body = anthropic.request(endpoint, messages, ())
            assert list(faults_of(body)) == [], messages
            assert body == AnthropicModel("m").request(endpoint, messages, ())
