"""An agent that is asked for an object: every kind of type, how it grows, and how it is kept."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from agent_lab import CheckedModel, calls
from agiwo.agent import Agent, AgentHooks, AgentOptions, EventType, ExecutionContext, RunError, RunOutput
from agiwo.agent.output_type import OutputTypes
from agiwo.agent.storage import RunStepStorageConfig
from agiwo.errors import ConfigError
from agiwo.schema.stream import StreamEvent
from agiwo.testing import Recorder, RecordingTool, Replay, ReplayMiss
from pydantic import AfterValidator, BaseModel, create_model
from typing_extensions import TypedDict

pytestmark = pytest.mark.anyio

PARIS = '{"name": "Paris", "population": 2100000}'
RIGHT: dict[str, Any] = {"text": PARIS, "deltas": 8}


class City(BaseModel):
    """A city."""

    name: str
    population: int = 0


@dataclass
class Town:
    name: str
    population: int


class Village(TypedDict):
    name: str
    population: int


class Person(BaseModel):
    name: str
    children: "list[Person]" = []


@pytest.mark.parametrize(
    ("output_type", "output"),
    [
        (City, City(name="Paris", population=2100000)),
        (Town, Town("Paris", 2100000)),
        (Village, {"name": "Paris", "population": 2100000}),
        ({"type": "object"}, {"name": "Paris", "population": 2100000}),
    ],
)
async def test_the_output_is_an_object_of_the_type(agents: Any, output_type: Any, output: Any) -> None:
    ended = await agents.make(RIGHT).run("Paris?", output_type=output_type)
    assert (ended.output, ended.response) == (output, PARIS)


async def test_the_hooks_at_the_end_of_a_run_are_told_the_object_too(agents: Any) -> None:
    told: list[Any] = []

    async def after_run(output: RunOutput, context: ExecutionContext) -> None:
        told.append(output.output)

    async def memory_write(asked: Any, output: RunOutput, context: ExecutionContext) -> None:
        told.append(output.output)

    hooks = AgentHooks(on_after_run=after_run, on_memory_write=memory_write)
    await agents.make(RIGHT, hooks=hooks).run("Paris?", output_type=City)
    assert told == [City(name="Paris", population=2100000)] * 2


async def test_what_is_no_object_can_be_an_output_too(agents: Any) -> None:
    agent = agents.make({"text": '```\n[{"name": "Paris"}]\n```'})
    agent.model.structured = "schema"
    ended = await agent.run("Which?", output_type=list[City])
    assert ended.output == [City(name="Paris")]
    assert '"type":"array"' in agent.model.requests[0].messages[0]["content"]


async def test_a_type_that_holds_itself_is_an_object_to_its_provider(agents: Any) -> None:
    agent = agents.make({"text": '{"name": "A", "children": [{"name": "B"}]}'})
    ended = await agent.run("Who?", output_type=Person)
    assert ended.output.children[0].name == "B"
    assert OutputTypes().of(Person).schema["type"] == "object"


@pytest.mark.parametrize("output_type", [object(), {"type": "strin"}, 7])
async def test_a_type_that_no_answer_can_be_checked_for_is_refused_before_the_run(
    agents: Any, output_type: Any
) -> None:
    with pytest.raises(ConfigError):
        await agents.make(RIGHT).run("Paris?", output_type=output_type)


async def test_an_output_that_does_not_come_is_an_error_of_its_own_kind(agents: Any) -> None:
    ended = await agents.make(*[{"text": "no"}] * 3).run("Paris?", output_type=City)
    with pytest.raises(RunError, match="is not valid JSON") as raised:
        ended.raise_for_error()
    assert raised.value.kind == "output_invalid"
    assert (ended.output, ended.response) == (None, "no")


async def test_without_a_type_nothing_is_read(agents: Any) -> None:
    ended = await agents.make(RIGHT).run("Paris?")
    assert (ended.output, ended.response) == (None, PARIS)


async def test_a_child_is_not_asked_for_the_output_of_its_parent(agents: Any) -> None:
    child = agents.make({"text": "It is in France."}, id="child")
    parent = agents.make(calls(("child", {"task": "Where?"})), RIGHT, tools=[child.as_tool()])
    assert (await parent.run("Paris?", output_type=City)).output.name == "Paris"
    assert [each["role"] for each in child.model.requests[0].messages] == ["user"]


# While it grows


async def partials_of(events: AsyncGenerator[StreamEvent]) -> list[Any]:
    return [event.partial async for event in events if event.partial is not None]


async def test_the_output_is_seen_as_it_grows_by_every_reader(agents: Any) -> None:
    agent = agents.make(calls("record"), {**RIGHT, "text": f"```json\n{PARIS}\n```"}, tools=[RecordingTool()])
    handle = await agent.start("Paris?", output_type=City)
    grown = [each async for each in handle.partials()]
    assert grown[:2] == [{"name": "P"}, {"name": "Paris"}]
    assert grown[-1] == {"name": "Paris", "population": 2100000}
    assert [each async for each in handle.partials()] == grown[-1:]
    assert (await handle.wait()).output == City.model_validate(grown[-1])


async def test_events_of_a_stream_have_what_is_there_of_the_output(agents: Any) -> None:
    agent = agents.make(RIGHT)
    events = [event async for event in agent.run_stream("Paris?", output_type=City)]
    partials = [event.partial for event in events if event.partial is not None]
    assert partials[-1] == events[-1].data["output"] == {"name": "Paris", "population": 2100000}
    assert {event.type for event in events if event.partial} == {EventType.STEP_DELTA}
    assert all(event.to_sse() for event in events)


async def test_a_run_without_output_has_no_partials(agents: Any) -> None:
    assert await partials_of(agents.make(RIGHT).run_stream("Paris?")) == []


async def test_the_output_of_a_child_is_not_taken_for_that_of_its_parent(agents: Any) -> None:
    child = agents.make({"text": '{"name": "Rome"}', "deltas": 4}, id="child")
    parent = agents.make(calls(("child", {"task": "Where?"})), RIGHT, tools=[child.as_tool()])
    partials = await partials_of(parent.run_stream("Paris?", output_type=City))
    assert all(each["name"] in "Paris" for each in partials)


# Names


def test_two_types_of_one_name_are_two_types() -> None:
    def made(limit: int) -> type[BaseModel]:
        def checked(value: int) -> int:
            assert value < limit
            return value

        class Small(BaseModel):
            value: Annotated[int, AfterValidator(checked)]

        return Small

    types, small, large = OutputTypes(), made(3), made(30)
    outputs = [types.of(small), types.of(large), types.of(small)]
    assert [bool(output.faults({"value": 10})) for output in outputs] == [True, False, True]
    assert [bool(types.find(output.plan).faults({"value": 10})) for output in outputs] == [True, False, True]


def test_types_without_end_do_not_stay_without_end() -> None:
    types = OutputTypes()
    first = types.of(create_model("T0", value=int)).plan
    for number in range(1, 300):
        types.of(create_model(f"T{number}", value=int))
    assert types.find(first).name == ""
    assert types.find(first).faults({"value": "x"}) == ['value: expected integer, and got string "x"']


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({"name": "x", "children": []}, []),
        ({"children": [{"name": 1}]}, ["name: Field required", "children[0].name: Input should be a valid string"]),
        ([], ["Input should be an object"]),
        ({"name": ["long"] * 99}, ["name: Input should be a valid string, and got ['long', 'long',"]),
    ],
)
def test_faults_of_a_type_have_a_path_and_what_came(value: Any, faults: Sequence[str]) -> None:
    found = OutputTypes().of(Person).faults(value)
    assert [each[: len(fault)] for each, fault in zip(found, faults, strict=True)] == list(faults)
    assert all(len(each) < 200 for each in found)


# Kept


async def test_a_later_process_makes_an_object_of_what_was_recorded(tmp_path: Path) -> None:
    stored = RunStepStorageConfig("sqlite", config={"db_path": tmp_path / "runs.db"})
    runs: list[str] = []
    for _ in range(2):
        agent = Agent("agent", "…", CheckedModel(turns=[RIGHT]), [], options=AgentOptions(run_step_storage=stored))
        if not runs:
            runs.append((await agent.run("Paris?", output_type=City)).run_id)
        else:
            assert (await (await agent.attach(runs[0])).wait()).output == {"name": "Paris", "population": 2100000}
            kept = await (await agent.attach(runs[0], output_type=City)).wait()
            assert kept.output == City(name="Paris", population=2100000)
            other = await agent.attach(runs[0], output_type=Person)
            assert (await other.wait()).output == Person(name="Paris")
            with pytest.raises(RunError, match="is no "):
                await (await agent.attach(runs[0], output_type=list[int])).wait()
        await agent.close()


async def test_a_recording_knows_what_form_an_answer_was_to_have(tmp_path: Path) -> None:
    model = CheckedModel(turns=[RIGHT], structured="schema")
    with Recorder(tmp_path / "r.json") as recorder:
        agent = Agent("agent", "…", recorder.model(model), [])
        await agent.run("Paris?", output_type=City)
        await agent.close()

    with Replay(tmp_path / "r.json") as replay:
        agent = Agent("agent", "…", replay.model(model), [])
        assert (await agent.run("Paris?", output_type=City)).output == City(name="Paris", population=2100000)
        await agent.close()

    with pytest.raises(ReplayMiss, match="schema"):  # noqa: PT012, SIM117 - the miss is raised at the end of the block
        with Replay(tmp_path / "r.json") as replay:
            agent = Agent("agent", "…", replay.model(model), [])
            await agent.run("Paris?", output_type=Person)
            await agent.close()
