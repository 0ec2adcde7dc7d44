"""The handshake before there is an engine: what it takes, the contract takes, and what it says, the contract says."""

from importlib.metadata import version
from typing import Any

import pytest
from agiwo_protocol.connection import InitializeParams, InitializeResult
from agiwo_protocol.contract import read_params
from agiwod.face.rpc.greeting import is_plain, welcome
from agiwod.runtime.identity import Identity
from hypothesis import given, settings
from hypothesis import strategies as st

from agiwod import __version__

PLAIN: dict[str, Any] = {"protocolVersion": 1, "clientInfo": {"name": "t"}}
ODD = st.none() | st.booleans() | st.integers(0, 2) | st.text(max_size=3) | st.floats(allow_nan=False)
NAMES = st.sampled_from(["name", "title", "version", "cwd", "approvals", "tools", "runId", "after", "other"])
VALUES = st.recursive(ODD, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2))
FIELDS = ("protocolVersion", "clientInfo", "capabilities", "workspace", "attach", "token", "stranger")


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES), st.booleans())
def test_what_is_let_through_without_the_contract_is_what_the_contract_takes(
    params: dict[str, Any], is_built_on: bool
) -> None:
    params = {**PLAIN, **params} if is_built_on else params
    if is_plain(params):
        taken = read_params(InitializeParams, params)
        assert taken.attach == []
        assert taken.token is None


@pytest.mark.parametrize(
    "params",
    [
        PLAIN,
        {**PLAIN, "capabilities": {}, "workspace": {"cwd": "/"}, "attach": []},
        {**PLAIN, "capabilities": {"approvals": {}, "tools": {"a": 1}}},
        {**PLAIN, "clientInfo": {"name": "t", "title": "T", "version": "0"}},
    ],
)
def test_what_hosts_say_is_plain(params: object) -> None:
    assert is_plain(params)


@pytest.mark.parametrize(
    "params",
    [
        None,
        [],
        [1],
        {},
        {**PLAIN, "protocolVersion": True},
        {**PLAIN, "protocolVersion": 1.0},
        {**PLAIN, "protocolVersion": 2},
        {**PLAIN, "clientInfo": {}},
        {**PLAIN, "clientInfo": {"name": "t", "title": None}},
        {**PLAIN, "capabilities": None},
        {**PLAIN, "capabilities": {"tools": True}},
        {**PLAIN, "workspace": {}},
        {**PLAIN, "attach": [{"runId": "r"}]},
        {**PLAIN, "attach": None},
        {**PLAIN, "token": "t"},
    ],
)
def test_everything_else_is_left_to_the_contract(params: object) -> None:
    assert not is_plain(params)


def test_the_answer_is_one_of_the_contract_and_leaves_nothing_out() -> None:
    identity = Identity()
    told = welcome(identity, "conn_1", program="1.2.3")
    assert InitializeResult.model_validate(told).to_wire() == told
    assert told["daemon"]["id"] == identity.id
    assert Identity().id != identity.id


def test_the_version_that_is_told_is_the_one_that_is_installed() -> None:
    assert __version__ == version("agiwod")
