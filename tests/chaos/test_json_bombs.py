"""JSON that is made to hurt: each is answered with its kind, and keeps the daemon busy for a moment."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from figures import Figures
from fuzz_stage import LATE, Stage, fuzzed
from pause import effort

pytestmark = pytest.mark.chaos

MEGABYTE: Final = 2**20
DEEP: Final = 100_000
MOST: Final = 15
"""How many times the work of reading a million lists the daemon may have with one that comes in three ways."""


def bomb(params: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":7,"method":"run/start","params":%b}' % params


BOMBS: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "lists 100,000 deep": (lambda: b"[" * DEEP + b"]" * DEEP, "parse_error"),
    "lists without an end": (lambda: b"[" * 8 * MEGABYTE, "parse_error"),
    "params 100,000 deep": (lambda: bomb(b'{"input":' * DEEP + b"1" + b"}" * DEEP), "parse_error"),
    "params 1,000 deep": (lambda: bomb(b'{"input":' * 1000 + b"1" + b"}" * 1000), "invalid_params"),
    "200,000 keys": (lambda: bomb(json.dumps(dict.fromkeys(map(str, range(200_000)), 0)).encode()), "invalid_params"),
    "the same key 500,000 times": (lambda: bomb(b"{" + b'"a":0,' * 500_000 + b'"a":0}'), "invalid_params"),
    "a string of 8 MiB": (lambda: bomb(b'{"agent":"%b"}' % (b"x" * 8 * MEGABYTE)), "invalid_params"),
    "8 MiB of escapes": (lambda: bomb(b'{"agent":"%b"}' % (b"\\u0041" * (8 * MEGABYTE // 6))), "invalid_params"),
    "an integer of 4,000 digits": (lambda: bomb(b'{"agent":%b}' % (b"9" * 4000)), "parse_error"),
    "an integer of a million digits": (lambda: bomb(b'{"agent":-%b}' % (b"9" * 1_000_000)), "parse_error"),
    "a number with a million digits": (lambda: bomb(b'{"agent":0.%b}' % (b"1" * 1_000_000)), "invalid_params"),
    "a million lists": (lambda: bomb(b'{"agent":"x","input":[%b[]]}' % (b"[]," * 1_000_000)), "invalid_params"),
    "a million parts": (lambda: bomb(b'{"agent":"x","input":[%b{}]}' % (b"{}," * 1_000_000)), "invalid_params"),
    "a batch of 100,000": (
        lambda: b"[" + b'{"jsonrpc":"2.0","id":1,"method":"ping"},' * 100_000 + b"1]",
        "batch_unsupported",
    ),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with fuzzed(tmp_path_factory.mktemp("bombs") / "home") as stage:
        stage.warm()
        yield stage


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_answered_with_its_kind_and_costs_a_bounded_time(stage: Stage, name: str, figures: Figures) -> None:
    make, kind = BOMBS[name]
    body, began = make(), stage.cpu()
    answers = stage.line("socket").converse([body])
    status, told = stage.post(body)
    squeezed, _ = stage.post(gzip.compress(body, 1), Content_Encoding="gzip")
    spent = stage.cpu() - began
    (error,) = [each["error"] for each in answers if each["id"] in (7, None)]
    assert error["data"]["kind"] == kind
    assert len(json.dumps(error)) < 4000
    assert 400 <= status < 500
    assert 400 <= squeezed < 500
    assert len(told) < 8000
    reading = min(effort(lambda: json.loads(b"[%b[]]" % (b"[]," * 1_000_000))) for _ in range(3))
    figures(f"CPU of the daemon for {name}, three times", spent, "s", at_most=MOST * reading)


def test_no_bomb_has_left_a_fault_behind(stage: Stage, figures: Figures) -> None:
    figures("a ping after all of them", stage.ping_seconds(), "s", at_most=LATE)
    figures("faults in the daemon's log", len(stage.faults()), at_most=0)
    assert stage.is_alive()
