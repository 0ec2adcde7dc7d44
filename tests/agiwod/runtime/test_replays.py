"""Finished runs done once more: what is taken from their records, what is asked anew, and what is never done twice."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from agiwo.agent import Agent, AgentOptions
from agiwo.engine.transcript import difference
from agiwo.errors import Conflict, CursorExpired, NotFound
from agiwo.journal.sqlite import open_sqlite
from agiwo.schema.approval import Answer
from agiwo.schema.event import ITEM_COMPLETED
from agiwo.schema.record import Point
from agiwo.schema.run import RunResult
from agiwo.testing import RecordingTool, ScriptedModel
from agiwo.tool import Policy, Rule
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.errors import Draining
from agiwod.runtime.runs import Ask
from daemon_lab import PATIENCE, LiveModel, running

pytestmark = pytest.mark.anyio

Turn = Mapping[str, Any]
TOKENS = {"inputTokens": 10, "outputTokens": 5}


def calls(name: str = "record", **arguments: Any) -> Turn:
    return {"toolCalls": [{"name": name, "arguments": arguments}], "usage": TOKENS}


def says(text: str) -> Turn:
    return {"text": text, "usage": TOKENS}


def clerk(tool: RecordingTool, *turns: Turn) -> Agent:
    return Agent("clerk", "Uses a tool.", ScriptedModel(turns=turns, repeat=True), tools=[tool])


class Scripts:
    """Models that a client may name: scripts in files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def model(self, *turns: Turn) -> str:
        file = self._directory / f"{len(list(self._directory.iterdir()))}.json"
        file.write_text(json.dumps({"turns": turns}))
        return f"scripted:{file}"


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


async def ran(daemon: Daemon, input: str = "go", session: str = "s") -> str:
    started = await daemon.runs.start(Ask("clerk", input, session=session))
    await daemon.runs.wait(started.head.run)
    return started.head.run


async def again(daemon: Daemon, run: str, model: str, start: int = 1) -> tuple[str, RunResult]:
    started = await daemon.replays.start(run, model=model, start=start)
    state = await daemon.runs.wait(started.head.run)
    assert state.result
    return started.head.run, state.result


async def told(daemon: Daemon, run: str) -> list[tuple[str, Mapping[str, Any]]]:
    events, _ = await daemon.runs.page(run, 0, 1000)
    return [(event.type, event.data) for event in events]


async def outputs(daemon: Daemon, run: str) -> list[str]:
    return [data["output"]["content"] for _, data in await told(daemon, run) if data.get("kind") == "toolCall"]


async def test_another_model_gets_the_recorded_results_and_no_tool_is_run_twice(scripts: Scripts) -> None:
    tool = RecordingTool(results=["one", "two"])
    async with running(clerk(tool, calls(n=1), calls(n=2), says("done"))) as daemon:
        run = await ran(daemon)
        rerun, result = await again(daemon, run, scripts.model(calls(n=2), calls(n=1), says("the other way round")))

        assert len(tool.calls) == 2
        assert result.response == "the other way round"
        assert await outputs(daemon, rerun) == ["two", "one"]
        assert difference(await told(daemon, run), await told(daemon, rerun), "before", "now") == [
            "--- before",
            "+++ now",
            "@@ -1,6 +1,6 @@",
            '+record {"n":2}',
            "+  gave: two",
            ' record {"n":1}',
            "   gave: one",
            '-record {"n":2}',
            "-  gave: two",
            "-done",
            "+the other way round",
            " ended: completed",
        ]


async def test_a_call_that_repeats_gets_the_result_of_its_turn(scripts: Scripts) -> None:
    tool = RecordingTool(results=["not yet", "still not", "ready"])
    async with running(clerk(tool, calls(), calls(), calls(), says("done"))) as daemon:
        run = await ran(daemon)
        rerun, _ = await again(daemon, run, scripts.model(calls(), calls(), calls(), calls(), says("done")))
        assert await outputs(daemon, rerun) == ["not yet", "still not", "ready", "ready"]


