from collections.abc import Callable
from typing import Any

import orjson
import pytest
from agiwo.schema.slices import LIGHT, is_light, json_slices, texts
from hypothesis import given, settings
from hypothesis import strategies as st


def written(value: object) -> tuple[bytes, int]:
    """The value as slices say it, and how long the longest slice is."""
    slices = list(json_slices(value, orjson.dumps))
    return b"".join(slices), max(map(len, slices))


LONG = "line\n" * LIGHT

BIG: list[Any] = [
    LONG,
    [LONG],
    [LONG, LONG],
    ["short", LONG, "short"],
    {"a": LONG, "b": [LONG, {}], "c": {"d": LONG}, "e": []},
    {"key" * LIGHT: 1},
    [[], {}, "", None, LONG],
    list(range(LIGHT)),
    {str(number): {"n": number, "all": [number]} for number in range(LIGHT // 8)},
    [[[[[list(range(LIGHT))]]]]],
    ("tuple", LONG),
]


@pytest.mark.parametrize("value", BIG, ids=range(len(BIG)))
def test_a_big_value_is_written_as_it_would_be_at_once_but_in_light_slices(value: object) -> None:
    assert not is_light(value)
    text, longest = written(value)
    assert text == orjson.dumps(value)
    assert longest < 4 * LIGHT


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab\n", max_size=3),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inside, max_size=4),
)


@settings(max_examples=25)
@given(_JSON, st.integers(0, 3))
def test_whatever_stands_around_a_long_text_is_written_as_it_would_be_at_once(value: Any, depth: int) -> None:
    for _ in range(depth):
        value = {"long": LONG, "value": [value, LONG]}
    assert written(value)[0] == orjson.dumps(value)


@pytest.mark.parametrize("value", [1, "text", [], {"a": [1.5, None]}, "x" * (LIGHT - 8)])
def test_most_values_are_light_and_one_slice(value: object) -> None:
    assert is_light(value)
    assert list(json_slices(value, orjson.dumps)) == [orjson.dumps(value)]


def circle() -> Any:
    loop: list[Any] = [LONG]
    loop.append({"loop": loop})
    return loop


def deep() -> Any:
    value: Any = LONG
    for _ in range(1000):
        value = [value]
    return value


@pytest.mark.parametrize("value", [circle, deep, lambda: [LONG, object()], lambda: {1: LONG}])
def test_what_is_no_json_is_refused_as_such(value: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        written(value())


def test_a_circle_that_nothing_is_written_of_is_weighed_all_the_same() -> None:
    loop: list[Any] = []
    loop += [loop, loop]
    assert not is_light(loop)


@given(st.text(["a", "\ud83d", "\ude00", "\U0001f600"], min_size=1, max_size=9))
def test_a_text_in_slices_is_cut_through_no_pair(end: str) -> None:
    text = "x" * (LIGHT - 3) + end + "x" * LIGHT
    slices = list(texts(text))
    assert "".join(slices) == text
    mended = [each.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for each in slices]
    assert "".join(mended) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
