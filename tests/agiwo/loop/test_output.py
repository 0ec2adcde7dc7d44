"""A last answer that is to have a form: read, asked for again, given up; with everything else that a run may meet."""

import asyncio
from typing import Any

import pytest
from agent_lab import agent_in, ask, calls, check_conversation, items_of, requests_of, tools_offered
from agiwo.agent import Agent
from agiwo.errors import Conflict
from agiwo.schema.event import ITEM_DELTA, OUTPUT_REJECTED
from agiwo.schema.run import RunStatus, TerminationReason
from agiwo.testing import RecordingTool
from engine_lab import Lab
from pydantic import BaseModel, field_validator

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["name", "population"],
}
PARIS = '{"name": "Paris", "population": 2100000}'
RIGHT: dict[str, Any] = {"text": PARIS, "deltas": 4}
WRONG: dict[str, Any] = {"text": '{"name": "Paris", "population": "many"}'}
WORDS: dict[str, Any] = {"text": "Paris is a big city."}
VALUE = {"name": "Paris", "population": 2100000}


async def start(lab: Lab, agent: Agent, output_type: Any = SCHEMA, *, session: str | None = None) -> str:
    """Start a run whose last answer is to be of that type."""
    output = agent.program.output_types.of(output_type)
    plan = agent.spec("go", output=output).plan
    return await lab.submit(agent.id, "go", session=session, plan=plan, timeout=agent.options.run_timeout)


def said_to(agent: Agent, request: int) -> list[tuple[str, Any]]:
    """What the model was sent, without what its system prompt says."""
    messages = requests_of(agent)[request]
    return [(each["role"], each["content"]) for each in messages if each["role"] != "system"]


async def rejections(lab: Lab, run: str) -> list[str]:
    return [event.data["message"] for event in await lab.events(run) if event.type == OUTPUT_REJECTED]


async def test_an_answer_that_fits_is_the_output_and_its_text_is_kept(lab: Lab) -> None:
    result = await lab.result(await start(lab, agent_in(lab, RIGHT)))
    assert (result.status, result.termination) == (RunStatus.COMPLETED, TerminationReason.COMPLETED)
    assert (result.output, result.response) == (VALUE, PARIS)


@pytest.mark.parametrize("text", [f"```json\n{PARIS}\n```", f"Here it is: {PARIS} I hope it helps.", f"\n {PARIS}\n"])
async def test_an_answer_may_stand_in_a_fence_or_between_words(lab: Lab, text: str) -> None:
    assert (await lab.result(await start(lab, agent_in(lab, {"text": text})))).output == VALUE


async def test_a_model_without_a_way_of_its_own_is_told_the_schema(lab: Lab) -> None:
    agent = agent_in(lab, RIGHT)
    await lab.result(await start(lab, agent))
    system = requests_of(agent)[0][0]
    assert system["role"] == "system"
    assert '"required":["name","population"]' in system["content"]


async def test_an_answer_that_does_not_fit_is_asked_for_again_with_path_expected_and_got(lab: Lab) -> None:
    agent = agent_in(lab, WORDS, WRONG, RIGHT)
    run = await start(lab, agent)
    assert (await lab.result(run)).output == VALUE
    assert said_to(agent, 2)[2][1].startswith("The answer cannot be read: it is not valid JSON")
    assert said_to(agent, 2)[4][1] == (
        'The answer does not fit:\n- population: expected integer, and got string "many"\n'
        "Give the whole answer again, corrected, in the form that was asked for."
    )
    assert len(await rejections(lab, run)) == 2