async def test_a_new_call_is_run_only_when_the_tool_reads(scripts: Scripts) -> None:
    reads = RecordingTool("look", results=["seen"], effect="read")
    acts = RecordingTool("act", results=["acted"])
    agent = Agent("clerk", "Uses tools.", ScriptedModel(turns=[says("nothing to do")]), tools=[reads, acts])
    async with running(agent) as daemon:
        rerun, result = await again(
            daemon, await ran(daemon), scripts.model(calls("look"), calls("act"), says("tried"))
        )

        seen, acted = await outputs(daemon, rerun)
        assert (seen, reads.calls, acts.calls) == ("seen", [{}], [])
        assert acted.startswith("Not run:")
        assert result.response == "tried"


async def test_from_a_place_in_the_middle_what_was_answered_before_stands_and_costs_nothing(scripts: Scripts) -> None:
    tool = RecordingTool(results=["one", "two"])
    async with running(
        clerk(tool, {**calls(n=1), "reasoning": "hm", "text": "first"}, calls(n=2), says("done"))
    ) as daemon:
        run = await ran(daemon)
        events, _ = await daemon.runs.page(run, 0, 100)
        second = next(event.seq for event in events if event.data.get("output", {}).get("content") == "two")
        model = scripts.model(says("never asked"), says("never asked"), says("in another way"))
        rerun, result = await again(daemon, run, model, start=second or 0)

        assert len(tool.calls) == 2
        assert (result.response, result.usage.output_tokens) == ("in another way", 5)
        kept = [event for event in events if event.type == ITEM_COMPLETED][:-1]
        replayed, _ = await daemon.runs.page(rerun, 0, 100)
        items = [event for event in replayed if event.type == ITEM_COMPLETED][:-1]
        assert [event.data for event in items] == [event.data for event in kept]
        assert [event.item for event in items] == [(event.item or "").replace(run, rerun) for event in kept]


async def test_a_rerun_has_the_history_that_the_run_began_with_in_a_session_of_its_own(scripts: Scripts) -> None:
    async with running(clerk(RecordingTool(), says("well"))) as daemon:
        _, second, _ = [await ran(daemon, input) for input in ("one", "two", "three")]
        rerun, _ = await again(daemon, second, scripts.model(says("other")))

        session = await daemon.sessions.get((await daemon.runs.head(rerun)).session)
        history = await daemon.sessions.history(session.id)
        said = [each.data["content"][0]["text"] for each in history if each.data["kind"] == "userMessage"]
        assert (said, session.forked_from) == (["one", "two"], Point(second, 0))
        assert (await daemon.sessions.get("s")).head != Point(rerun)


async def test_a_rerun_goes_on_after_a_restart_with_the_records_behind_it(tmp_path: Path) -> None:
    tool, live, file = RecordingTool(results=["one"]), LiveModel(), tmp_path / "runs.db"
    async with running(clerk(tool, calls(n=1), says("done")), journal=await open_sqlite(file)) as daemon:
        run = await ran(daemon)

    async with running(Agent("clerk", "", live, tools=[tool]), journal=await open_sqlite(file)) as daemon:
        started = await daemon.replays.start(run)
        await live.asked.wait()

    async with running(clerk(tool, calls(n=1), says("in the end")), journal=await open_sqlite(file)) as daemon:
        state = await daemon.runs.wait(started.head.run)
        assert state.result
        assert (state.result.response, len(tool.calls)) == ("in the end", 1)


async def test_only_what_has_ended_can_be_done_once_more() -> None:
    live = LiveModel()
    async with running(Agent("clerk", "Says what it is fed.", live)) as daemon:
        started = await daemon.runs.start(Ask("clerk", "go"))
        with pytest.raises(Conflict, match="has not ended"):
            await daemon.replays.start(started.head.run)
        live.say("done", None)
        await daemon.runs.wait(started.head.run)
        with pytest.raises(NotFound):
            await daemon.replays.start("nobody")
        with pytest.raises(NotFound):
            await daemon.replays.start(started.head.run, model="nobody:knows")
        with pytest.raises(CursorExpired):
            await daemon.replays.start(started.head.run, start=99)
        daemon.drain(60)
        with pytest.raises(Draining):
            await daemon.replays.start(started.head.run)
        assert len(await daemon.runs.list()) == 1
        assert len(await daemon.sessions.list()) == 1


