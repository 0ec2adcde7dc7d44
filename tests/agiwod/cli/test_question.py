"""Questions in words: everything is shown, and nothing in it passes for something else."""

from typing import Any

import pytest
from agiwo_protocol.approval import Approval, Subject
from agiwod.cli.plain import visible
from agiwod.cli.question import matching, short, told

ID = "run_1:0.0:aabbccddeeff001122334455"
SAME = "run_2:0.0:aabbccddeeff001122334455"
OTHER = "run_1:0.1:ffeeddccbbaa001122334455"


def asking(reason: str | None = None, **arguments: Any) -> Approval:
    subject = Subject(name="bash", arguments=arguments)
    return Approval(
        approval_id=ID,
        run_id="run_1",
        item_id="run_1.0.0",
        title="Allow bash?",
        subject=subject,
        options=[],
        reason=reason,
        created_at="2026-11-22T10:00:00Z",
    )


def test_arguments_are_shown_whole_each_on_its_lines() -> None:
    long = "x" * 10_000
    assert told(asking("a rule", command="echo one", timeout=5, env={"ä": None}, long=long)) == [
        "Allow bash?",
        "  command: echo one",
        "  timeout: 5",
        '  env: {"ä": null}',
        f"  long: {long}",
        "  (asked because: a rule)",
    ]


def test_no_line_of_a_text_passes_for_one_of_ours() -> None:
    assert told(asking(text="one\n  command: rm\n\n(asked because: fun)")) == [
        "Allow bash?",
        "  text: one",
        "      |   command: rm",
        "      | ",
        "      | (asked because: fun)",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grüße 👋 \\n", "grüße 👋 \\n"),
        ("\x1b[2J\r\t\x7f\x9b", "\\x1b[2J\\r\\t\\x7f\\x9b"),
        ("a\u202eb\u200bc\u2028d\u00a0e", "a\\u202eb\\u200bc\\u2028d\\xa0e"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_is_not_seen_is_shown_by_its_code(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_an_id_is_as_short_as_it_can_be() -> None:
    assert short(ID, [ID, OTHER]) == "aabbccdd"
    assert short(ID, [ID, SAME]) == ID


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (ID, [ID]),
        ("aabb", [ID, SAME]),
        ("run_1", [ID, OTHER]),
        ("run_1:0.1", [OTHER]),
        ("ffeeddccbbaa001122334455", [OTHER]),
        ("bb", []),
    ],
)
def test_an_id_is_found_by_how_it_or_its_digest_begins(given: str, found: list[str]) -> None:
    assert matching(given, [ID, SAME, OTHER]) == found
