import contextvars
import enum
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from agiwo.abort import AbortSignal
from agiwo.errors import ConfigError, ToolError
from agiwo.schema.tool import ExecutionContext
from agiwo.tool import BaseTool, ToolResult, tool
from agiwo.tool.function import FunctionTool
from kept_errors import kept_errors
from pydantic import AfterValidator, BaseModel, Field

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")


class Unit(enum.Enum):
    C = "celsius"
    F = "fahrenheit"


class Place(BaseModel):
    city: str
    country: str = "DE"


@tool
async def get_weather(city: str, days: Annotated[int, Field(description="how many", ge=1)] = 1) -> str:
    """Get the weather for a city."""
    return f"{city}: sunny for {days}"


@tool(effect="read", timeout_seconds=5, concurrency_safe=False)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_the_name_the_docstring_and_the_annotations_are_the_definition() -> None:
    assert get_weather.to_openai_schema() == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather for a city.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer", "default": 1, "minimum": 1, "description": "how many"},
                },
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }


def test_a_function_is_read_once_however_many_tools_are_made_of_it() -> None:
    def double(number: int) -> int:
        return 2 * number

    assert tool(double).get_parameters() is tool(name="twice")(double).get_parameters()


def test_a_decorator_with_options_sets_them() -> None:
    definition = add.get_definition()

    assert (definition.effect, definition.timeout_seconds, definition.is_concurrency_safe) == ("read", 5, False)


def test_a_plain_function_is_taken_to_have_an_effect() -> None:
    assert get_weather.get_definition().effect == "once"


def test_a_decorated_function_can_still_be_called() -> None:
    assert add(2, b=3) == 5
    assert isinstance(add, BaseTool)


async def test_an_async_function_runs_on_the_loop() -> None:
    result = await get_weather.execute({"city": "Bonn", "tool_call_id": "c1"}, CONTEXT)

    assert result == ToolResult(content="Bonn: sunny for 1")


async def test_a_sync_function_runs_in_a_thread_with_the_callers_context() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("seen")

    def where() -> list[str]:
        return [variable.get(), str(threading.current_thread() is threading.main_thread())]

    assert (await tool(where).execute({}, CONTEXT)).output == ["seen", "False"]


async def test_arguments_become_what_the_annotations_ask_for() -> None:
    def describe(place: Place, unit: Unit, mode: Literal["a", "b"] = "a") -> list[str]:
        return [type(place).__name__, place.country, unit.name, mode]

    result = await tool(describe).execute({"place": {"city": "Bonn"}, "unit": "celsius"}, CONTEXT)

    assert result.output == ["Place", "DE", "C", "a"]


async def test_arguments_that_the_annotations_refuse_are_an_error_with_the_place() -> None:
    with pytest.raises(ToolError, match=r"- days: .*greater than or equal to 1"):
        await get_weather.execute({"city": "Bonn", "days": 0}, CONTEXT)


async def test_arguments_that_were_refused_are_forgotten() -> None:
    def refuse(day: str) -> str:
        raise ValueError("no such day")

    @tool
    def look(day: Annotated[str, AfterValidator(refuse)]) -> str:
        return day

    before = kept_errors()
    for _ in range(5):
        try:
            await look.execute({"day": "Sunday"}, CONTEXT)
        except ToolError as error:
            told = error  # as the executor has it, in a frame that the error keeps
            assert "no such day" in str(told)

    assert kept_errors() == before


async def test_a_default_that_is_no_json_is_not_shown_to_the_model_and_still_holds() -> None:
    def kind(x: Any = threading.Thread) -> str:
        return x.__name__

    assert tool(kind).get_parameters()["properties"] == {"x": {}}
    assert (await tool(kind).execute({}, CONTEXT)).content == "Thread"


async def test_no_more_than_ten_faults_are_listed() -> None:
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    with pytest.raises(ToolError) as caught:
        await tool(total).execute({"numbers": ["x"] * 1000}, CONTEXT)

    assert str(caught.value).count("\n- ") == 10


