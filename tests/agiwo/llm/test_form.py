"""How each wire is asked for an answer in a form, against providers on real sockets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_messages
import pytest
from agiwo.agent import Agent
from agiwo.config import use_settings
from agiwo.errors import ConfigError
from agiwo.llm import resolve_model
from agiwo.llm.anthropic import AnthropicModel
from agiwo.llm.base import Model, wanted_schema
from agiwo.llm.deepseek import DeepseekModel
from agiwo.llm.nvidia import NvidiaModel
from agiwo.llm.openai import OpenAIModel
from agiwo.testing import ScriptedModel
from fake_provider import DONE, START, Answer, FakeProvider, Received, delta, refuses, says, usage
from pydantic import BaseModel

pytestmark = pytest.mark.anyio

PARIS = '{"name": "Paris", "population": 2100000}'


class City(BaseModel):
    name: str
    population: int


STRICT = {
    "title": "City",
    "type": "object",
    "properties": {
        "name": {"title": "Name", "type": "string"},
        "population": {"title": "Population", "type": "integer"},
    },
    "required": ["name", "population"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "additionalProperties": {"type": "integer"}}


@pytest.fixture(autouse=True)
def only_what_a_test_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    use_settings(None)


def population(city: str) -> int:
    """How many people live in a city."""
    return 2100000


async def asked(model: type[Model], *answers: Answer, output_type: Any = City, **options: Any) -> list[Any]:
    """The bodies of the requests that a run with an output makes, which has it at the end."""
    async with FakeProvider(*answers or [says(PARIS[:9], PARIS[9:])]) as provider:
        made = model(id="some-model", base_url=provider.base_url, api_key="sk-of-a-fake", **options)
        agent = Agent("agent", "…", made, [population], "You know cities.")
        ended = (await agent.run("Paris?", output_type=output_type)).raise_for_error()
        assert ended.output == (City(name="Paris", population=2100000) if output_type is City else {"a": 1})
        await agent.close()
    return [request.body for request in provider.requests]


def system_of(body: Any) -> str:
    return body["messages"][0]["content"]


async def test_openai_holds_an_answer_to_a_strict_schema_and_the_tools_stay() -> None:
    (body,) = await asked(OpenAIModel)
    form = {"name": "answer", "schema": STRICT, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": form}
    assert system_of(body) == "You know cities."
    assert [each["function"]["name"] for each in body["tools"]] == ["population"]


async def test_openai_is_sent_what_cannot_be_strict_as_it_is() -> None:
    (body,) = await asked(OpenAIModel, says('{"a": 1}'), output_type=OPEN)
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": OPEN, "strict": False}


async def test_a_server_that_knows_no_response_format_is_asked_in_words_from_then_on() -> None:
    fault = {"message": "Unrecognized request argument: response_format", "param": "response_format"}
    first, second = await asked(OpenAIModel, refuses(400, {"error": fault}), says(PARIS))
    assert "response_format" in first
    assert "response_format" not in second
    assert '"required":["name","population"]' in system_of(second)


async def test_deepseek_is_held_to_json_and_told_the_schema() -> None:
    (body,) = await asked(DeepseekModel)
    assert body["response_format"] == {"type": "json_object"}
    assert "json" in system_of(body)
    assert '"required":["name","population"]' in system_of(body)


async def test_nvidia_is_asked_in_words() -> None:
    (body,) = await asked(NvidiaModel)
    assert "response_format" not in body
    assert '"required":["name","population"]' in system_of(body)


async def test_anthropic_holds_an_answer_to_a_closed_schema_beside_its_effort() -> None:
    (body,) = await asked(AnthropicModel, fake_messages.says(PARIS[:9], PARIS[9:]), effort="low")
    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": STRICT}}
    assert body["system"] == "You know cities."


async def test_anthropic_is_asked_in_words_for_what_it_cannot_hold_an_answer_to() -> None:
    (body,) = await asked(AnthropicModel, fake_messages.says('{"a": 1}'), output_type=OPEN)
    assert "output_config" not in body
    assert '"additionalProperties":{"type":"integer"}' in body["system"]


async def test_a_server_may_be_brought_to_it_by_a_tool() -> None:
    def choose(request: Received) -> Answer:
        name = request.body["tools"][-1]["function"]["name"]
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = [{"index": 0, "function": {"arguments": PARIS[at : at + 7]}} for at in range(0, len(PARIS), 7)]
        deltas = [delta(tool_calls=[each]) for each in (call, *pieces)]
        return Answer([START, *deltas, delta("tool_calls"), usage(7, 3), DONE])

    async with FakeProvider(choose=choose) as provider:
        model = OpenAIModel("any", base_url=provider.base_url, structured="tool")
        agent = Agent("agent", "…", model, [population])
        handle = await agent.start("Paris?", output_type=City)
        assert [each async for each in handle.partials()][-1] == {"name": "Paris", "population": 2100000}
        ended = await handle.wait()
        await agent.close()
    assert (ended.output, ended.metrics.tool_calls_count) == (City(name="Paris", population=2100000), 0)
    assert "response_format" not in provider.requests[0].body


async def test_a_correction_is_a_conversation_that_each_wire_takes() -> None:
    bodies = await asked(AnthropicModel, fake_messages.says("It is big."), fake_messages.says(PARIS))
    assert [each["role"] for each in bodies[1]["messages"]] == ["user", "assistant", "user"]


async def test_an_answer_that_was_given_to_a_tool_goes_back_as_words_on_a_wire_with_signed_thoughts() -> None:
    def given(text: str) -> Answer:
        blocks = [fake_messages.thought(0, "sig", "hm"), fake_messages.call(1, "toolu_a", "final_answer", text)]
        return fake_messages.whole(*blocks, reason="tool_use")

    first, second = await asked(AnthropicModel, given('{"name": 1'), given(PARIS), structured="tool", thinking=True)
    assert "output_config" not in first
    assert list(fake_messages.faults_of(second)) == []
    assert second["messages"][1]["content"] == [{"type": "text", "text": '{"name": 1'}]


async def test_a_stand_in_is_asked_in_its_own_way() -> None:
    gone = refuses(404, {"error": {"message": "no such model"}})
    async with FakeProvider(gone) as first, FakeProvider(says(PARIS)) as second:
        stand_in = NvidiaModel("other", base_url=second.base_url)
        agent = Agent("agent", "…", OpenAIModel("some-model", base_url=first.base_url, fallback=[stand_in]), [])
        assert (await agent.run("Paris?", output_type=City)).output.name == "Paris"
        await agent.close()
    assert "response_format" in first.requests[0].body
    assert "response_format" not in second.requests[0].body
    assert "JSON Schema" in system_of(second.requests[0].body)


async def test_a_tool_that_asks_a_model_by_hand_is_not_held_to_the_form() -> None:
    async with FakeProvider(says("Just words.")) as provider:
        own = OpenAIModel("any", base_url=provider.base_url)

        async def think(question: str) -> str:
            """Thinks."""
            return "".join([chunk.content or "" async for chunk in own.arun_stream([{"role": "user", "content": "?"}])])

        call = {"toolCalls": [{"name": "think", "arguments": {"question": "?"}}]}
        script = ScriptedModel(turns=[call, {"text": PARIS}], structured="schema")
        agent = Agent("agent", "…", script, [think])
        assert (await agent.run("Paris?", output_type=City)).output.name == "Paris"
        await agent.close()
    assert "response_format" not in provider.requests[0].body
    assert wanted_schema.get() is None


def test_the_way_of_a_configured_model_is_one_of_four() -> None:
    table: dict[str, Any] = {"provider": "openai", "id": "any", "base_url": "http://127.0.0.1:9/v1"}
    assert resolve_model("lab", {"lab": {**table, "structured": "tool"}}).structured == "tool"
    with pytest.raises(ConfigError, match="must be one of schema, json, tool, prompt"):
        resolve_model("lab", {"lab": {**table, "structured": "yaml"}})