async def test_after_two_corrections_the_run_fails_and_says_what_was_wrong_and_keeps_the_text(lab: Lab) -> None:
    agent = agent_in(lab, WRONG, WRONG, WRONG, RIGHT)
    result = await lab.result(await start(lab, agent))
    assert (result.status, result.termination) == (RunStatus.FAILED, TerminationReason.ERROR_WITH_CONTEXT)
    assert result.error == {
        "kind": "output_invalid",
        "message": 'The answer does not fit:\n- population: expected integer, and got string "many"\n'
        "The model is not asked again: it was asked for again 2 times.",
        "retryable": False,
    }
    assert (result.response, result.output) == (WRONG["text"], None)
    assert len(requests_of(agent)) == 3


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"text": ""}, "The answer cannot be read: it is empty."),
        ({"text": "   \n"}, "The answer cannot be read: it is empty."),
        ({"text": '{"name": "Par', "finishReason": "length"}, "it was cut off at the limit of its tokens"),
        ({"text": "[" * 2000}, "The answer cannot be read: "),
        ({"text": '{"a":' * 150 + "1" + "}" * 150}, "it is JSON that cannot be kept"),
        ({"text": '{"name": "x", "population": 18446744073709551617}'}, "it is JSON that cannot be kept"),
        ({"text": '{"name": "\\ud800", "population": 1}'}, "it is not valid JSON"),
        ({"text": '{"name": "x", "population": NaN}'}, "it is not valid JSON"),
        ({"text": "[1, 2]"}, "expected object, and got array [1,2]"),
        ({"text": "{}"}, "- name: is missing; expected string\n- population: is missing; expected integer"),
    ],
)
async def test_what_cannot_be_an_answer_is_told_in_a_few_words(lab: Lab, turn: dict[str, Any], said: str) -> None:
    agent = agent_in(lab, turn, RIGHT)
    run = await start(lab, agent)
    assert (await lab.result(run)).output == VALUE
    assert said in (await rejections(lab, run))[0]


@pytest.mark.parametrize("text", ["I cannot help with that.", ""])
async def test_a_model_that_refuses_is_not_asked_again_and_the_run_tells_what_it_said(lab: Lab, text: str) -> None:
    agent = agent_in(lab, {"text": text, "finishReason": "content_filter"}, RIGHT)
    run = await start(lab, agent)
    result = await lab.result(run)
    assert (result.status, result.termination) == (RunStatus.FAILED, TerminationReason.ERROR_WITH_CONTEXT)
    assert result.error
    assert result.error["kind"] == "output_invalid"
    assert "the model refused, or its provider stopped it" in result.error["message"]
    assert text in result.error["message"]
    assert (result.response or "", result.output, len(requests_of(agent))) == (text, None, 1)


async def test_an_answer_that_fits_is_one_whatever_its_provider_says_of_it(lab: Lab) -> None:
    agent = agent_in(lab, {**RIGHT, "finishReason": "content_filter"})
    assert (await lab.result(await start(lab, agent))).output == VALUE


async def test_tools_may_be_called_first_and_between_two_answers(lab: Lab) -> None:
    tool = RecordingTool(effect="read")
    agent = agent_in(lab, calls("record"), WRONG, {**WORDS, **calls("record")}, RIGHT, tools=[tool])
    result = await lab.result(await start(lab, agent))
    assert (result.output, result.counts["toolCalls"], result.counts["steps"]) == (VALUE, 2, 4)


# Ways


def call_of(name: str, text: str) -> dict[str, Any]:
    return {"toolCalls": [{"name": name, "arguments": text}]}


async def test_a_model_that_is_brought_to_it_by_a_tool_gives_its_answer_there(lab: Lab) -> None:
    tool = RecordingTool(effect="read")
    agent = agent_in(lab, calls("record"), call_of("final_answer", PARIS), tools=[tool])
    agent.model.structured = "tool"
    run = await start(lab, agent)
    result = await lab.result(run)
    assert (result.output, result.response, result.counts["toolCalls"]) == (VALUE, PARIS, 1)
    assert tools_offered(agent) == [("record", "final_answer")] * 2
    kinds = [event.data["kind"] for event in await lab.events(run) if event.type == "item/completed"]
    assert kinds == ["userMessage", "toolCall", "agentMessage"]
    assert [e.data["text"] for e in await lab.events(run) if e.type == ITEM_DELTA and e.data["kind"] == "text"] == [
        PARIS
    ]


async def test_what_the_tool_for_the_answer_was_given_is_corrected_like_any_answer(lab: Lab) -> None:
    agent = agent_in(lab, call_of("final_answer", '{"name": 1'), call_of("final_answer", PARIS))
    agent.model.structured = "tool"
    assert (await lab.result(await start(lab, agent))).output == VALUE
    assert [role for role, _ in said_to(agent, 1)] == ["user", "assistant", "user"]


async def test_an_answer_beside_other_calls_waits_for_what_they_give(lab: Lab) -> None:
    both = {"toolCalls": [*call_of("final_answer", PARIS)["toolCalls"], *calls("record")["toolCalls"]]}
    agent = agent_in(lab, both, RIGHT, tools=[RecordingTool(effect="read")])
    agent.model.structured = "tool"
    result = await lab.result(await start(lab, agent))
    assert (result.output, result.counts["steps"]) == (VALUE, 2)


