import re
from itertools import product

import pytest
from agiwo.mcp.naming import full_name, model_name

PARTS = [
    "a",
    "a_",
    "_a",
    "a_b",
    "a__b",
    "__",
    "_",
    "-",
    "a b",
    "a/b",
    "a.b",
    "ä",
    "x" * 60,
    "x" * 61,
    "",
    "\ud800",
    "A",
]


def test_a_name_that_says_what_it_is_is_taken_as_it_is():
    assert model_name("files", "read_file") == "mcp__files__read_file"
    assert full_name("files", "read_file") == "mcp:files/read_file"


def test_every_name_is_one_that_providers_take_and_no_two_tools_have_the_same():
    pairs = list(product(PARTS, PARTS))
    names = [model_name(server, tool) for server, tool in pairs]

    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert len(set(names)) == len(pairs)


@pytest.mark.parametrize(
    ("server", "tool", "readable"),
    [("my files", "read.file", "my_files_read_file"), ("a__b", "c", "a__b_c"), ("a", "_b", "a_b")],
)
def test_a_name_that_could_be_another_one_begins_with_a_digest(server: str, tool: str, readable: str):
    name = model_name(server, tool)

    assert re.fullmatch(rf"mcp_[0-9a-f]{{10}}_{readable}", name)
    assert name == model_name(server, tool)
