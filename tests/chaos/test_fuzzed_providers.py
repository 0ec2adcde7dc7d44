"""Providers that say anything at all: each run ends, with an outcome that has a name, and nothing partial is kept."""

import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final, get_args

import fake_messages
import pytest
from agiwo.agent import Agent, AgentOptions
from agiwo.errors import ModelErrorKind
from agiwo.llm import AnthropicModel, DeepseekModel, Model, NvidiaModel, OpenAIModel, Timeouts
from agiwo.testing import RecordingTool
from agiwod.conformance.shapes import fault_of, fault_of_message
from daemon_lab import Caller, calling, running
from fake_provider import DONE, FINISH, START, Answer, FakeProvider, delta, event
from figures import Figures
from fuzz_answers import Wire, whole_answer, wrong_answer

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

WIRES: Final[Mapping[str, tuple[type[Model], Wire]]] = {
    "openai": (OpenAIModel, "chat"),
    "deepseek": (DeepseekModel, "chat"),
    "nvidia": (NvidiaModel, "chat"),
    "anthropic": (AnthropicModel, "messages"),
}
MIXES = 60
LONGEST = 60.0
"""Seconds that a run may take on a machine that is busy; what hangs in a request hangs for ever."""

PATIENT = Timeouts(connect=60, first_byte=60, idle=60, total=60)
QUICK = replace(PATIENT, idle=0.3)
KNOWN: Final = {*get_args(ModelErrorKind)} - {"script", "no_key"}


@pytest.fixture(autouse=True)
def no_pause_between_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agiwo.llm.retry._BACKOFF", (0.001, 0.002))


@dataclass
class Stage:
    """A daemon with one agent, whose provider gives `answers`; the last one again and again."""

    caller: Caller
    answers: Sequence[Answer] = ()
    hits: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    slowest: float = 0

    async def run(self, *answers: Answer) -> Mapping[str, Any]:
        """The run that such answers lead to, after all has been checked that holds for any."""
        self.answers, self.hits, began = answers, 0, time.monotonic()
        run = await self.caller.start("agent")
        await self.caller.read(run)
        self.slowest = max(self.slowest, time.monotonic() - began)
        told = await self.caller.call("run/get", runId=run)
        events = (await self.caller.call("run/events", runId=run, limit=1000))["events"]
        await self.caller.call("session/history", sessionId=told["sessionId"])
        assert fault_of("Run", told) is None, fault_of("Run", told)
        for each in self.caller.told:
            fault = fault_of_message({"jsonrpc": "2.0", "method": each.method, "params": each.params}, None)
            assert fault is None, fault
        self.caller.told.clear()
        outcome = told["error"]["kind"] if told["status"] == "failed" else told["status"]
        assert outcome in {*KNOWN, "completed"}, told
        assert events[-1]["data"]["counts"]["requests"] == self.hits
        self.outcomes[outcome] += 1
        return {**told, "events": events}


@asynccontextmanager
async def stage_of(wire: str, timeouts: Timeouts = PATIENT) -> AsyncGenerator[Stage]:
    stage: Stage

    def choose(_: object) -> Answer:
        stage.hits += 1
        return stage.answers[min(stage.hits, len(stage.answers)) - 1]

    async with FakeProvider(choose=choose) as provider:
        options: dict[str, Any] = {"api_key": "k", "base_url": provider.base_url, "timeouts": timeouts, "retries": 2}
        model = WIRES[wire][0]("some-model", **options)
        agent = Agent("agent", "Does as told.", model, [RecordingTool()], options=AgentOptions(max_steps=3))
        async with running(agent) as daemon, calling(daemon) as caller:
            stage = Stage(caller)
            yield stage


@pytest.mark.parametrize("wire", WIRES)
async def test_any_mixture_of_wrong_answers_ends_in_an_outcome_with_a_name(
    wire: str, caplog: pytest.LogCaptureFixture, figures: Figures
) -> None:
    async with stage_of(wire, QUICK) as stage:
        for number in range(MIXES):
            random = Random(f"{wire} {number}")
            answers = [wrong_answer(random, WIRES[wire][1]) for _ in range(random.randint(1, 3))]
            # The provider recovers: else its account is closed for a while, as it should be, and the next run waits.
            run = await stage.run(*answers, whole_answer(WIRES[wire][1]))
            assert all(each["type"] != "run/retrying" or each["data"]["kind"] in KNOWN for each in run["events"])
    figures(f"runs over {wire} with an outcome", stage.outcomes.total(), at_least=MIXES)
    figures("longest of them", stage.slowest, "s", at_most=LONGEST)
    figures("faults in the log", sum(each.levelno >= logging.ERROR for each in caplog.records), at_most=0)


