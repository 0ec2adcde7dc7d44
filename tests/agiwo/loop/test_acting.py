"""How the loop acts: tool calls side by side or in turn, and every way in which one can go wrong."""

import asyncio
from typing import Any

import pytest
from agent_lab import agent_in, ask, calls, items_of, requests_of
from agiwo.schema.run import RunStatus, TerminationReason
from agiwo.schema.tool import ExecutionContext
from agiwo.testing import RecordingTool
from agiwo.tool import ToolResult, tool
from engine_lab import Lab

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}


def results(conversation: list[Any]) -> list[str]:
    """What the model was told of its calls."""
    return [message["content"] for message in conversation if message["role"] == "tool"]


async def test_calls_that_may_run_side_by_side_do_and_their_results_keep_the_order_of_the_calls(lab: Lab) -> None:
    gates = {"a": asyncio.Event(), "b": asyncio.Event()}
    order: list[str] = []

    @tool(effect="read")
    async def meet(name: str) -> str:
        """Wait for the other one."""
        gates[name].set()
        await gates["b" if name == "a" else "a"].wait()
        if name == "a":
            await asyncio.sleep(0)
        order.append(name)
        return f"{name} met"

    agent = agent_in(lab, calls(("meet", {"name": "a"}), ("meet", {"name": "b"})), DONE, tools=[meet])
    assert (await lab.result(await ask(lab, agent))).response == "Done."
    assert results(requests_of(agent)[1]) == ["a met", "b met"]


async def test_a_call_that_may_not_run_beside_others_runs_alone_in_its_place(lab: Lab) -> None:
    running: set[str] = set()
    seen: list[frozenset[str]] = []

    async def work(name: str) -> str:
        running.add(name)
        for _ in range(5):
            await asyncio.sleep(0)
        seen.append(frozenset(running))
        running.discard(name)
        return name

    @tool(effect="read")
    async def safe(name: str) -> str:
        """May run beside others."""
        return await work(name)

    @tool(effect="read", concurrency_safe=False)
    async def alone(name: str) -> str:
        """May not."""
        return await work(name)

    names = [("safe", "a"), ("safe", "b"), ("alone", "c"), ("safe", "d"), ("safe", "e")]
    turn = calls(*((kind, {"name": name}) for kind, name in names))
    agent = agent_in(lab, turn, DONE, tools=[safe, alone])
    lab.is_replayable = False  # counts what ran beside what, over all replays
    await lab.result(await ask(lab, agent))
    assert results(requests_of(agent)[1]) == list("abcde")
    assert frozenset("ab") in seen
    assert frozenset("c") in seen
    assert frozenset("de") in seen
    assert all(not group >= {"b", "c"} and not group >= {"c", "d"} for group in seen)


async def test_a_call_of_an_unknown_tool_is_an_error_that_names_the_tools(lab: Lab) -> None:
    agent = agent_in(lab, calls("missing"), DONE, tools=[RecordingTool("there")])
    run = await ask(lab, agent)
    assert (await lab.result(run)).status == RunStatus.COMPLETED
    assert results(requests_of(agent)[1]) == ["Error: there is no tool 'missing'; the tools are: there"]
    assert (await items_of(lab, run, "toolCall"))[0]["output"]["isError"] is True


@pytest.mark.parametrize("arguments", ['{"text": "cut', "[1, 2]", '"text"', "null", "{'text': x}"])
async def test_arguments_that_are_no_object_are_quoted_to_the_model_and_never_sent_back(
    lab: Lab, arguments: str
) -> None:
    agent = agent_in(lab, calls(("record", arguments)), DONE, tools=[RecordingTool()])
    await lab.result(await ask(lab, agent))
    told = requests_of(agent)[1]
    assert told[1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert results(told)[0].startswith("Error: ")
    assert arguments in results(told)[0]


async def test_arguments_that_do_not_fit_the_schema_are_an_error(lab: Lab) -> None:
    @tool(effect="read")
    def double(number: int) -> int:
        """Double it."""
        return 2 * number

    agent = agent_in(lab, calls(("double", {"number": "x"}), ("double", {"number": 21})), DONE, tools=[double])
    await lab.result(await ask(lab, agent))
    wrong, right = results(requests_of(agent)[1])
    assert wrong.startswith("Error: ")
    assert "number" in wrong
    assert right == "42"


async def test_a_tool_that_raises_gives_an_error_and_the_run_goes_on(lab: Lab) -> None:
    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool(results=[ValueError("broken")])])
    result = await lab.result(await ask(lab, agent))
    assert (result.status, result.response) == (RunStatus.COMPLETED, "Done.")
    assert "broken" in results(requests_of(agent)[1])[0]


