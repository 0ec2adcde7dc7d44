"""Secrets are compared in constant time: how long an answer takes tells nothing of how much of a guess was right."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import agiwod

pytestmark = pytest.mark.security

WORDS = ("token", "secret", "password", "api_key")
ROOT = Path(agiwod.__file__).parent


def names(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr


def is_secret(node: ast.expr) -> bool:
    """Whether a value is a secret itself, by its name; not what is counted or found by it, and no constant."""
    if isinstance(node, ast.Call):
        return is_secret(node.func)
    return isinstance(node, ast.Name | ast.Attribute) and any(
        word in name.lower() for name in names(node) for word in WORDS
    )


def careless(source: str) -> list[int]:
    """The lines on which a secret is compared as other values are."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(sign, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for sign in node.ops)
        and any(map(is_secret, (node.left, *node.comparators)))
        and not any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
    ]


def test_the_check_knows_a_careless_comparison():
    assert careless("said == self._token") == [1]
    assert careless("said.encode() != token.encode()") == [1]
    assert careless('"token" in values') == []
    assert careless("hmac.compare_digest(said, token)") == []


@pytest.mark.parametrize("part", ["face", "transport", "entrance.py", "token.py", "strangers.py", "peers"])
def test_no_secret_is_compared_as_other_values_are(part: str):
    place = ROOT / part
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    assert [f"{file}:{line}" for file in files for line in careless(file.read_text(encoding="utf-8"))] == []
    assert files


@pytest.mark.parametrize("file", ["face/lock.py", "face/gate.py"])
def test_the_token_is_compared_in_constant_time(file: str):
    source = (ROOT / file).read_text(encoding="utf-8")
    assert source.count("hmac.compare_digest(") == 1
