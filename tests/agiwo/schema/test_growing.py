"""Growing lists: named by all that is in them, for the price of what is new."""

from enum import StrEnum
from typing import Any

from agiwo.durable import digest
from agiwo.schema.growing import Growing
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


class Colour(StrEnum):
    RED = "red"


@given(st.lists(JSON, max_size=8), st.lists(st.integers(0, 8), max_size=4))
def test_a_digest_tells_the_content_and_not_how_it_came_about(items: list[Any], looks: list[int]) -> None:
    grown = Growing[Any]()
    for number, item in enumerate(items):
        grown.append(item)
        if number in looks:
            grown = grown.copy()
            assert grown.digest
    assert grown == items
    assert grown.digest == Growing(items).digest == grown.copy().digest


@given(st.lists(JSON, max_size=6, unique_by=repr), st.lists(JSON, max_size=6, unique_by=repr))
def test_other_content_has_another_digest(one: list[Any], other: list[Any]) -> None:
    assert (Growing(one).digest == Growing(other).digest) == (repr(one) == repr(other) or _same(one, other))


def _same(one: list[Any], other: list[Any]) -> bool:
    return digest("x", one) == digest("x", other)


def test_a_copy_goes_its_own_way() -> None:
    first = Growing([1])
    second = first.copy()
    second.append(2)
    assert (first, second) == ([1], [1, 2])
    assert first.digest == Growing([1]).digest != second.digest


def test_a_step_is_named_by_the_content_of_what_grows_in_it() -> None:
    assert digest("model", {"messages": Growing([1, 2])}) == digest("model", {"messages": Growing([1, 2])})
    assert digest("model", {"messages": Growing([1, 2])}) != digest("model", {"messages": Growing([2, 1])})


def test_values_that_only_look_other_in_python_are_the_same_in_a_digest() -> None:
    assert digest("x", {"a": Colour.RED}) == digest("x", {"a": "red"})
    assert digest("x", {"b": 1, "a": 2}) == digest("x", {"a": 2, "b": 1})
