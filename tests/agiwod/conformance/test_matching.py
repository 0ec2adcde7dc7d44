"""Patterns over JSON: what fits, what does not and how that is told, and what is kept."""

from typing import Any

import pytest
from agiwod.conformance.matching import Names, UnknownName, fill, mismatch

FITS: list[tuple[Any, Any]] = [
    (1, 1),
    (None, None),
    ({"a": 1}, {"a": 1, "more": 2}),
    ({"a": "<absent>"}, {"b": 1}),
    ([1, "<any>"], [1, {"x": []}]),
    ({"<each>": {"a": "<integer>"}}, [{"a": 1}, {"a": 2}]),
    ({"<each>": 1}, []),
    ({"<has>": {"a": 2}}, [{"a": 1}, {"a": 2}]),
    ("<time>", "2026-11-22T10:00:00Z"),
    ("<number>", 1.5),
    ("<one read once>", "once"),
    ("<shape Pong>", {"at": "now"}),
    ("plain <text>", "plain <text>"),
]


@pytest.mark.parametrize(("pattern", "value"), FITS)
def test_what_fits(pattern: Any, value: Any) -> None:
    assert mismatch(pattern, value, {}) is None


@pytest.mark.parametrize(
    ("pattern", "value", "said"),
    [
        (1, True, "it: expected 1, came True"),
        (1, 1.0, "it: expected 1, came 1.0"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b: expected 1, came 2"),
        ({"a": 1}, {}, "a: expected 1, nothing is there"),
        ({"a": "<any>"}, {}, "a: expected <any>, nothing is there"),
        ({"a": "<absent>"}, {"a": None}, "a: expected <absent>, came None"),
        ([1], [1, 2], "it: expected 1 members, and there are 2: [1, 2]"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "a.1: expected 2, came 3"),
        ({"<each>": "<string>"}, ["x", 1], ".1: expected <string>, came 1"),
        ({"<has>": 7}, [1, 2], "it: none of the 2 members is 7"),
        ("<integer>", True, "it: expected <integer>, came True"),
        ("<time>", "yesterday", "it: expected <time>, came 'yesterday'"),
        ("<time>", "2026-11-22T10:00:00", "it: expected <time>, came '2026-11-22T10:00:00'"),
        ("<one read once>", "twice", "it: expected one of read once, came 'twice'"),
        ("<shape Pong>", {}, "it: no Pong: it: 'at' is a required property"),
        ({"a": 1}, [1], "it: expected an object, came [1]"),
    ],
)
def test_what_does_not_fit_is_told_by_its_place(pattern: Any, value: Any, said: str) -> None:
    assert mismatch(pattern, value, {}) == said


def test_what_is_kept_is_used_later_in_what_is_sent_and_in_what_is_expected() -> None:
    names: Names = {}
    assert mismatch({"id": "<integer first>"}, {"id": 7}, names) is None
    assert fill({"ids": ["<=first>", "as it is"]}, names) == {"ids": [7, "as it is"]}
    assert mismatch("<=first>", 7, names) is None
    assert mismatch("<=first>", 8, names) == "it: expected 7, came 8"
    fresh = fill("<fresh mine>", names)
    assert fresh.startswith("mine-")
    assert fill(["<fresh mine>", "<=mine>"], names) == [fresh, fresh]
    assert fill("<fresh mine>", {}) != fresh


@pytest.mark.parametrize("use", [lambda: fill("<=nothing>", {}), lambda: mismatch("<colour>", "red", {})])
def test_a_slip_of_the_pen_in_a_transcript_is_no_fault_of_the_server(use: Any) -> None:
    with pytest.raises(UnknownName):
        use()
