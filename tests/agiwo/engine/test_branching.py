"""Fork and rewind: conversations that part at a point, and cost a pointer each."""

from typing import Any

import pytest
from agent_lab import agent_in, ask, calls, requests_of
from agiwo.errors import Conflict, CursorExpired, NotFound
from agiwo.loop.history import CUT_OFF
from agiwo.schema.record import Point
from agiwo.schema.run import RunStatus
from agiwo.tool import tool
from engine_lab import Lab, hang

pytestmark = pytest.mark.anyio


async def _talk(lab: Lab, *said: str, session: str = "s") -> list[str]:
    """Runs of one session, each answered; their ids."""
    runs: list[str] = []
    for text in said:
        runs.append(await ask(lab, agent_in(lab, {"text": f"re: {text}"}, id=text), text, session=session))
        await lab.result(runs[-1])
    return runs


async def _next_request(lab: Lab, session: str, text: str = "and now?") -> list[Any]:
    """What the model is sent when the session goes on."""
    agent = agent_in(lab, {"text": "on"}, id="next")
    await lab.result(await ask(lab, agent, text, session=session))
    return [(message["role"], message["content"]) for message in requests_of(agent)[0]]


async def test_a_fork_remembers_what_was_said_up_to_its_point_and_its_source_goes_on_untouched(lab: Lab) -> None:
    first, _ = await _talk(lab, "one", "two")
    fork = await lab.engine.branching.fork("s", first)
    assert fork.forked_from == Point(first)
    assert await _next_request(lab, fork.id) == [
        ("user", "one"),
        ("assistant", "re: one"),
        ("user", "and now?"),
    ]
    assert [said for _, said in await _next_request(lab, "s")] == ["one", "re: one", "two", "re: two", "and now?"]


async def test_a_fork_of_a_fork_reaches_back_to_the_first_session(lab: Lab) -> None:
    first, second = await _talk(lab, "one", "two")
    fork = await lab.engine.branching.fork("s", second, new="f")
    (third,) = await _talk(lab, "three", session=fork.id)
    for at, expected in (
        (first, ["one", "re: one"]),
        (third, ["one", "re: one", "two", "re: two", "three", "re: three"]),
    ):
        deeper = await lab.engine.branching.fork("f", at)
        assert [said for _, said in await _next_request(lab, deeper.id)] == [*expected, "and now?"]


async def test_rewinding_lets_a_question_be_asked_again_and_keeps_what_lies_behind(lab: Lab) -> None:
    first, second = await _talk(lab, "one", "two")
    rewound = await lab.engine.branching.rewind("s", first)
    assert rewound.head == Point(first)
    assert [said for _, said in await _next_request(lab, "s", "two, better")] == ["one", "re: one", "two, better"]
    behind = await lab.engine.branching.fork("s", second)
    assert [said for _, said in await _next_request(lab, behind.id)] == ["one", "re: one", "two", "re: two", "and now?"]


async def test_seq_0_is_the_moment_before_a_run_so_that_the_first_question_can_be_edited_too(lab: Lab) -> None:
    first, second = await _talk(lab, "one", "two")
    await lab.engine.branching.rewind("s", second, 0)
    assert [said for _, said in await _next_request(lab, "s")] == ["one", "re: one", "and now?"]
    await lab.engine.branching.rewind("s", first, 0)
    assert [said for _, said in await _next_request(lab, "s")] == ["and now?"]


async def test_a_fork_in_the_middle_of_a_run_has_a_result_for_every_call(lab: Lab) -> None:
    @tool
    def look(at: str) -> str:
        """Look."""
        return f"saw {at}"

    turns = (calls(("look", {"at": "a"})), calls(("look", {"at": "b"})), {"text": "seen"})
    run = await ask(lab, agent_in(lab, *turns, tools=[look]), "look", session="s")
    await lab.result(run)
    for event in [each for each in await lab.events(run) if each.seq]:
        fork = await lab.engine.branching.fork("s", run, event.seq)
        roles = [role for role, _ in await _next_request(lab, fork.id)]
        assert roles[:1] == ["user"], event
        assert roles[-1] == "user"
    first_call = next(each for each in await lab.events(run) if each.data.get("kind") == "toolCall")
    fork = await lab.engine.branching.fork("s", run, first_call.seq)
    assert ("tool", "saw a") in await _next_request(lab, fork.id)