async def test_a_tool_of_the_agents_own_may_have_the_name_of_the_one_for_the_answer(lab: Lab) -> None:
    own = RecordingTool("final_answer", effect="read")
    agent = agent_in(lab, calls("final_answer"), call_of("final_answer_", PARIS), tools=[own])
    agent.model.structured = "tool"
    assert (await lab.result(await start(lab, agent))).output == VALUE
    assert len(own.calls) == 1


# Limits


async def test_an_answer_is_not_asked_for_again_beyond_the_limit_of_steps(lab: Lab) -> None:
    agent = agent_in(lab, WRONG, WRONG, RIGHT, max_steps=2)
    result = await lab.result(await start(lab, agent))
    assert result.error
    assert result.error["kind"] == "output_invalid"
    assert result.error["message"].endswith("asked again: the limit of model calls for this run is reached.")
    assert len(requests_of(agent)) == 2


async def test_an_answer_is_not_asked_for_again_beyond_the_limit_of_tokens(lab: Lab) -> None:
    agent = agent_in(lab, {**WRONG, "usage": {"outputTokens": 60}}, RIGHT, max_output_tokens=50)
    result = await lab.result(await start(lab, agent))
    assert result.error
    assert result.error["message"].endswith("asked again: the limit of output tokens for this run is reached.")


async def test_an_answer_that_fits_in_the_last_step_is_the_output(lab: Lab) -> None:
    result = await lab.result(await start(lab, agent_in(lab, WRONG, RIGHT, max_steps=2)))
    assert (result.output, result.termination) == (VALUE, TerminationReason.COMPLETED)


async def test_a_run_that_must_stop_gives_its_last_words_in_the_form(lab: Lab) -> None:
    agent = agent_in(lab, calls("record"), RIGHT, tools=[RecordingTool(effect="read")], max_steps=1)
    result = await lab.result(await start(lab, agent))
    assert (result.output, result.termination) == (VALUE, TerminationReason.MAX_STEPS)
    assert requests_of(agent)[-1][-1]["content"].endswith("Give that last answer in the form that was asked for.")


async def test_last_words_without_the_form_leave_a_run_without_output(lab: Lab) -> None:
    agent = agent_in(lab, calls("record"), WORDS, tools=[RecordingTool(effect="read")], max_steps=1)
    result = await lab.result(await start(lab, agent))
    assert (result.status, result.termination) == (RunStatus.COMPLETED, TerminationReason.MAX_STEPS)
    assert (result.output, result.response) == (None, WORDS["text"])


async def test_a_run_out_of_time_gives_its_last_words_in_the_form(lab: Lab) -> None:
    agent = agent_in(lab, {"text": '{"name"', "hang": True}, RIGHT, run_timeout=60)
    run = await start(lab, agent)
    await lab.advance(60)
    result = await lab.result(run)
    assert (result.output, result.termination) == (VALUE, TerminationReason.TIMEOUT)


# Steering, cancel, crash


async def test_what_is_said_while_an_answer_is_corrected_is_heard(lab: Lab) -> None:
    lab.is_replayable = False  # what is heard when depends on when it was said
    agent = agent_in(lab, WRONG, {**RIGHT, "delayMs": 5}, RIGHT)
    run = await start(lab, agent)
    async for event in await lab.engine.events(run):
        if event.type == OUTPUT_REJECTED:
            break
    await lab.send(run, "steer", {"content": "Hurry."}, "m1")
    assert (await lab.result(run)).output == VALUE
    assert ("user", "Hurry.") in said_to(agent, len(requests_of(agent)) - 1)
    with pytest.raises(Conflict):
        await lab.send(run, "steer", {"content": "Wait!"}, "m2")


async def test_what_is_said_during_an_answer_that_fits_gets_an_answer_of_its_own(lab: Lab) -> None:
    lab.is_replayable = False
    agent = agent_in(lab, {"text": PARIS, "deltas": 10}, {"text": PARIS.replace("Paris", "Rome")})
    run = await start(lab, agent)
    async for event in await lab.engine.events(run):
        if event.type == ITEM_DELTA:
            break
    await lab.send(run, "steer", {"content": "Rome, please."}, "m1")
    assert (await lab.result(run)).output["name"] == "Rome"


