"""The table of what a provider can do wrong: on every wire the same recovery, and no request that is not told of."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import fake_messages
import fake_provider
import pytest
from agiwo.agent import Agent, EventType, StreamEvent
from agiwo.llm import AnthropicModel, DeepseekModel, Model, NvidiaModel, OpenAIModel, Timeouts
from agiwo.schema.event import RUN_RETRYING, RUN_SLEEPING
from agiwo.testing import RecordingTool
from fake_provider import GONE, Answer, FakeProvider, refuses

pytestmark = pytest.mark.anyio

ANSWER = "the whole answer"
PATIENT = Timeouts(connect=60, first_byte=60, idle=60, total=60)
STALLED = replace(PATIENT, idle=0.3)


@pytest.fixture(autouse=True)
def no_pause_between_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agiwo.llm.retry._BACKOFF", (0.001, 0.002))


@dataclass(frozen=True)
class Wire:
    """How one provider says what all of them say."""

    model: type[Model]
    says: Callable[..., Answer]
    begin: Sequence[bytes]
    finish: Sequence[bytes]
    error: Callable[[Mapping[str, Any]], bytes]
    call: Callable[[str], Answer]


def chat_call(arguments: str) -> Answer:
    function = {"name": "record", "arguments": arguments}
    fragment = fake_provider.delta(tool_calls=[{"index": 0, "id": "a", "function": function}])
    return Answer([fragment, fake_provider.delta("tool_calls"), fake_provider.DONE])


def messages_call(arguments: str) -> Answer:
    return fake_messages.whole(fake_messages.call(0, "a", "record", arguments), reason="tool_use")


CHAT = Wire(
    OpenAIModel,
    fake_provider.says,
    [fake_provider.START, fake_provider.delta(content="hel")],
    [fake_provider.FINISH, fake_provider.DONE],
    lambda error: fake_provider.event({"error": error}),
    chat_call,
)
MESSAGES = Wire(
    AnthropicModel,
    fake_messages.says,
    [fake_messages.start(), *fake_messages.text(0, "hel")[:-1]],
    fake_messages.end("end_turn"),
    lambda error: fake_messages.named("error", error=error),
    messages_call,
)
WIRES = {
    "openai": CHAT,
    "anthropic": MESSAGES,
    "deepseek": replace(CHAT, model=DeepseekModel),
    "nvidia": replace(CHAT, model=NvidiaModel),
}
on_every_wire = pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
on_both_wires = pytest.mark.parametrize("wire", [CHAT, MESSAGES], ids=["chat", "messages"])

PASSING: Mapping[str, tuple[str, Callable[[Wire], Answer]]] = {
    "429 and when to come back": ("rate_limited", lambda _: refuses(429, {"error": "later"}, retry_after="0")),
    "429 in milliseconds": ("rate_limited", lambda _: refuses(429, {"error": "later"}, retry_after_ms="20")),
    "429 and no more": ("rate_limited", lambda _: refuses(429, "later")),
    "500": ("server_error", lambda _: refuses(500, {"error": {"message": "oops"}})),
    "502 in HTML": ("server_error", lambda _: refuses(502, "<html>bad gateway</html>")),
    "503": ("overloaded", lambda _: refuses(503, {"error": {"message": "busy"}})),
    "529": ("overloaded", lambda _: refuses(529, {"error": {"type": "overloaded_error", "message": "busy"}})),
    "408": ("timeout", lambda _: refuses(408, "slow")),
    "reset before an answer": ("connection", lambda _: GONE),
    "cut in a piece": ("connection", lambda wire: Answer([*wire.begin, wire.begin[-1][:20]], end="cut")),
    "cut behind the finish": ("connection", lambda wire: Answer([*wire.begin, *wire.finish[:1]], end="cut")),
    "clean end without a finish": ("stream_incomplete", lambda wire: Answer(wire.begin)),
    "a page of HTML with 200": ("bad_body", lambda _: refuses(200, "<html>log in</html>")),
    "nothing with 200": ("bad_body", lambda _: Answer([])),
    "an event that is not JSON": ("bad_body", lambda wire: Answer([*wire.begin, b"data: {oops\n\n", *wire.finish])),
    "an overload with 200": (
        "overloaded",
        lambda wire: Answer([*wire.begin, wire.error({"type": "overloaded_error", "code": "server_is_overloaded"})]),
    ),
    "an error without a name with 200": ("server_error", lambda wire: Answer([wire.error({"message": "oops"})])),
    "nothing for too long": ("timeout", lambda wire: Answer(wire.begin, end="stalls")),
    "nothing but pings": ("timeout", lambda wire: Answer(wire.begin, end="pings")),
}
"""What may pass: its kind, and how it looks."""

LASTING: Mapping[str, tuple[str, Answer]] = {
    "400": ("bad_request", refuses(400, {"error": {"message": "no"}})),
    "401": ("auth", refuses(401, {"error": {"message": "no"}})),
    "403": ("auth", refuses(403, {"error": {"message": "no"}})),
    "404": ("not_found", refuses(404, {"error": {"message": "no"}})),
    "a prompt that is too long": ("context_length", refuses(400, {"error": {"message": "prompt is too long: 9 > 8"}})),
    "no money": ("rate_limited", refuses(429, {"error": {"code": "insufficient_quota", "message": "pay"}})),
}
"""What does not pass."""

PAUSE = refuses(429, {"error": {"message": "later"}}, retry_after="300")
FINAL = {**LASTING, "a pause of five minutes": ("rate_limited", PAUSE)}


@dataclass
class Told:
    """A run, as its events tell it."""

    events: list[StreamEvent]

    @property
    def end(self) -> StreamEvent:
        return self.events[-1]

    @property
    def retries(self) -> list[Mapping[str, Any]]:
        return [event.data for event in self.events if event.name == RUN_RETRYING]

    @property
    def messages(self) -> list[str]:
        items = [event.data for event in self.events if event.type == EventType.STEP_COMPLETED]
        return [item["text"] for item in items if item["kind"] == "agentMessage"]


async def run(model: Model, tools: Sequence[RecordingTool] = ()) -> Told:
    agent = Agent("agent", "Does as told.", model, tools)
    try:
        return Told([event async for event in agent.run_stream("go")])
    finally:
        await agent.close()


def model_at(wire: Wire, provider: FakeProvider, **options: Any) -> Model:
    given: dict[str, Any] = {"api_key": "k", "base_url": provider.base_url, "timeouts": PATIENT, **options}
    return wire.model("some-model", **given)


@on_every_wire
@pytest.mark.parametrize("fault", PASSING)
async def test_what_may_pass_is_tried_again_and_no_piece_of_it_is_kept(wire: Wire, fault: str) -> None:
    kind, answer = PASSING[fault]
    timeouts = STALLED if answer(wire).end in ("stalls", "pings") else PATIENT
    async with FakeProvider(answer(wire), answer(wire), wire.says("the whole ", "answer")) as provider:
        told = await run(model_at(wire, provider, timeouts=timeouts))

    assert (told.end.type, told.end.data["response"]) == (EventType.RUN_COMPLETED, ANSWER)
    assert told.messages == [ANSWER]
    assert [retry["kind"] for retry in told.retries] == [kind, kind]
    assert [retry["attempt"] for retry in told.retries] == [2, 3]
    assert len(provider.requests) == 3


@on_both_wires
@pytest.mark.parametrize("fault", LASTING)
async def test_what_does_not_pass_ends_the_run_with_the_first_request(wire: Wire, fault: str) -> None:
    kind, answer = LASTING[fault]
    async with FakeProvider(answer) as provider:
        told = await run(model_at(wire, provider))

    assert (told.end.type, told.end.data["error"]["kind"]) == (EventType.RUN_FAILED, kind)
    assert (told.retries, len(provider.requests)) == ([], 1)


@on_both_wires
async def test_a_provider_that_asks_for_a_long_pause_has_the_run_sleep(wire: Wire) -> None:
    async with FakeProvider(PAUSE) as provider:
        agent = Agent("agent", "Does as told.", model_at(wire, provider))
        handle = await agent.start("go")
        sleeping = await anext(event async for event in handle.stream() if event.name == RUN_SLEEPING)
        await agent.close()

    assert (sleeping.data["seconds"], len(provider.requests)) == (300, 1)


@on_both_wires
async def test_a_fault_that_does_not_pass_is_tried_as_often_as_retries_allow(wire: Wire) -> None:
    async with FakeProvider(refuses(500, "oops")) as provider:
        told = await run(model_at(wire, provider, retries=2))

    assert told.end.type == EventType.RUN_FAILED
    assert (len(told.retries), len(provider.requests)) == (2, 3)


@on_both_wires
async def test_a_call_that_was_truncated_is_never_run(wire: Wire) -> None:
    tool = RecordingTool()
    async with FakeProvider(wire.call('{"path": "/et'), wire.says(ANSWER)) as provider:
        told = await run(model_at(wire, provider), [tool])

    assert (told.end.data["response"], tool.calls, len(provider.requests)) == (ANSWER, [], 2)
    assert "/et" not in str(next(m for m in provider.requests[1].body["messages"] if m["role"] == "assistant"))


@on_both_wires
async def test_a_field_that_is_refused_is_left_out_from_then_on(wire: Wire) -> None:
    said = {"error": {"code": "unsupported_value", "param": "temperature", "message": "'temperature' is unsupported"}}
    async with FakeProvider(refuses(400, said), wire.says(ANSWER)) as provider:
        model = model_at(wire, provider, temperature=0.5)
        assert (await run(model)).end.data["response"] == ANSWER
        await run(model)

    assert ["temperature" in request.body for request in provider.requests] == [True, False, False]


@on_both_wires
async def test_a_value_out_of_range_is_no_refused_field(wire: Wire) -> None:
    said = {"error": {"param": "temperature", "message": "temperature: must be at most 1"}}
    async with FakeProvider(refuses(400, said)) as provider:
        assert (await run(model_at(wire, provider, temperature=1.5))).end.type == EventType.RUN_FAILED

    assert len(provider.requests) == 1


# Other models stand in.


@on_both_wires
@pytest.mark.parametrize("fault", FINAL)
async def test_another_model_is_asked_at_once_when_waiting_does_not_help(wire: Wire, fault: str) -> None:
    async with FakeProvider(FINAL[fault][1]) as first, FakeProvider(MESSAGES.says(ANSWER)) as second:
        backup = model_at(MESSAGES, second, name="backup")
        told = await run(model_at(wire, first, fallback=[backup]))

    assert (told.end.data["response"], told.messages) == (ANSWER, [ANSWER])
    (retry,) = told.retries
    assert (retry["attempt"], retry["delay"]) == (2, 0)
    assert retry["reason"].endswith("; backup is asked instead")
    assert (len(first.requests), len(second.requests)) == (1, 1)


@on_both_wires
async def test_a_partial_answer_is_never_finished_by_another_model(wire: Wire) -> None:
    cut = Answer([*wire.begin, wire.begin[-1]], end="cut")
    async with FakeProvider(cut) as first, FakeProvider(CHAT.says(ANSWER)) as second:
        backup = model_at(CHAT, second)
        told = await run(model_at(wire, first, retries=1, fallback=[backup]))

    assert told.messages == [ANSWER]
    assert [retry["attempt"] for retry in told.retries] == [2, 3]
    assert (len(first.requests), len(second.requests)) == (2, 1)


async def test_a_model_without_a_key_is_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    async with FakeProvider(CHAT.says(ANSWER)) as provider:
        told = await run(AnthropicModel("m", fallback=[model_at(CHAT, provider)]))

    assert told.end.data["response"] == ANSWER
    assert [retry["attempt"] for retry in told.retries] == [1]
    assert len(provider.requests) == 1


# Mixtures.


@on_both_wires
@pytest.mark.parametrize("seed", range(5))
async def test_any_three_faults_in_a_row_are_survived(wire: Wire, seed: int) -> None:
    await survive(wire, random.Random(seed))


@pytest.mark.soak
@on_both_wires
async def test_many_mixtures_of_faults_are_survived(wire: Wire) -> None:
    for seed in range(300):
        await survive(wire, random.Random(seed))


async def survive(wire: Wire, chance: random.Random) -> None:
    faults = chance.choices(list(PASSING), k=chance.randint(0, 3))
    answers = [PASSING[fault][1](wire) for fault in faults]
    async with FakeProvider(*answers, wire.says(*ANSWER)) as provider:
        told = await run(model_at(wire, provider))

    assert told.messages == [ANSWER], faults
    assert len(provider.requests) == 1 + len(told.retries) == 1 + len(faults)
