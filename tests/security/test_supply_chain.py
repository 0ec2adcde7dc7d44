"""How it is judged what a release is made of; `tests/release/supply_chain.py` asks the world."""

import json
from email.message import Message
from typing import Any

import pytest
from licences import is_taken, licence_of
from supply_chain import read, verdict

pytestmark = pytest.mark.security


def test_who_was_skipped_was_not_asked_about_and_that_is_no_good_news() -> None:
    whole: list[dict[str, Any]] = [
        {"name": "a", "version": "1", "vulns": []},
        {"name": "b", "skip_reason": "not found on PyPI"},
    ]
    part = read(json.dumps({"dependencies": whole}))
    assert verdict(part) == "vulnerabilities: 0 known in 1 of 2 packages; UNKNOWN for b"
    nobody = read(json.dumps({"dependencies": whole[1:]}))
    assert verdict(nobody).startswith("vulnerabilities: UNKNOWN, because no service could be asked")
    assert verdict(nobody.joined(read(""))) == verdict(nobody)
    assert verdict(part.joined(read(json.dumps({"dependencies": [{"name": "b", "version": "1", "vulns": []}]})))) == (
        "vulnerabilities: 0 known in 2 of 2 packages"
    )


def test_what_is_vulnerable_is_named_with_what_mends_it() -> None:
    fault: dict[str, Any] = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}
    told = read(json.dumps({"dependencies": [{"name": "a", "version": "1.0", "vulns": [fault]}]}))
    assert (told.found, verdict(told)) == (
        ("a 1.0: PYSEC-1, mended in 1.1",),
        "vulnerabilities: 1 known in 1 of 1 packages",
    )


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR Apache-2.0) AND SSPL-1.0", False),
        ("AGPL-3.0-or-later", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("(MIT", False),
        ("MIT OR", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_a_licence_is_taken_when_all_that_binds_is(expression: str, taken: bool) -> None:
    assert is_taken(expression) is taken


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ({"License-Expression": "BSD-2-Clause", "License": "GPL"}, "BSD-2-Clause"),
        ({"License": "MIT"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: ISC License (ISCL)"}, "ISC"),
        ({"License": "GNU GPL\nand its whole text"}, "GNU GPL"),
        ({"Classifier": "License :: Other/Proprietary License"}, "Other/Proprietary License"),
        ({}, "unknown"),
    ],
)
def test_older_ways_to_say_it_are_understood(said: dict[str, str], licence: str) -> None:
    found = Message()
    for name, value in said.items():
        found[name] = value
    assert licence_of(found) == licence