async def test_a_run_is_cancelled_while_its_answer_is_corrected(lab: Lab) -> None:
    lab.is_replayable = False  # a cancel that comes at its time may come before the second request
    agent = agent_in(lab, WRONG, {"text": '{"name"', "hang": True})
    run = await start(lab, agent)
    async for event in await lab.engine.events(run):
        if event.type == ITEM_DELTA and event.data["text"] == '{"name"':
            break
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


async def test_a_run_goes_on_correcting_after_a_crash(lab: Lab) -> None:
    lab.is_replayable = False  # the model hangs only before the crash
    agent = agent_in(lab, WRONG, {**RIGHT, "hang": True})
    run = await start(lab, agent)
    async for event in await lab.engine.events(run):
        if event.type == ITEM_DELTA and event.data["text"].startswith('{"name": "'):
            break
    turns: Any = agent.model
    turns.turns = (WRONG, RIGHT)
    await lab.restart()
    assert (await lab.result(run)).output == VALUE
    assert [key for _, key in lab.ran].count("0/output") == 1
    assert said_to(agent, -1)[-1][1].startswith("The answer does not fit")


# Sessions


@pytest.mark.parametrize("turns", [[WRONG, RIGHT], [WRONG, WRONG, WRONG], [calls("record"), WORDS, RIGHT]])
async def test_the_next_run_of_the_session_is_told_what_this_one_was_told(
    lab: Lab, turns: list[dict[str, Any]]
) -> None:
    agent = agent_in(lab, *turns, tools=[RecordingTool(effect="read")])
    await lab.result(await start(lab, agent, session="s"))
    after = agent_in(lab, WORDS, id="next")
    await lab.result(await ask(lab, after, "And now?", session="s"))
    check_conversation(requests_of(after)[0])
    last = said_to(agent, -1)
    assert said_to(after, 0) == [*last, ("assistant", turns[-1]["text"]), ("user", "And now?")]


@pytest.mark.parametrize("turns", [[], [WORDS]])
async def test_a_correction_may_give_way_to_a_summary_like_all_else(lab: Lab, turns: list[dict[str, Any]]) -> None:
    wordy, summary = {"text": "word " * 800}, {"text": "They spoke of words."}
    agent = agent_in(lab, *turns, wordy, summary, RIGHT, context_tokens=1200)
    run = await start(lab, agent, session="s")
    assert (await lab.result(run)).output == VALUE
    assert [item["replaced"] for item in await items_of(lab, run, "compaction")] == [2 + 2 * len(turns)]
    after = agent_in(lab, WORDS, id="next", context_tokens=100_000)
    await lab.result(await ask(lab, after, "And now?", session="s"))
    assert said_to(after, 0)[:-2] == said_to(agent, -1)


# Types


class City(BaseModel):
    name: str
    population: int

    @field_validator("name")
    @classmethod
    def _checked(cls, name: str) -> str:
        checked.append(name)
        if name == "Atlantis":
            raise ValueError("there is no such city")
        return name


checked: list[str] = []


async def test_a_users_own_check_is_told_to_the_model_and_not_run_again_by_a_replay(lab: Lab) -> None:
    checked.clear()
    agent = agent_in(lab, {"text": PARIS.replace("Paris", "Atlantis")}, RIGHT)
    run = await start(lab, agent, City)
    assert (await lab.result(run)).output == VALUE
    assert checked == ["Atlantis", "Paris"]
    said = "- name: Value error, there is no such city, and got 'Atlantis'"
    assert said in (await rejections(lab, run))[0]


async def test_a_check_that_breaks_fails_the_run(lab: Lab) -> None:
    class Broken(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def _checked(cls, name: str) -> str:
            raise KeyError(name)

    result = await lab.result(await start(lab, agent_in(lab, RIGHT), Broken))
    assert result.error
    assert (result.error["kind"], result.error["message"]) == ("internal", "KeyError: 'Paris'")


async def test_a_type_that_is_not_there_any_more_is_checked_by_its_schema(lab: Lab) -> None:
    agent = agent_in(lab, {**RIGHT, "hang": True})
    lab.is_replayable = False
    run = await start(lab, agent, City)
    await asyncio.sleep(0)
    lab.programs["agent"] = agent_in(lab, WRONG, RIGHT, id="other").program
    await lab.restart()
    assert (await lab.result(run)).output == VALUE
