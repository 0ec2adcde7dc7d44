"""How much all clients together may have under way: each bound by itself, and what is told when it is passed."""

import pytest
from agiwod.runtime.errors import TooMuch
from agiwod.runtime.fanout import Fanout
from agiwod.runtime.runs import Ask
from agiwod.runtime.traffic import Bounds, Traffic
from daemon_lab import running, scripted

LARGE = 1 << 20


def nothing() -> int:
    return 0


def refused(error: pytest.ExceptionInfo[TooMuch]) -> tuple[str, int]:
    return error.value.resource, error.value.limit


def test_there_is_room_for_another_connection_when_one_has_ended() -> None:
    traffic = Traffic(Bounds(connections=1))
    leave = traffic.enter(nothing, nothing)
    with pytest.raises(TooMuch, match="there may be 1 connections to the daemon, and it would be more: close") as told:
        traffic.enter(nothing, nothing)
    assert refused(told) == ("connections", 1)
    leave()
    traffic.enter(nothing, nothing)


def test_the_first_request_of_a_connection_is_taken_when_those_of_others_are_all_there_may_be() -> None:
    traffic = Traffic(Bounds(requests=1))
    traffic.begin(10, 0, is_first=True)
    with pytest.raises(TooMuch) as told:
        traffic.begin(10, 0, is_first=False)
    assert refused(told) == ("requests", 1)
    traffic.begin(10, 0, is_first=True)
    for _ in range(2):
        traffic.end(10)
    traffic.begin(10, 0, is_first=False)
    assert traffic.requests == 1


def test_one_large_request_is_always_taken_and_then_they_are_weighed_and_small_ones_never_are() -> None:
    traffic = Traffic(Bounds(request_bytes=LARGE))
    traffic.begin(2 * LARGE, 0, is_first=True)
    with pytest.raises(TooMuch) as told:
        traffic.begin(LARGE, 0, is_first=True)
    assert refused(told) == ("requestBytes", LARGE)
    traffic.begin(1000, 0, is_first=True)
    traffic.end(2 * LARGE)
    traffic.begin(LARGE, 0, is_first=True)


def test_when_much_is_unread_only_those_are_refused_who_do_not_read() -> None:
    traffic = Traffic(Bounds(queued_bytes=LARGE))
    traffic.enter(lambda: 2 * LARGE, nothing)
    traffic.begin(10, 0, is_first=True)
    with pytest.raises(TooMuch) as told:
        traffic.begin(10, 2 * LARGE, is_first=True)
    assert refused(told) == ("queuedBytes", LARGE)


def test_messages_that_are_not_whole_yet_are_weighed_together() -> None:
    traffic = Traffic(Bounds(queued_bytes=LARGE))
    sizes = [LARGE // 2, LARGE // 2]
    for number in range(2):
        traffic.enter(nothing, lambda number=number: sizes[number])
    traffic.check_held()
    sizes[0] += 1
    with pytest.raises(TooMuch) as told:
        traffic.check_held()
    assert refused(told) == ("heldBytes", LARGE)


@pytest.mark.anyio
async def test_a_connection_follows_no_more_runs_than_it_may_and_is_told_what_to_do() -> None:
    async with running(scripted("echo", {"text": "hi", "delayMs": 60_000})) as daemon:
        runs = [(await daemon.runs.start(Ask("echo", "go"))).head.run for _ in range(3)]
        fanout = Fanout(daemon.engine, _Nowhere(), most=2)
        for run in runs[:2]:
            (await fanout.attach(run)).go()
        with pytest.raises(TooMuch, match="detach some") as told:
            await fanout.attach(runs[2])
        assert refused(told) == ("attachments", 2)
        fanout.detach(runs[0])
        (await fanout.attach(runs[2])).go()
        assert fanout.runs == (runs[1], runs[2])
        for run in runs:
            await daemon.runs.cancel(run)


class _Nowhere:
    """A sink that takes everything."""

    is_full = False

    async def drained(self) -> None:
        return

    def send(self, event: object) -> None:
        return
