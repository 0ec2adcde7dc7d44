"""Requests that mean the same, and how a difference between two reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from agiwo.errors import ConfigError
from agiwo.llm.openai import OpenAIModel
from agiwo.testing import ScriptedModel
from agiwo.testing.canonical import lines_of, model_request, parameters_of, tool_request, written

RUN, OTHER = "run_78rh0p2dcxhyra7ecn3v0ykxx3", "run_01rh0p2dcxhyra7ecn3v0ykxx4"


def request(*messages: Mapping[str, Any]) -> str:
    return written(model_request({}, messages, None, {}))


def turn(*ids: str) -> Sequence[Mapping[str, Any]]:
    calls = [{"id": id, "function": {"name": "f", "arguments": "{}"}} for id in ids]
    results = [{"role": "tool", "tool_call_id": id, "content": "x"} for id in ids]
    return [{"role": "assistant", "content": "", "tool_calls": calls}, *results]


def test_the_ids_of_calls_are_numbered_over_the_whole_conversation() -> None:
    assert request(*turn("a", "b"), *turn("c")) == request(*turn("x", "y"), *turn("z"))
    assert request(*turn("a", "b")) != request(*turn("a"), *turn("b"))


def test_a_result_for_another_call_is_another_request() -> None:
    called = turn("a", "b")
    assert request(called[0], called[1], called[2]) != request(called[0], called[2], called[1])


def test_our_own_ids_are_numbered_wherever_they_stand() -> None:
    assert tool_request("f", {"run": RUN, "again": f"see {RUN}"}) == tool_request(
        "f", {"run": OTHER, "again": f"see {OTHER}"}
    )
    assert tool_request("f", {"run": RUN, "again": RUN}) != tool_request("f", {"run": RUN, "again": OTHER})


def test_words_with_an_underscore_are_no_ids() -> None:
    assert tool_request("f", {"x": "run_forest_run_0123456789"}) == {
        "name": "f",
        "arguments": {"x": "run_forest_run_0123456789"},
    }


@dataclass
class Thinking(ScriptedModel):
    effort: str = "high"
    extra_body: Mapping[str, Any] = field(default_factory=lambda: {"top_k": 3})


def test_how_a_model_is_reached_is_no_part_of_what_it_is_asked() -> None:
    one = OpenAIModel("m", api_key="k", base_url="http://127.0.0.1/v1", retries=0, name="mine")
    assert parameters_of(one) == parameters_of(OpenAIModel("m"))
    assert parameters_of(OpenAIModel("m")) != parameters_of(OpenAIModel("m", max_tokens=5))


def test_parameters_that_only_some_models_have_count_too() -> None:
    assert parameters_of(Thinking())["effort"] == "high"
    assert parameters_of(Thinking())["extra_body"] == {"top_k": 3}


def test_a_difference_is_in_lines_that_people_read() -> None:
    message = {"role": "user", "content": "one\n\ntwo"}
    long = {"role": "user", "content": f"{'word ' * 30}end"}
    assert list(lines_of(model_request({"id": "m", "top_p": None}, [message, long], [], {}))) == [
        "messages:",
        "  -",
        "    content:",
        "      one",
        "      ",
        "      two",
        "    role: user",
        "  -",
        "    content:",
        "      " + "word " * 20,
        "      " + "word " * 10 + "end",
        "    role: user",
        "model:",
        "  id: m",
        "  top_p: null",
        "tools: []",
    ]


def test_what_only_looks_like_json_is_written_by_its_name() -> None:
    assert tool_request("f", {"x": ConfigError}) == {"name": "f", "arguments": {"x": repr(ConfigError)}}


@pytest.mark.parametrize("odd", [float("nan"), 2**70, "\ud800", {1: 2}])
def test_odd_values_have_a_form_too(odd: object) -> None:
    assert written(tool_request("f", {"x": odd})) == written(tool_request("f", {"x": odd}))
