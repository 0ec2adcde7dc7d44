"""The hooks that decide: what each changes, what an exception in it does, and that no replay calls one again."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from agent_lab import agent_in, ask, calls, items_of, requests_of
from agiwo.agent import AgentHooks, ContentPart, ContentType, ExecutionContext, MemoryRecord
from agiwo.schema.event import LOG
from agiwo.schema.run import RunStatus, TerminationReason
from agiwo.testing import RecordingTool
from engine_lab import Lab

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
PICTURE: list[Any] = [{"type": "text", "text": "Who?"}, {"type": "image", "url": "http://example.org/a.png"}]


def last_said(messages: Sequence[Mapping[str, Any]]) -> Any:
    return [message["content"] for message in messages if message["role"] == "user"][-1]


def tool_results(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    return [message["content"] for message in messages if message["role"] == "tool"]


# on_before_run


async def test_what_on_before_run_returns_takes_the_place_of_the_input(lab: Lab) -> None:
    async def shout(asked: Any, context: ExecutionContext) -> str:
        return f"{asked.upper()}, {context.agent_id} in {context.session_id}"

    agent = agent_in(lab, DONE, hooks=AgentHooks(on_before_run=shout))
    await lab.result(await ask(lab, agent, session="s"))
    assert last_said(requests_of(agent)[0]) == "GO, agent in s"


async def test_the_session_remembers_what_took_the_place_of_the_input(lab: Lab) -> None:
    async def shout(asked: Any, context: ExecutionContext) -> str | None:
        return asked.upper() if asked == "go" else None

    agent = agent_in(lab, DONE, hooks=AgentHooks(on_before_run=shout))
    await lab.result(await ask(lab, agent, session="s"))
    await lab.result(await ask(lab, agent, "on", session="s"))
    said = [message["content"] for message in requests_of(agent)[1] if message["role"] == "user"]
    assert said == ["GO", "on"]


async def test_what_on_before_run_returns_takes_the_place_of_a_picture_too(lab: Lab) -> None:
    async def describe(asked: Any, context: ExecutionContext) -> str:
        return f"{len(asked)} parts"

    agent = agent_in(lab, DONE, DONE, hooks=AgentHooks(on_before_run=describe))
    await lab.result(await ask(lab, agent, PICTURE, session="s"))
    assert last_said(requests_of(agent)[0]) == "2 parts"


async def test_on_before_run_is_given_the_parts_of_an_input_as_objects(lab: Lab) -> None:
    seen: list[Any] = []

    async def look(asked: Any, context: ExecutionContext) -> None:
        seen.append(asked)

    agent = agent_in(lab, DONE, hooks=AgentHooks(on_before_run=look))
    await lab.result(await ask(lab, agent, PICTURE))
    picture = ContentPart(ContentType.IMAGE, url="http://example.org/a.png")
    assert seen == [[ContentPart(ContentType.TEXT, "Who?"), picture]]


async def fail(*_: Any) -> Any:
    raise ValueError("no thanks")


async def nonsense(*_: Any) -> Any:
    return 17


@pytest.mark.parametrize("hook", ["on_before_run", "on_before_llm_call"])
async def test_a_run_fails_when_one_of_these_raises(lab: Lab, hook: str) -> None:
    agent = agent_in(lab, DONE, hooks=AgentHooks(**{hook: fail}))
    result = await lab.result(await ask(lab, agent))
    assert (result.status, result.termination) == (RunStatus.FAILED, TerminationReason.ERROR)
    assert result.error
    assert result.error["kind"] == "hook_failed"
    assert result.error["message"] == f"the hook {hook} raised ValueError: no thanks"
    assert requests_of(agent) == []


@pytest.mark.parametrize("hook", ["on_before_run", "on_before_llm_call"])
async def test_a_run_fails_when_one_of_these_returns_what_it_must_not(lab: Lab, hook: str) -> None:
    agent = agent_in(lab, DONE, hooks=AgentHooks(**{hook: nonsense}))
    result = await lab.result(await ask(lab, agent))
    assert result.error
    assert f"the hook {hook} returned int" in result.error["message"]


@pytest.mark.parametrize("messages", [[], [{"content": "hello"}], ["hello"]])
async def test_a_request_of_messages_that_are_none_is_not_made(lab: Lab, messages: Any) -> None:
    async def change(_: Any) -> Any:
        return messages

    agent = agent_in(lab, DONE, hooks=AgentHooks(on_before_llm_call=change))
    result = await lab.result(await ask(lab, agent))
    assert result.error
    assert result.error["message"] == "the hook on_before_llm_call returned messages without a role, or none at all"
    assert requests_of(agent) == []


def not_async(*_: Any) -> Any:
    return None


@pytest.mark.parametrize("hook", ["on_before_run", "on_before_llm_call"])
async def test_a_hook_that_is_not_async_is_told_to_be(lab: Lab, hook: str) -> None:
    agent = agent_in(lab, DONE, hooks=AgentHooks(**{hook: not_async}))
    result = await lab.result(await ask(lab, agent))
    assert result.error
    assert result.error["message"] == f"the hook {hook} raised TypeError: it must be an async function (async def)"


# on_memory_retrieve


def remembering(*memories: MemoryRecord) -> AgentHooks:
    async def retrieve(asked: Any, context: ExecutionContext) -> list[MemoryRecord]:
        return list(memories)

    return AgentHooks(on_memory_retrieve=retrieve)


async def test_the_model_is_told_relevant_memories_the_best_ones_first(lab: Lab) -> None:
    hooks = remembering(
        MemoryRecord("likes tea", 0.6),
        MemoryRecord("nobody rated this"),
        MemoryRecord("lives in Oslo", 0.9),
        MemoryRecord("irrelevant", 0.4),
        MemoryRecord("likes tea", 0.7),
    )
    agent = agent_in(lab, DONE, hooks=hooks)
    await lab.result(await ask(lab, agent))
    block = "<relevant_memories>\n- lives in Oslo\n- likes tea\n</relevant_memories>"
    assert last_said(requests_of(agent)[0]) == f"go\n\n{block}"


async def test_memories_of_what_the_conversation_says_already_are_left_out(lab: Lab) -> None:
    first = "The user lives in the city of Oslo."
    agent = agent_in(lab, DONE, hooks=remembering(MemoryRecord("the user lives in the city of oslo", 0.9)))
    await lab.result(await ask(lab, agent, first, session="s"))
    await lab.result(await ask(lab, agent, "Where?", session="s"))
    assert last_said(requests_of(agent)[0]).startswith(first)
    assert last_said(requests_of(agent)[1]) == "Where?"


async def test_memories_take_no_more_room_than_the_options_give_them(lab: Lab) -> None:
    hooks = remembering(MemoryRecord("a" * 40, 0.9), MemoryRecord("b" * 40, 0.8))
    agent = agent_in(lab, DONE, hooks=hooks, relevant_memory_max_token=10)
    await lab.result(await ask(lab, agent))
    assert "a" * 40 in last_said(requests_of(agent)[0])
    assert "b" not in last_said(requests_of(agent)[0])


async def test_memories_join_a_picture_as_a_part_of_their_own(lab: Lab) -> None:
    agent = agent_in(lab, DONE, hooks=remembering(MemoryRecord("likes tea", 0.9)))
    await lab.result(await ask(lab, agent, PICTURE))
    said = last_said(requests_of(agent)[0])
    assert [part["type"] for part in said] == ["text", "image_url", "text"]
    assert "likes tea" in said[2]["text"]


async def test_memories_are_looked_for_by_what_took_the_place_of_the_input(lab: Lab) -> None:
    asked_for: list[Any] = []

    async def shout(asked: Any, context: ExecutionContext) -> str:
        return asked.upper()

    async def retrieve(asked: Any, context: ExecutionContext) -> list[MemoryRecord]:
        asked_for.append(asked)
        return []

    agent = agent_in(lab, DONE, hooks=AgentHooks(on_before_run=shout, on_memory_retrieve=retrieve))
    await lab.result(await ask(lab, agent))
    assert asked_for == ["GO"]


@pytest.mark.parametrize("hook", [fail, nonsense])
async def test_a_run_goes_on_without_memories_when_they_cannot_be_had_and_says_so(lab: Lab, hook: Any) -> None:
    agent = agent_in(lab, DONE, hooks=AgentHooks(on_memory_retrieve=hook))
    run = await ask(lab, agent)
    assert (await lab.result(run)).response == "Done."
    assert last_said(requests_of(agent)[0]) == "go"
    told = [event.data for event in await lab.events(run) if event.type == LOG]
    assert [(each["level"], each["hook"]) for each in told] == [("error", "on_memory_retrieve")]


# on_before_llm_call


async def test_on_before_llm_call_changes_that_one_request(lab: Lab) -> None:
    seen: list[list[Any]] = []

    async def cut(messages: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
        seen.append(messages)
        return [{"role": "user", "content": "something else"}] if len(seen) == 1 else None

    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool()], hooks=AgentHooks(on_before_llm_call=cut))
    lab.is_replayable = False  # the hook counts its calls
    await lab.result(await ask(lab, agent))
    first, second = requests_of(agent)
    assert first == [{"role": "user", "content": "something else"}]
    assert [message["role"] for message in second] == ["user", "assistant", "tool"]
    assert last_said(second) == "go"


async def test_a_hook_that_changes_messages_in_place_changes_nothing_else(lab: Lab) -> None:
    async def scribble(messages: list[dict[str, Any]]) -> None:
        messages[0]["content"] = "scribbled"
        messages.clear()

    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool()], hooks=AgentHooks(on_before_llm_call=scribble))
    await lab.result(await ask(lab, agent))
    assert [last_said(messages) for messages in requests_of(agent)] == ["go", "go"]


# on_before_tool_call


async def test_what_on_before_tool_call_returns_is_what_the_tool_gets(lab: Lab) -> None:
    async def double(id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert (id, name) == ("call_0_0", "record")
        return {"n": 2 * arguments["n"]}

    tool = RecordingTool(effect="read")
    agent = agent_in(
        lab, calls(("record", {"n": 21})), DONE, tools=[tool], hooks=AgentHooks(on_before_tool_call=double)
    )
    run = await ask(lab, agent)
    await lab.result(run)
    assert tool.calls == [{"n": 42}]
    assert (await items_of(lab, run, "toolCall"))[0]["arguments"] == {"n": 42}


async def test_all_calls_of_an_answer_are_looked_at_before_the_first_one_runs(lab: Lab) -> None:
    order: list[str] = []

    async def look(id: str, name: str, arguments: dict[str, Any]) -> None:
        order.append(f"{name} {arguments['n']}, {len(tool.calls)} ran")

    tool = RecordingTool(effect="read")
    turn = calls(("record", {"n": 1}), ("record", {"n": 2}))
    agent = agent_in(lab, turn, DONE, tools=[tool], hooks=AgentHooks(on_before_tool_call=look))
    await lab.result(await ask(lab, agent))
    assert order == ["record 1, 0 ran", "record 2, 0 ran"]


@pytest.mark.parametrize("hook", [fail, nonsense])
async def test_a_call_whose_hook_goes_wrong_gives_an_error_and_does_not_run(lab: Lab, hook: Any) -> None:
    tool = RecordingTool(effect="read")
    agent = agent_in(lab, calls("record"), DONE, tools=[tool], hooks=AgentHooks(on_before_tool_call=hook))
    run = await ask(lab, agent, session="s")
    assert (await lab.result(run)).response == "Done."
    assert tool.calls == []
    (told,) = tool_results(requests_of(agent)[1])
    assert told.startswith("Error: the hook on_before_tool_call r")
    assert (await items_of(lab, run, "toolCall"))[0]["output"] == {"content": told, "isError": True}
    await lab.result(await ask(lab, agent, session="s"))
    assert tool_results(requests_of(agent)[2]) == [told]


async def test_arguments_that_cannot_be_read_are_not_shown_to_a_hook(lab: Lab) -> None:
    seen: list[Any] = []

    async def look(*call: Any) -> None:
        seen.append(call)

    agent = agent_in(
        lab, calls(("record", "{")), DONE, tools=[RecordingTool()], hooks=AgentHooks(on_before_tool_call=look)
    )
    await lab.result(await ask(lab, agent))
    assert seen == []
    assert tool_results(requests_of(agent)[1])[0].startswith("Error: ")


# Replay


async def test_after_a_crash_no_hook_is_called_again_for_what_is_recorded(lab: Lab) -> None:
    called: list[str] = []

    async def before_run(asked: Any, context: ExecutionContext) -> str:
        called.append("before_run")
        return "changed"

    async def retrieve(asked: Any, context: ExecutionContext) -> list[MemoryRecord]:
        called.append("memory")
        return [MemoryRecord("likes tea", 0.9)]

    async def before_tool(id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        called.append("before_tool")
        return {"n": 1}

    async def before_llm(messages: list[dict[str, Any]]) -> None:
        called.append("before_llm")

    hooks = AgentHooks(
        on_before_run=before_run,
        on_memory_retrieve=retrieve,
        on_before_tool_call=before_tool,
        on_before_llm_call=before_llm,
    )
    hanging: dict[str, Any] = {"text": "so far", "hang": True}
    agent = agent_in(lab, calls("record"), hanging, tools=[RecordingTool(effect="read")], hooks=hooks)
    run = await ask(lab, agent)
    await lab.settle()
    assert called == ["before_run", "memory", "before_llm", "before_tool", "before_llm"]
    called.clear()
    await lab.restart()
    assert called == ["before_llm"]
    await lab.cancel(run)


async def test_a_run_goes_on_though_its_agent_has_no_hooks_any_more(lab: Lab) -> None:
    async def shout(asked: Any, context: ExecutionContext) -> str:
        return asked.upper()

    hooks = AgentHooks(on_before_run=shout, on_before_tool_call=fail, on_memory_retrieve=fail)
    with_hooks = agent_in(lab, DONE, hooks=hooks)
    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool(effect="read")])
    run = await ask(lab, with_hooks)
    assert (await lab.result(run)).response == "Done."
    assert tool_results(requests_of(agent)[1]) == ["recorded"]