async def test_a_tool_that_hangs_is_given_up_when_its_time_is_over(lab: Lab) -> None:
    lab.is_replayable = False  # its time is real time
    hanging = RecordingTool(gate=asyncio.Event(), timeout_seconds=0.05)
    agent = agent_in(lab, calls("record"), DONE, tools=[hanging])
    assert (await lab.result(await ask(lab, agent))).response == "Done."
    assert "did not finish within 0.05 seconds" in results(requests_of(agent)[1])[0]


async def test_a_tool_that_returns_what_cannot_be_stored_gives_an_error(lab: Lab) -> None:
    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool(results=[{"a": object()}])])
    assert (await lab.result(await ask(lab, agent))).response == "Done."
    assert results(requests_of(agent)[1])[0].startswith("Error: ")


async def test_a_tool_may_end_the_run(lab: Lab) -> None:
    @tool(effect="read")
    def give_up() -> ToolResult:
        """End it."""
        return ToolResult(content="I give up", termination_reason=TerminationReason.MAX_TOKENS)

    agent = agent_in(lab, {"text": "Hm.", **calls("give_up")}, tools=[give_up])
    result = await lab.result(await ask(lab, agent))
    assert (result.status, result.termination, result.response) == ("completed", "max_tokens", "Hm.")


async def test_a_completed_call_is_told_with_its_arguments_its_output_and_what_people_see(lab: Lab) -> None:
    @tool(effect="read")
    def look(where: str) -> ToolResult:
        """Look."""
        return ToolResult(content="for the model", content_for_user="for people", output={"found": where})

    agent = agent_in(lab, calls(("look", {"where": "here"})), DONE, tools=[look])
    run = await ask(lab, agent)
    await lab.result(run)
    item = (await items_of(lab, run, "toolCall"))[0]
    assert item["output"] == {
        "content": "for the model",
        "isError": False,
        "contentForUser": "for people",
        "value": {"found": "here"},
    }
    assert (item["name"], item["arguments"], item["callId"]) == ("look", {"where": "here"}, "call_0_0")


async def test_each_call_has_a_key_of_its_own_that_is_the_same_after_a_restart(lab: Lab) -> None:
    gate, seen = asyncio.Event(), list[str]()

    @tool(effect="idempotent")
    async def pay(context: ExecutionContext) -> str:
        """Pay once per key."""
        seen.append(context.idempotency_key)
        await gate.wait()
        return "paid"

    agent = agent_in(lab, calls("pay", "pay"), DONE, tools=[pay])
    run = await ask(lab, agent)
    await lab.settle()
    await lab.restart()
    gate.set()
    await lab.result(run)
    assert seen[:2] == seen[2:]
    assert len(set(seen)) == 2


async def test_a_call_cut_off_by_a_crash_is_outcome_unknown_and_not_run_again(lab: Lab) -> None:
    once = RecordingTool(gate=asyncio.Event())
    agent = agent_in(lab, calls("record"), {"text": "I will look first."}, tools=[once])
    lab.is_replayable = False  # the gate never opens
    run = await ask(lab, agent)
    await lab.settle()
    await lab.restart()
    assert (await lab.result(run)).response == "I will look first."
    assert len(once.calls) == 1
    assert results(requests_of(agent)[-1])[0].startswith("Outcome unknown")
    output = (await items_of(lab, run, "toolCall"))[0]["output"]
    assert output["isError"] is True
    assert output["content"].startswith("Outcome unknown")


async def test_calls_with_the_same_id_or_none_are_told_apart(lab: Lab) -> None:
    same = [{"name": "record", "id": "call_x"}, {"name": "record", "id": "call_x"}, {"name": "record", "id": ""}]
    agent = agent_in(lab, {"toolCalls": same}, DONE, tools=[RecordingTool(effect="read")])
    await lab.result(await ask(lab, agent))
    ids = [call["id"] for call in requests_of(agent)[1][1]["tool_calls"]]
    assert ids[0] == "call_x"
    assert len(set(ids)) == 3


async def test_a_run_cancelled_in_a_tool_completes_every_call_that_it_began(lab: Lab) -> None:
    quick = RecordingTool("quick", effect="read")
    slow = RecordingTool("slow", gate=asyncio.Event(), effect="read", timeout_seconds=None)
    alone = RecordingTool("alone", effect="read", concurrency_safe=False)
    agent = agent_in(lab, calls("quick", "slow", "alone"), tools=[quick, slow, alone])
    run = await ask(lab, agent)
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED
    items = await items_of(lab, run, "toolCall")
    assert [(item["name"], item["output"]["isError"]) for item in items] == [
        ("quick", False),
        ("slow", True),
        ("alone", True),
    ]
    assert alone.calls == []
