"""JSON that is made to hurt: each is answered with its kind, and nobody else waits for it."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from figures import Figures
from fuzz_line import Way
from fuzz_stage import Stage, fuzzed

pytestmark = pytest.mark.chaos

MEGABYTE: Final = 2**20
DEEP: Final = 100_000
WAYS: Final[tuple[Way, ...]] = ("socket", "tcp framed")
LONGEST_BLOCK: Final = 3.0
"""Seconds that any of them may keep others waiting, on a machine that does other things, too."""


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


class Others:
    """A client that asks again and again, and remembers how long it waited at most."""

    def __init__(self, stage: Stage) -> None:
        self.longest, self._stage, self._is_over = 0.0, stage, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Others":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._is_over.wait(0.01):
            self.longest = max(self.longest, self._stage.ping_seconds())


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_answered_with_its_kind_and_nobody_waits_for_it(stage: Stage, name: str, figures: Figures) -> None:
    make, kind = BOMBS[name]
    body = make()
    with Others(stage) as others:
        for way in WAYS:
            answers = stage.line(way).converse([body])
            (told,) = [each["error"]["data"]["kind"] for each in answers if "error" in each]
            assert told == kind
            assert all(len(json.dumps(each)) < 4000 for each in answers)
    figures(f"longest wait of others beside {name}", others.longest, "s", at_most=LONGEST_BLOCK)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_over_http_is_refused_and_nobody_waits_for_it(stage: Stage, name: str, figures: Figures) -> None:
    with Others(stage) as others:
        status, told = stage.post(BOMBS[name][0]())
        squeezed, _ = stage.post(gzip.compress(BOMBS[name][0](), 1), Content_Encoding="gzip")
    assert 400 <= status < 500
    assert 400 <= squeezed < 500
    assert len(told) < 8000
    figures(f"longest wait of others beside {name} over HTTP", others.longest, "s", at_most=LONGEST_BLOCK)


def test_no_bomb_has_left_a_fault_behind(stage: Stage, figures: Figures) -> None:
    began = time.monotonic()
    stage.ping_seconds()
    figures("a ping after all of them", time.monotonic() - began, "s", at_most=1)
    figures("faults in the daemon's log", len(stage.faults()), at_most=0)
    assert stage.is_alive()
