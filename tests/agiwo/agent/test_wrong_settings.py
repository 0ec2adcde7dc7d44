"""Settings that cannot work: they are refused where they are given, and not in the middle of a run."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from agiwo import Agent, AgentHooks, AgentOptions, Scheduler, SchedulerConfig, as_tool
from agiwo.agent import RunStepStorageConfig, TraceStorageConfig
from agiwo.errors import ConfigError
from agiwo.llm.base import Timeouts
from agiwo.llm.price import Price
from agiwo.scheduler import AgentStateStorageConfig, TaskLimits
from agiwo.schema.budget import Budget
from agiwo.testing import ScriptedModel
from agiwo.tool import BaseTool, ToolResult, tool


def agent(**given: Any) -> Agent:
    usual: dict[str, Any] = {"id": "agent", "description": "", "model": ScriptedModel(), "tools": []}
    return Agent(**(usual | given))


def price(**given: Any) -> Price:
    usual: dict[str, Any] = {"input": 1, "output": 1}
    return Price(**(usual | given))


def agent_tool(**given: Any) -> BaseTool:
    return as_tool(agent(), **given)


NO_NUMBER: list[Any] = ["x", True, False, math.nan, math.inf, -math.inf, [], {}, ...]

NO_WHOLE: list[Any] = [*NO_NUMBER, 2.5, 10.5, -1, 2**63, None]

NO_TEXT: list[Any] = [5, b"x", [], None]

Make = Callable[..., Any]

WRONG: list[tuple[Make, str, list[Any]]] = [
    (AgentOptions, "max_steps", [*NO_WHOLE, 0]),
    (AgentOptions, "run_timeout", [*NO_NUMBER, 0, -1]),
    (AgentOptions, "max_output_tokens", [*NO_WHOLE, 0]),
    (AgentOptions, "enable_termination_summary", ["yes", 0, None]),
    (AgentOptions, "termination_summary_prompt", NO_TEXT),
    (AgentOptions, "approval_policy", [None, {}, [{"tool": "x", "action": "deny"}]]),
    (AgentOptions, "approval_timeout", [*NO_NUMBER, 0, -1]),
    (AgentOptions, "budget", [5, {"tokens": 5}]),
    (AgentOptions, "enable_skill", ["yes", None]),
    (AgentOptions, "skills_dir", NO_TEXT),
    (AgentOptions, "context_tokens", [*NO_NUMBER, 2.5, 999]),
    (AgentOptions, "relevant_memory_max_token", NO_WHOLE),
    (AgentOptions, "stream_cleanup_timeout", [*NO_NUMBER, 0, None]),
    (AgentOptions, "run_step_storage", [None, "sqlite", {"storage_type": "sqlite"}]),
    (AgentOptions, "trace_storage", [None, "memory"]),
    (AgentHooks, "on_before_run", ["print", 5, {}]),
    (AgentHooks, "on_event", [[]]),
    (RunStepStorageConfig, "storage_type", [None, [], "disk"]),
    (RunStepStorageConfig, "config", [None, [], "x.db", {"db_path": 5, "durability": "normal"}, {"path": "x.db"}]),
    (TraceStorageConfig, "storage_type", [[], "disk"]),
    (TraceStorageConfig, "config", [None, {"buffer_size": True}, {"buffer_size": 0}]),
    (Budget, "cost_usd", [*NO_NUMBER, 0, -1]),
    (Budget, "tokens", [*NO_NUMBER, 0, -1, 2.5]),
    (Budget, "calls", [*NO_NUMBER, 0, -1, 2.5]),
    (Budget, "seconds", [*NO_NUMBER, 0, -1]),
    (SchedulerConfig, "check_interval", [*NO_NUMBER, 0, None]),
    (SchedulerConfig, "max_concurrent", [*NO_WHOLE, 0]),
    (SchedulerConfig, "graceful_shutdown_wait_seconds", [*NO_NUMBER, -1, None]),
    (SchedulerConfig, "state_storage", [None, "sqlite", RunStepStorageConfig()]),
    (SchedulerConfig, "task_limits", [None, {}]),
    (AgentStateStorageConfig, "storage_type", [None, "disk"]),
    (TaskLimits, "max_depth", NO_WHOLE),
    (TaskLimits, "max_children_per_agent", NO_WHOLE),
    (TaskLimits, "default_wait_timeout", [*NO_NUMBER, 0, None]),
    (TaskLimits, "max_wake_count", NO_WHOLE),
    (ScriptedModel, "temperature", [*NO_NUMBER, -1, 2.1]),
    (ScriptedModel, "top_p", [*NO_NUMBER, -1, 1.1]),
    (ScriptedModel, "max_tokens", [*NO_NUMBER, 0, 2.5]),
    (ScriptedModel, "frequency_penalty", [*NO_NUMBER, None, 3]),
    (ScriptedModel, "api_key", [5, b"key"]),
    (ScriptedModel, "base_url", [5]),
    (ScriptedModel, "retries", NO_WHOLE),
    (ScriptedModel, "concurrency", [*NO_WHOLE, 0]),
    (ScriptedModel, "timeouts", [5, None]),
    (ScriptedModel, "fallback", [ScriptedModel(), ["gpt"], None]),
    (ScriptedModel, "price", [5]),
    (Timeouts, "idle", [*NO_NUMBER, 0, None]),
    (price, "input", [*NO_NUMBER, -1, None]),
    (price, "cached", [*NO_NUMBER, -1]),
    (agent, "id", [*NO_TEXT, ""]),
    (agent, "description", NO_TEXT),
    (agent, "system_prompt", NO_TEXT),
    (agent, "model", ["gpt", None, ScriptedModel]),
    (agent, "options", [{"max_steps": 5}, 5]),
    (agent, "hooks", [print, {"on_step": print}]),
    (agent, "tools", [5, "calculator", {}, ["calculator"], [None], [BaseTool]]),
    (agent, "on_approval", [5, "yes"]),
    (agent_tool, "max_depth", [*NO_WHOLE, 0]),
]


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [(make, name, value) for make, name, values in WRONG for value in values],
    ids=[f"{name}={value!r:.30}" for _, name, values in WRONG for value in values],
)
def test_a_setting_that_cannot_work_is_refused_where_it_is_given(make: Make, name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        make(**{name: value})
    assert isinstance(refused.value, ValueError)
    assert str(refused.value)


@pytest.mark.parametrize(
    ("make", "given", "message"),
    [
        (AgentOptions, {"max_steps": 2.5}, "max_steps is 2.5; it must be a whole number of at least 1"),
        (AgentOptions, {"max_steps": 2**63}, f"max_steps is {2**63}; it must be a whole number of at most {2**63 - 1}"),
        (AgentOptions, {"run_timeout": math.nan}, "run_timeout is nan; it must be a number above 0, or None"),
        (SchedulerConfig, {"check_interval": "x"}, "check_interval is 'x'; it must be a number above 0"),
        (ScriptedModel, {"temperature": 3}, "temperature is 3; it must be a number between 0 and 2, or None"),
        (AgentOptions, {"enable_skill": 5}, "enable_skill is 5; it must be True or False"),
        (AgentOptions, {"budget": 5}, "budget is 5; it must be an object of Budget, or None"),
    ],
)
def test_the_error_names_the_setting_and_what_it_may_be(make: Make, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make(**given)
    assert str(refused.value) == message


class Careless(BaseTool):
    """A tool that says of itself what it is told to."""

    def __init__(self, parameters: Any = None, name: Any = "careless", description: Any = "") -> None:
        self._parameters, self._name, self._description = parameters, name, description

    def get_name(self) -> str:
        """What was given."""
        return self._name

    def get_description(self) -> str:
        """What was given."""
        return self._description

    def get_parameters(self) -> dict[str, Any]:
        """What was given, or what it raises."""
        if isinstance(self._parameters, Exception):
            raise self._parameters
        return self._parameters

    def is_concurrency_safe(self) -> bool:
        """It is."""
        return True

    async def execute(self, parameters: dict[str, Any], context: Any, abort_signal: Any = None) -> ToolResult:
        """Nothing."""
        return ToolResult(content="fine")


RUBBISH: list[Any] = [
    None,
    5,
    "schema",
    [],
    {"type": "string"},
    {"properties": []},
    {"type": "object", "properties": None},
    {"type": "object", "required": "city"},
    {"type": "object", "properties": {"a": ...}},
    {1: 2},
    RuntimeError("no schema today"),
]


@pytest.mark.parametrize("parameters", RUBBISH, ids=repr)
def test_a_tool_whose_parameters_are_no_schema_is_refused_by_name(parameters: Any) -> None:
    with pytest.raises(ConfigError, match=r"(?i)careless"):
        agent(tools=[Careless(parameters)])


@pytest.mark.parametrize("name", [None, 5, "", "two words", "x" * 65])
def test_a_tool_that_has_no_name_for_a_model_is_refused(name: Any) -> None:
    with pytest.raises(ConfigError, match="cannot be named"):
        agent(tools=[Careless({}, name)])


@pytest.mark.parametrize(
    "settings",
    [{"timeout_seconds": each} for each in (*NO_NUMBER, 0, -1)] + [{"cache_seconds": "x"}, {"effect": "twice"}],
    ids=repr,
)
def test_a_tool_with_settings_that_cannot_work_is_refused_by_name(settings: Any) -> None:
    def careless() -> None:
        """Nothing."""

    with pytest.raises(ConfigError, match="careless"):
        agent(tools=[tool(**settings)(careless)])


def test_a_tool_that_is_described_by_no_text_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="careless"):
        agent(tools=[Careless({}, description=None)])


@pytest.mark.parametrize("parameters", [{}, {"properties": {}}, {"type": "object"}, {"type": "object", "required": ()}])
def test_a_schema_that_says_little_is_that_of_an_object(parameters: dict[str, Any]) -> None:
    careless = Careless(parameters)
    agent(tools=[careless])
    assert careless.to_openai_schema()["function"]["parameters"]["type"] == "object"


ASKED: list[tuple[str, list[Any]]] = [
    ("session_id", [5, b"x", "\ud800"]),
    ("user_id", [5, ...]),
    ("metadata", [5, [("a", 1)], {"a": ...}, {1: 2}]),
    ("budget", [5, {"tokens": 5}]),
    ("traceparent", [5]),
    ("abort_signal", [5]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ASKED for value in values], ids=repr)
@pytest.mark.anyio
async def test_what_a_run_cannot_be_asked_is_refused_before_there_is_a_run(name: str, value: Any) -> None:
    asked = agent()
    with pytest.raises(ConfigError, match=name):
        await asked.run("go", **{name: value})
    with pytest.raises(ConfigError, match=name):
        await asked.start("go", **{name: value})
    with pytest.raises(ConfigError, match=name):
        _ = [event async for event in asked.run_stream("go", **{name: value})]
    assert await asked.run_step_storage.list_runs() == []
    await asked.close()


@pytest.mark.anyio
async def test_what_a_scheduled_agent_cannot_be_asked_is_refused_before_there_is_one() -> None:
    async with Scheduler() as scheduler:
        wrong: Any = "agent"
        with pytest.raises(ConfigError, match=r"the agent that is submitted is 'agent'"):
            await scheduler.submit(wrong, "go")
        for name, values in ASKED:
            if name != "traceparent":
                for value in values:
                    asked: Any = {name: value}
                    with pytest.raises(ConfigError, match=name):
                        await scheduler.submit(agent(), "go", **asked)
        assert await scheduler.list() == []