async def test_the_end_of_a_run_once_more_asks_nobody(scripts: Scripts) -> None:
    async with running(clerk(RecordingTool(results=["one"]), calls(n=1), says("done"))) as daemon:
        run = await ran(daemon)
        head = (await daemon.runs.head(run)).head
        rerun, result = await again(daemon, run, scripts.model(), start=head)
        assert (result.response, result.usage.total_tokens) == ("done", 0)
        assert difference(await told(daemon, run), await told(daemon, rerun), "before", "now") == []


# Approvals


def careful_clerk(tool: RecordingTool, *turns: Turn, rule: Rule) -> Agent:
    model = ScriptedModel(turns=turns, repeat=True)
    return Agent("clerk", "Asks first.", model, [tool], options=AgentOptions(approval_policy=Policy((rule,))))


async def answered(daemon: Daemon, answer: Answer) -> str:
    """A run whose one question got that answer."""
    run = (await daemon.runs.start(Ask("clerk", "go", session="s"))).head.run
    async with asyncio.timeout(PATIENCE):
        while not (questions := await daemon.approvals.list(run)):  # noqa: ASYNC110 - it has no event of its own here
            await asyncio.sleep(0)
    await daemon.approvals.respond(questions[0].id, answer)
    await daemon.runs.wait(run)
    return run


@pytest.mark.parametrize(
    "answer",
    [
        Answer("allow_once"),
        Answer("allow_once", arguments={"n": 2}),
        Answer("deny", "not today"),
    ],
)
async def test_what_somebody_has_answered_is_not_asked_again(scripts: Scripts, answer: Answer) -> None:
    tool = RecordingTool(results=["acted"])
    agent = careful_clerk(tool, calls(n=1), says("done"), rule=Rule("record", "ask"))
    async with running(agent) as daemon:
        run = await answered(daemon, answer)
        rerun, result = await again(daemon, run, scripts.model(calls(n=1), says("done")))
        assert result.response == "done"
        assert difference(await told(daemon, run), await told(daemon, rerun), "before", "now") == []
        assert len(tool.calls) == (answer.option != "deny")
        assert [type for type, _ in await told(daemon, rerun) if type.startswith("approval/")] == []


async def test_nobody_is_asked_about_a_new_call_that_is_not_run(scripts: Scripts) -> None:
    tool = RecordingTool(results=["acted"])
    agent = careful_clerk(tool, says("nothing to do"), rule=Rule("record", "ask"))
    async with running(agent) as daemon:
        rerun, _ = await again(daemon, await ran(daemon), scripts.model(calls(n=1), says("tried")))
        assert (await outputs(daemon, rerun))[0].startswith("Not run:")


async def test_an_agent_that_was_not_allowed_to_be_called_is_not_called_again(scripts: Scripts) -> None:
    helper = Agent("helper", "Helps.", ScriptedModel(turns=[says("helped")], repeat=True))
    options = AgentOptions(approval_policy=Policy((Rule("helper", "ask"),)))
    turns = [calls("helper", task="help"), says("done")]
    agent = Agent("clerk", "Asks first.", ScriptedModel(turns=turns), [helper.as_tool()], options=options)
    async with running(agent) as daemon:
        run = await answered(daemon, Answer("deny", "not today"))
        rerun, result = await again(daemon, run, scripts.model(*turns))
        assert result.response == "done"
        assert (await outputs(daemon, rerun))[0].endswith(": not today")
        assert await daemon.runs.list(parent=rerun) == []


async def test_a_run_with_an_output_has_one_again_from_its_records_and_from_another_model(scripts: Scripts) -> None:
    schema = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
    tool = RecordingTool(effect="read")
    async with running(clerk(tool, calls(), says("Bonn."), says('{"town": "Bonn"}'))) as daemon:
        started = await daemon.runs.start(Ask("clerk", "go", session="s", output_schema=schema))
        ended = await daemon.runs.wait(started.head.run)
        _, same = await again(daemon, ended.head.run, scripts.model(), start=ended.head.head)
        _, other = await again(daemon, ended.head.run, scripts.model(says("No."), says('{"town": "Rome"}')))
        assert (same.output, other.output) == ({"town": "Bonn"}, {"town": "Rome"})