def one_call(**call: Any) -> Answer:
    return Answer([delta(tool_calls=[call]), delta("tool_calls"), DONE])


def chat_usage(**tokens: Any) -> Answer:
    return Answer([START, delta(content="x"), FINISH, event({"choices": [], "usage": tokens}), DONE])


def stopping(reason: Any) -> Answer:
    end = [fake_messages.named("message_delta", delta={"stop_reason": reason}), fake_messages.named("message_stop")]
    return Answer([fake_messages.start(), *fake_messages.text(0, "x"), *end])


RECORD: Final = {"name": "record", "arguments": "{}"}
DEEP: Final = "[" * 300 + "]" * 300
NONSENSE: Final[Mapping[str, tuple[str, Answer, list[str]]]] = {
    "more tokens than there are": ("openai", chat_usage(prompt_tokens=1e300, completion_tokens=2**63), []),
    "less than no tokens": ("openai", chat_usage(prompt_tokens=-5, completion_tokens="12"), []),
    "tokens that are no number": ("openai", chat_usage(prompt_tokens="nan"), ["bad_body"]),
    "a list as the place of a call": ("openai", one_call(index=[], id="a", function=RECORD), ["bad_body"]),
    "an object as the place of a call": ("openai", one_call(index={}, id="a", function=RECORD), ["bad_body"]),
    "a place below the first": ("openai", one_call(index=-1, id="a", function=RECORD), []),
    "an object as the id of a call": ("openai", one_call(index=0, id={"a": 1}, function=RECORD), []),
    "a call without a name": ("openai", one_call(index=0, id="a", function={"arguments": "{}"}), []),
    "arguments that are an object, and deep": (
        "openai",
        Answer(
            [delta(tool_calls=[{"index": 0, "function": {"arguments": 0}}]).replace(b"0}}]", f"{DEEP}}}}}]".encode())]
        ),
        ["bad_body"],
    ),
    "arguments that nothing can write again": (
        "anthropic",
        fake_messages.whole(fake_messages.call(0, "a", "record", f'{{"a":{DEEP}}}'), reason="tool_use"),
        [],
    ),
    "a number as the reason to stop": ("anthropic", stopping(5), ["bad_body"]),
    "a truth as the reason to stop": ("anthropic", stopping(True), ["bad_body"]),
    "a reason that nobody knows": ("anthropic", stopping("weather"), []),
    "a number as a signature": (
        "anthropic",
        fake_messages.whole(fake_messages.block(0, "thinking", thinking="", signature=5)),
        ["bad_body"],
    ),
    "a byte order mark": ("openai", Answer([b"\xef\xbb\xbf" + delta(content="x"), FINISH, DONE]), []),
}
"""What is wrong: on which wire, the answer, and the requests that follow for it."""


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_nonsense_in_one_field_is_survived(nonsense: str) -> None:
    wire, answer, retries = NONSENSE[nonsense]
    async with stage_of(wire) as stage:
        run = await stage.run(answer, whole_answer(WIRES[wire][1]))
    assert run["status"] == "completed"
    assert run["response"] in ("fine", "x")
    assert [each["data"]["kind"] for each in run["events"] if each["type"] == "run/retrying"] == retries


@pytest.mark.parametrize("wire", WIRES)
async def test_nothing_of_an_answer_that_was_cut_is_kept(wire: str) -> None:
    whole = whole_answer(WIRES[wire][1])
    async with stage_of(wire) as stage:
        for length in range(len(whole.pieces) - (wire == "anthropic")):
            is_over = wire != "anthropic" and length > len(whole.pieces) - 3
            cut = Answer(whole.pieces[:length], end="clean")
            run = await stage.run(cut, whole)
            said = [each["data"]["text"] for each in run["events"] if each["data"].get("kind") == "agentMessage"]
            assert (said, stage.hits) == (["fine"], 1 if is_over else 2)


async def test_a_provider_that_never_says_anything_whole_is_asked_as_often_as_retries_allow() -> None:
    async with stage_of("openai") as stage:
        run = await stage.run(Answer([START, delta(content="hel")]))
    assert (run["status"], run["error"]["kind"], stage.hits) == ("failed", "stream_incomplete", 3)
    said = [each["data"] for each in run["events"] if each["data"].get("kind") == "agentMessage"]
    assert [each["finishReason"] for each in said] == ["error"]
    assert "response" not in run
