"""The first words over a pair of pipes, before there is a daemon."""

import json
import os
from collections.abc import Iterator

import pytest
from agiwo_protocol.errors import Conflict
from agiwod.opening import Opening

HELLO = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1, "clientInfo": {"name": "t"}}}
).encode()
LIST = b'{"jsonrpc":"2.0","id":2,"method":"run/list"}'
TELL = b'{"jsonrpc":"2.0","method":"initialized"}'


class Host:
    """Who speaks: writes to the opening, and reads from it."""

    def __init__(self) -> None:
        self.hears, sink = os.pipe()
        source, self.says = os.pipe()
        self.opening = Opening(source, sink)

    def say(self, *lines: bytes) -> None:
        os.write(self.says, b"".join(line + b"\n" for line in lines))

    def heard(self) -> list[dict[str, object]]:
        os.close(self.opening.sink)
        self.opening.sink = -1
        with os.fdopen(os.dup(self.hears), "rb") as answers:
            return [json.loads(line) for line in answers]

    def close(self) -> None:
        for descriptor in {self.hears, self.says, self.opening.source, self.opening.sink} - {-1}:
            os.close(descriptor)


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


def test_a_handshake_is_answered_and_what_came_with_it_is_kept(host: Host) -> None:
    host.say(HELLO, TELL, LIST)
    host.opening.listen()
    assert host.opening.frames == [TELL, LIST]
    assert host.opening.greeting is not None
    (answer,) = host.heard()
    assert answer["id"] == 1


def test_half_a_handshake_is_left_to_the_daemon_with_what_was_read_of_it(host: Host) -> None:
    os.write(host.says, HELLO[:40])
    host.opening.listen()
    assert (host.opening.frames, host.opening.greeting) == ([], None)
    assert host.opening.framing.feed(HELLO[40:] + b"\n") == [HELLO]


@pytest.mark.parametrize("first", [LIST, b"nonsense", b'AGIWOD/1 face="rpc"', b"[]"])
def test_what_is_no_handshake_is_left_to_the_daemon_with_all_that_follows(host: Host, first: bytes) -> None:
    host.say(first, HELLO)
    host.opening.listen()
    assert host.opening.greeting is None
    assert len(host.opening.frames) == 2


def test_when_there_will_be_no_daemon_each_request_is_told_and_nothing_else(host: Host) -> None:
    host.say(HELLO, LIST, TELL)
    host.opening.listen()
    host.say(b'{"jsonrpc":"2.0","id":3,"method":"agent/list"}')
    host.opening.refuse(Conflict("no"))
    answers = host.heard()
    assert [answer["id"] for answer in answers] == [1, 2, 3]
    assert ["error" in answer for answer in answers] == [False, True, True]


def test_a_host_that_reads_no_more_is_no_fault(host: Host) -> None:
    os.close(host.hears)
    host.hears = -1
    host.say(HELLO)
    host.opening.listen()
    assert host.opening.greeting is not None