async def test_the_context_and_the_signal_are_given_and_hidden_from_the_model() -> None:
    async def who(question: str, context: ExecutionContext, signal: AbortSignal) -> str:
        return f"{question} {context.run_id} {signal.reason}"

    signal = AbortSignal()
    signal.abort("late")

    assert set(tool(who).get_parameters()["properties"]) == {"question"}
    assert (await tool(who).execute({"question": "who?"}, CONTEXT, signal)).content == "who? r late"


async def test_parameters_may_have_any_name_that_python_allows() -> None:
    def odd(model_config: int, schema: int, _hidden: int, copy: int, self_: int = 0) -> int:
        return model_config + schema + _hidden + copy

    given = {"model_config": 1, "schema": 2, "_hidden": 3, "copy": 4}

    assert set(tool(odd).get_parameters()["required"]) == set(given)
    assert (await tool(odd).execute(given, CONTEXT)).output == 10


async def test_a_parameter_named_like_the_calls_id_gets_what_it_is_given() -> None:
    def echo(tool_call_id: str) -> str:
        return tool_call_id

    assert (await tool(echo).execute({"tool_call_id": "c1"}, CONTEXT)).content == "c1"


async def test_models_and_sets_that_a_function_returns_become_json() -> None:
    def places() -> dict[str, Any]:
        return {"home": Place(city="Bonn"), "kinds": {"city"}}

    assert (await tool(places).execute({}, CONTEXT)).output == {
        "home": {"city": "Bonn", "country": "DE"},
        "kinds": ["city"],
    }


async def test_a_function_may_return_a_result_of_its_own() -> None:
    def own() -> ToolResult:
        return ToolResult(content="for the model", content_for_user="for you")

    assert (await tool(own).execute({}, CONTEXT)).content_for_user == "for you"


async def test_what_is_no_json_is_refused_with_the_reason() -> None:
    def bad() -> object:
        return object()

    with pytest.raises(ToolError, match="cannot be stored"):
        await tool(bad).execute({}, CONTEXT)


async def test_an_iterator_that_ran_dry_in_a_thread_is_an_error_and_not_a_hang() -> None:
    def dry() -> Any:
        return next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await tool(dry).execute({}, CONTEXT)


async def test_a_sync_function_that_gives_an_awaitable_is_awaited() -> None:
    async def later() -> str:
        return "later"

    def now() -> Any:
        return later()

    assert (await tool(now).execute({}, CONTEXT)).content == "later"


async def test_methods_and_callable_objects_are_functions_too() -> None:
    class Counter:
        def __init__(self) -> None:
            self.count = 0

        def increase(self, by: int) -> int:
            self.count += by
            return self.count

        async def __call__(self, by: int) -> int:
            return self.increase(by)

    counter = Counter()
    await tool(counter.increase).execute({"by": 2}, CONTEXT)

    assert (await FunctionTool(counter, name="count").execute({"by": 3}, CONTEXT)).output == 5


def test_a_function_without_a_usable_name_needs_one() -> None:
    with pytest.raises(ConfigError, match="pass name="):
        tool(lambda: 1)

    assert FunctionTool(lambda: 1, name="one").description == "one"


def unknown_type(x: threading.Thread) -> None: ...
def any_number(*numbers: int) -> None: ...
def any_names(**names: int) -> None: ...
def by_position(x: int, /) -> None: ...
def nowhere_defined(x: "Nowhere") -> None: ...  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType]  # noqa: F821 - the point of the test


@pytest.mark.parametrize("function", [unknown_type, any_number, any_names, by_position, nowhere_defined])  # pyright: ignore[reportUnknownArgumentType] - as above
def test_a_signature_that_no_schema_can_say_is_refused_with_the_tools_name(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=f"tool '{function.__name__}'"):
        tool(function)


def test_a_parameter_that_has_no_name_is_refused_in_one_sentence() -> None:
    def add(a: int, /) -> int:
        return a

    with pytest.raises(ConfigError) as refused:
        tool(add)
    assert str(refused.value) == "tool 'add': parameter 'a' must be one that can be given by name"
