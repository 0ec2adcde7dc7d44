"""What must not stand in a recording, whatever pieces it comes in."""

import json

import pytest
from agiwo.testing.secrets import Secrets
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.text('ab-"\\ é', max_size=12)


@given(st.lists(st.text("ab", min_size=8, max_size=10), max_size=3), st.lists(st.text("ab ", max_size=9), max_size=12))
def test_pieces_are_redacted_as_the_whole_text_is(known: list[str], pieces: list[str]) -> None:
    secrets = Secrets({f"S{number}": secret for number, secret in enumerate(known)})
    clean = secrets.pieces(pieces)
    assert "".join(clean) == secrets.text("".join(pieces))
    assert len(clean) == len(pieces)


@given(st.lists(WORDS, max_size=6))
def test_pieces_without_a_secret_stay_as_they_were(pieces: list[str]) -> None:
    assert Secrets({"S": "a secret 42"}).pieces(pieces) == pieces


def test_a_secret_that_lies_in_many_pieces_is_replaced_in_the_first_and_gone_from_the_others() -> None:
    assert Secrets({"S": "0123456789"}).pieces(["a012", "34", "", "5678", "9b", "c"]) == [
        "a[redacted:S]",
        "",
        "",
        "",
        "b",
        "c",
    ]


def test_a_secret_is_found_inside_json_that_is_text() -> None:
    secret = 'two"lines\nof it'
    assert Secrets({"S": secret}).text(json.dumps({"key": secret})) == '{"key": "[redacted:S]"}'


def test_names_of_members_are_redacted_too() -> None:
    assert Secrets({"S": "0123456789"}).data({"x0123456789": ["0123456789", 1, None]}) == {
        "x[redacted:S]": ["[redacted:S]", 1, None]
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Authorization: Bearer 0123456789abcdef.xyz==", "bearer"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZDE=", "basic"),
        ("sk-proj-abcDEF_0123456789", "key"),
        ("x nvapi-0123456789abcdef0123 y", "key"),
        ("ghp_0123456789abcdefghij", "key"),
        ("AKIAIOSFODNN7EXAMPLE", "key"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijkl", "token"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "private_key"),
    ],
)
def test_what_looks_like_a_secret_is_one(text: str, name: str) -> None:
    clean = Secrets().text(text)
    assert f"[redacted:{name}]" in clean
    assert Secrets().text(clean) == clean


@pytest.mark.parametrize(
    "text", ["The Bearer of good news arrived", "Basic understanding of physics", "sk-learn", "risk-1"]
)
def test_words_are_no_secrets(text: str) -> None:
    assert Secrets().text(text) == text
