"""What a model is told of earlier runs: all that was said, and never a conversation that a provider would refuse."""

import asyncio

import pytest
from agent_lab import agent_in, ask, calls, check_conversation, requests_of
from agiwo.loop.history import user_message
from agiwo.schema.record import Point, Session
from agiwo.testing import RecordingTool
from engine_lab import Lab

pytestmark = pytest.mark.anyio

DONE = {"text": "Done."}


async def next_conversation(lab: Lab) -> list[tuple[str, object]]:
    """What the session's next run is told."""
    agent = agent_in(lab, {"text": "I see."}, id="next")
    await lab.result(await ask(lab, agent, "And now?", session="s"))
    check_conversation(requests_of(agent)[0])
    return [(message["role"], message.get("content")) for message in requests_of(agent)[0]]


async def test_a_session_remembers_what_was_said_and_done(lab: Lab) -> None:
    agent = agent_in(lab, {"text": "Let me see.", **calls("record")}, DONE, tools=[RecordingTool(effect="read")])
    await lab.result(await ask(lab, agent, "Do it.", session="s"))
    assert await next_conversation(lab) == [
        ("user", "Do it."),
        ("assistant", "Let me see."),
        ("tool", "recorded"),
        ("assistant", "Done."),
        ("user", "And now?"),
    ]


async def test_calls_that_a_cancel_cut_off_have_a_result_that_says_so(lab: Lab) -> None:
    slow = RecordingTool("slow", gate=asyncio.Event(), effect="read", timeout_seconds=None)
    quick = RecordingTool("quick", effect="read")
    agent = agent_in(lab, calls("quick", "slow", "quick"), tools=[quick, slow])
    run = await ask(lab, agent, "Do it.", session="s")
    await lab.settle()
    await lab.cancel(run)
    cut = "The run was interrupted before this call gave a result."
    results = [content for role, content in await next_conversation(lab) if role == "tool"]
    assert results == ["recorded", cut, "recorded"]


async def test_half_an_answer_is_remembered_as_far_as_it_went(lab: Lab) -> None:
    agent = agent_in(lab, {"text": "Once upon", "hang": True})
    run = await ask(lab, agent, "Tell me.", session="s")
    await lab.settle()
    await lab.cancel(run)
    assert await next_conversation(lab) == [("user", "Tell me."), ("assistant", "Once upon"), ("user", "And now?")]


async def test_a_failed_run_is_remembered_with_what_it_said(lab: Lab) -> None:
    agent = agent_in(lab, {"text": "Once", "error": {"kind": "context_length", "message": "too long"}})
    await lab.result(await ask(lab, agent, "Tell me.", session="s"))
    assert await next_conversation(lab) == [("user", "Tell me."), ("assistant", "Once"), ("user", "And now?")]


async def test_a_run_that_failed_before_it_said_anything_is_remembered_by_its_question(lab: Lab) -> None:
    agent = agent_in(lab, {"error": {"kind": "auth", "message": "no"}})
    await lab.result(await ask(lab, agent, "Tell me.", session="s"))
    assert await next_conversation(lab) == [("user", "Tell me."), ("user", "And now?")]


async def test_arguments_that_were_no_json_are_not_in_the_history(lab: Lab) -> None:
    agent = agent_in(lab, calls(("record", '{"cut')), DONE, tools=[RecordingTool()])
    await lab.result(await ask(lab, agent, "Do it.", session="s"))
    await next_conversation(lab)


async def test_an_outcome_that_nobody_knows_is_remembered_as_unknown(lab: Lab) -> None:
    lab.is_replayable = False  # the gate never opens
    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool(gate=asyncio.Event())])
    run = await ask(lab, agent, "Do it.", session="s")
    await lab.settle()
    await lab.restart()
    await lab.result(run)
    results = [content for role, content in await next_conversation(lab) if role == "tool"]
    assert str(results[0]).startswith("Outcome unknown")


@pytest.mark.parametrize(
    ("seq", "remembered"),
    [
        (3, ["Do it."]),
        (4, ["Do it.", "Let me see.", "The run was interrupted before this call gave a result."]),
        (5, ["Do it.", "Let me see.", "recorded"]),
        (6, ["Do it.", "Let me see.", "recorded", "Done."]),
    ],
)
async def test_a_session_that_begins_inside_a_run_remembers_it_up_to_there(
    lab: Lab, seq: int, remembered: list[str]
) -> None:
    lab.is_replayable = False  # the session was made by hand
    agent = agent_in(lab, {"text": "Let me see.", **calls("record")}, DONE, tools=[RecordingTool(effect="read")])
    run = await ask(lab, agent, "Do it.", session="first")
    await lab.result(run)
    at = lab.clock.now()
    await lab.tape.journal.append(Session("s", "agent", at, at, head=Point(run, seq)))
    assert [content for _, content in await next_conversation(lab)] == [*remembered, "And now?"]


def test_parts_become_what_providers_take() -> None:
    assert user_message("text") == {"role": "user", "content": "text"}
    assert user_message([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])["content"] == "a\nb"
    parts = user_message([{"type": "image", "url": "https://lab/x.png"}, {"type": "file", "data": "aGk="}])["content"]
    assert parts == [
        {"type": "image_url", "image_url": {"url": "https://lab/x.png"}},
        {"type": "file", "file": {"file_data": "data:application/octet-stream;base64,aGk="}},
    ]
