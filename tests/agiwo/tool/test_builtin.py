import math
import time
from datetime import datetime
from typing import Any

import pytest
from agiwo.clock import SystemClock
from agiwo.errors import NotFound, ToolError
from agiwo.schema.tool import ExecutionContext
from agiwo.tool import ToolResult
from agiwo.tool.builtin import BUILTINS, builtin_tool
from agiwo.tool.builtin.calculator import Calculator, evaluate
from agiwo.tool.builtin.current_time import CurrentTime
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")


class Fixed(SystemClock):
    """2026-01-02 03:04:05 UTC, for ever."""

    def now(self) -> float:
        return 1767323045.0


@pytest.mark.parametrize("name", BUILTINS)
def test_every_builtin_goes_by_its_registered_name_and_says_what_it_does(name: str) -> None:
    definition = builtin_tool(name).get_definition()

    assert definition.name == name
    assert definition.description
    assert definition.parameters["type"] == "object"


def test_an_unknown_builtin_names_the_known_ones() -> None:
    with pytest.raises(NotFound, match="calculator, current_time"):
        builtin_tool("abacus")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("6*7", 42),
        ("(3 + 4) * 2 ** 10", 7168),
        ("-7 // 2", -4),
        ("7 % 4 + +1", 4),
        ("1 / 4", 0.25),
        ("2 ** -1", 0.5),
        ("1 ** (10 ** 100)", 1),
        ("sqrt(16) + pi * 0", 4.0),
        ("round(2.567, 2)", 2.57),
        ("round(1234, -2)", 1200),
        ("max(1, 2, 3) - min(4, 5)", -1),
        ("factorial(20)", 2432902008176640000),
        ("log(8, 2)", 3.0),
        (" 1\t+ 1 ", 2),
    ],
)
def test_arithmetic_is_right(expression: str, value: float) -> None:
    result = evaluate(expression)

    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("1/0", "division by zero"),
        ("2 ^ 8", "write ** instead"),
        ("9 ** 9 ** 9", "too large"),
        ("10 ** 1000000000", "too large"),
        ("pow(7, 99999)", "too large"),
        ("factorial(100000)", "too large"),
        ("comb(10 ** 9, 5 * 10 ** 8)", "too large"),
        ("round(5, -1000000000)", "whole number of digits"),
        ("1e308 * 10", "too large"),
        ("exp(1000)", "too large"),
        ("(-8) ** 0.5", "not a real number"),
        ("sqrt(-1)", "not computable"),
        ("factorial(1.5)", "not computable"),
        ("sqrt(1, 2)", "not computable"),
        ("2 +", "not an expression"),
        ("", "not an expression"),
        ("x + 1", "not understood: x"),
        ("True + 1", "truth values"),
        ("'a' * 1000", "not understood"),
        ("1j", "not understood"),
        ("__import__('os').system('true')", "not understood"),
        ("(1).__class__", "not understood"),
        ("[1] * 9", "not understood"),
        ("sqrt(x=1)", "not understood"),
        ("max(*[1, 2])", "not understood"),
        ("1 if 1 else 2", "not understood"),
        ("1 << 9999", "not understood"),
        ("1" * 1001, "longer than 1000"),
        ("-" * 999 + "1", "nested too deeply"),
        ("1\x00", "not"),
    ],
)
async def test_what_cannot_be_computed_is_an_error_result_that_says_why(expression: str, error: str) -> None:
    result = await Calculator().execute({"expression": expression}, CONTEXT)

    assert not result.is_success
    assert error in result.content


async def test_a_number_that_json_readers_would_round_is_given_as_text() -> None:
    big = await Calculator().execute({"expression": "2 ** 100"}, CONTEXT)
    small = await Calculator().execute({"expression": "2 ** 10"}, CONTEXT)

    assert (big.content, big.output) == ("1267650600228229401496703205376",) * 2
    assert (small.content, small.output) == ("1024", 1024)


def outcome(expression: str) -> float | str:
    """The value, or the text of the one kind of error there may be, either of which is there in milliseconds."""
    begun = time.thread_time()
    try:
        return evaluate(expression)
    except ToolError as error:
        return str(error)
    finally:
        assert time.thread_time() - begun < 5


PIECES = ["1", "0", "9" * 50, "1e300", "(", ")", "+", "-", "*", "/", "//", "%", "**", ",", ".", "x", "[", "'", " "]
FUNCTIONS = ["sqrt(", "factorial(", "comb(", "pow(", "round(", "lcm(", "perm(", "log(", "max(", "exp(", "isqrt("]


@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES + FUNCTIONS), max_size=40).map("".join))
def test_any_text_gives_a_finite_number_or_a_tool_error_and_quickly(expression: str) -> None:
    value = outcome(expression)

    assert len(value) < 300 if isinstance(value, str) else math.isfinite(value)
    assert ToolResult(content=str(value)).storable().is_success


NUMBERS = st.integers(-(10**30), 10**30).map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
EXPRESSIONS: st.SearchStrategy[str] = st.recursive(
    NUMBERS,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner).map(lambda t: f"({''.join(t)})")
        | st.tuples(st.sampled_from(FUNCTIONS), inner, inner).map(lambda t: f"{t[0]}{t[1]},{t[2]})")
        | st.tuples(st.sampled_from(FUNCTIONS), inner).map(lambda t: f"{t[0]}{t[1]})")
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_any_well_formed_expression_is_computed_in_bounded_time(expression: str) -> None:
    value = outcome(expression)

    assert "not understood" not in value if isinstance(value, str) else isinstance(value, int) or math.isfinite(value)


@given(st.integers(-(10**9), 10**9), st.sampled_from(["+", "-", "*"]), st.integers(-(10**9), 10**9))
def test_whole_numbers_are_exact(left: int, sign: str, right: int) -> None:
    expected = {"+": left + right, "-": left - right, "*": left * right}[sign]

    assert evaluate(f"{left} {sign} {right}") == expected


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"timezone": "UTC"}, "2026-01-02T03:04:05+00:00"),
        ({"timezone": "Asia/Tokyo"}, "2026-01-02T12:04:05+09:00"),
        ({"timezone": "Asia/Tokyo", "format": "human"}, "Friday, 02 January 2026, 12:04:05 JST"),
    ],
)
async def test_the_time_is_told_in_the_zone_and_the_format_asked_for(parameters: dict[str, Any], text: str) -> None:
    result = await CurrentTime(Fixed()).execute(parameters, CONTEXT)

    assert result.content == text
    assert result.output["unix"] == 1767323045.0


async def test_without_a_zone_the_time_is_local() -> None:
    result = await CurrentTime(Fixed()).execute({}, CONTEXT)

    offset = datetime.fromisoformat(result.content).utcoffset()
    assert offset is not None
    assert offset.total_seconds() == time.localtime(1767323045).tm_gmtoff


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Berlin", "did you mean Europe/Berlin?"),
        ("new york", "did you mean America/New_York"),
        ("Europe/Berln", "did you mean Europe/Berlin"),
        ("America", "there is no time zone 'America'"),
        ("../../etc/passwd", "there is no time zone"),
        ("\x00", "use an IANA name such as Europe/Berlin"),
        ("x" * 5000, "use an IANA name"),
    ],
)
async def test_a_zone_that_does_not_exist_is_an_error_result_with_a_hint(zone: str, hint: str) -> None:
    result = await CurrentTime(Fixed()).execute({"timezone": zone}, CONTEXT)

    assert not result.is_success
    assert hint in result.content