async def test_a_fork_right_behind_an_event_has_no_call_that_was_made_after_it(lab: Lab) -> None:
    @tool
    def look(at: str) -> str:
        """Look."""
        return f"saw {at}"

    turns = (calls(("look", {"at": "a"})), calls(("look", {"at": "b"})), {"text": "seen"})
    run = await ask(lab, agent_in(lab, *turns, tools=[look]), "look", session="s")
    await lab.result(run)
    asked, saw_a = [each for each in await lab.events(run) if each.type == "item/completed"][:2]

    fork = await lab.engine.branching.fork("s", run, asked.seq)
    assert await _next_request(lab, fork.id) == [("user", "look"), ("user", "and now?")]

    fork = await lab.engine.branching.fork("s", run, saw_a.seq)
    assert [role for role, _ in await _next_request(lab, fork.id)] == ["user", "assistant", "tool", "user"]


async def test_a_fork_behind_an_answer_has_its_words_and_a_result_for_its_call(lab: Lab) -> None:
    @tool
    def look() -> str:
        """Look."""
        return "seen"

    turns = ({"text": "I look."} | calls(("look", {})), {"text": "done"})
    run = await ask(lab, agent_in(lab, *turns, tools=[look]), "look", session="s")
    await lab.result(run)
    _, said, *_ = [each for each in await lab.events(run) if each.type == "item/completed"]

    fork = await lab.engine.branching.fork("s", run, said.seq)
    assert [content for _, content in await _next_request(lab, fork.id)][:3] == ["look", "I look.", CUT_OFF]


async def test_a_run_that_goes_can_be_forked_at_a_seq_only_and_keeps_its_session_from_being_rewound(lab: Lab) -> None:
    (first,) = await _talk(lab, "one")
    lab.program(lambda ctx: ctx.step("forever", "hang", None), hang=hang)
    going = await lab.submit(session="s")
    await lab.settle()
    with pytest.raises(Conflict, match="still going"):
        await lab.engine.branching.fork("s", going)
    fork = await lab.engine.branching.fork("s", going, 0)
    assert [said for _, said in await _next_request(lab, fork.id)] == ["one", "re: one", "and now?"]
    with pytest.raises(Conflict, match="going or waits"):
        await lab.engine.branching.rewind("s", first)
    assert (await lab.cancel(going)).status == RunStatus.CANCELLED
    assert (await lab.engine.branching.rewind("s", first)).head == Point(first)


async def test_what_was_rewound_stays_so_after_a_restart(lab: Lab) -> None:
    first, _ = await _talk(lab, "one", "two")
    await lab.engine.branching.rewind("s", first)
    await lab.restart()
    assert [said for _, said in await _next_request(lab, "s")] == ["one", "re: one", "and now?"]


async def test_points_that_are_not_there_are_refused_by_name(lab: Lab) -> None:
    (first,) = await _talk(lab, "one")
    (other,) = await _talk(lab, "elsewhere", session="t")
    branching = lab.engine.branching
    with pytest.raises(NotFound, match="no session 'nowhere'"):
        await branching.fork("nowhere", first)
    for run in ("nothing", other):
        with pytest.raises(NotFound, match="session s has had no such run"):
            await branching.fork("s", run)
    for seq in (-1, 1000):
        with pytest.raises(CursorExpired):
            await branching.rewind("s", first, seq)
    with pytest.raises(Conflict, match="'t' exists"):
        await branching.fork("s", first, new="t")
