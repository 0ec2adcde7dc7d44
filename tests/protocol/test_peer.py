"""A peer: every request gets exactly one answer, whatever happens to it."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from agiwo_protocol.channel import ChannelClosed, MemoryChannel, StreamChannel, memory_pair
from agiwo_protocol.errors import Cancelled, DeadlineExceeded, InternalError, NotFound, RpcError
from agiwo_protocol.framing import Framing
from agiwo_protocol.jsonrpc import Notification, Request
from agiwo_protocol.limits import MAX_IN_FLIGHT, MAX_MESSAGE
from agiwo_protocol.peer import HandleNotification, HandleRequest, Peer, Reply, ignore_notifications
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.anyio


def fail() -> None:
    raise ZeroDivisionError


class Service:
    """Methods to test with. `hold` waits for `release`; `stubborn` answers although it is cancelled."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.held = asyncio.Event()
        self.heard: list[object] = []

    async def serve(self, peer: Peer, request: Request) -> Any:
        match request.method:
            case "echo":
                return request.params
            case "hold":
                self.held.set()
                await self.release.wait()
                return "released"
            case "stubborn":
                self.held.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    return "all the same"
            case "missing":
                raise NotFound("no such run", type="run")
            case "broken":
                raise ValueError("the password is secret")
            case "unspeakable":
                return object()
            case "followed":
                return Reply("first", lambda: peer.notify("second"))
            case "followedByNothing":
                return Reply("first", fail)
            case "askBack":
                return await peer.request("echo", {"back": True})
            case _:
                return None

    def hear(self, peer: Peer, notification: Notification) -> None:
        self.heard.append(notification.params)
        if notification.method == "broken":
            raise ValueError("a bug")


@asynccontextmanager
async def conversation(
    serve: HandleRequest, hear: HandleNotification = ignore_notifications, **options: Any
) -> AsyncGenerator[tuple[Peer, MemoryChannel]]:
    """A running peer, and the bare far end of its channel."""
    near, far = memory_pair()
    peer = Peer(near, serve, hear, **options)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(peer.run())
        yield peer, far
        await far.close()


@asynccontextmanager
async def two_peers(service: Service) -> AsyncGenerator[tuple[Peer, Peer]]:
    near, far = memory_pair()
    server, client = Peer(near, service.serve, service.hear), Peer(far, service.serve, service.hear)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        tasks.create_task(client.run())
        yield server, client
        await near.close()


def ask(id: int | str, method: str, **params: Any) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def cancel(id: object) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": id}})


async def receive(channel: MemoryChannel, count: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while len(messages) < count:
        frames = await channel.receive()
        assert frames, "the conversation ended early"
        messages += [orjson.loads(frame) for frame in frames if isinstance(frame, bytes)]
    return messages


async def test_each_side_may_ask_the_other_and_questions_may_cross() -> None:
    async with two_peers(Service()) as (server, client):
        assert await client.request("echo", {"x": 1}) == {"x": 1}
        assert await client.request("askBack") == {"back": True}
        both = await asyncio.gather(server.request("echo", [1]), client.request("echo", [2]))
        assert both == [[1], [2]]


async def test_an_error_arrives_as_the_class_of_its_code() -> None:
    async with two_peers(Service()) as (_, client):
        with pytest.raises(NotFound) as missing:
            await client.request("missing")
        assert missing.value.to_error() == NotFound("no such run", type="run").to_error()


@pytest.mark.parametrize("method", ["broken", "unspeakable"])
async def test_an_exception_is_told_by_an_id_that_the_log_has_and_never_by_its_text(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        async with two_peers(Service()) as (_, client):
            with pytest.raises(InternalError) as failed:
                await client.request(method)
    assert set(failed.value.data) == {"kind", "retryable", "errorId"}
    assert "secret" not in str(failed.value.to_error())
    assert failed.value.data["errorId"] in caplog.text


async def test_a_cancelled_caller_cancels_the_request_over_there() -> None:
    service = Service()
    async with two_peers(service) as (server, client):
        asking = asyncio.create_task(client.request("hold"))
        await service.held.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await client.request("echo", {}) == {}
        assert await server.request("echo", {}) == {}  # the late answer disturbed nobody


async def test_a_caller_waits_no_longer_than_it_said() -> None:
    async with two_peers(Service()) as (_, client):
        with pytest.raises(DeadlineExceeded) as late:
            await client.request("hold", timeout=0.01)
        assert late.value.retryable


async def test_a_cancel_right_behind_its_request_is_answered_too() -> None:
    async with conversation(Service().serve) as (_, far):
        far.write(ask(1, "hold"))
        far.write(cancel(1))
        (answer,) = await receive(far, 1)
        assert answer == {"jsonrpc": "2.0", "id": 1, "error": Cancelled("the request was cancelled").to_error()}


async def test_a_request_that_answers_although_cancelled_is_answered_once() -> None:
    service = Service()
    async with conversation(service.serve) as (_, far):
        far.write(ask(1, "stubborn"))
        await service.held.wait()
        far.write(cancel(1))
        far.write(cancel(1))
        assert await receive(far, 1) == [{"jsonrpc": "2.0", "id": 1, "result": "all the same"}]
        far.write(ask(2, "echo"))
        assert [answer["id"] for answer in await receive(far, 1)] == [2]


@pytest.mark.parametrize("id", [None, [1], {"a": 1}, 1.5, True, "unknown", 99])
async def test_a_cancel_of_nothing_is_ignored(id: object) -> None:
    async with conversation(Service().serve) as (_, far):
        far.write(cancel(id))
        far.write(b'{"jsonrpc":"2.0","method":"$/cancelRequest"}')
        far.write(ask(1, "echo"))
        assert [answer["id"] for answer in await receive(far, 1)] == [1]


async def test_a_cancel_of_true_is_not_one_of_the_request_1() -> None:
    service = Service()
    async with conversation(service.serve) as (_, far):
        far.write(ask(1, "hold"))
        await service.held.wait()
        far.write(cancel(True))
        far.write(ask(2, "echo"))
        assert [answer["id"] for answer in await receive(far, 1)] == [2]
        service.release.set()
        assert [answer["result"] for answer in await receive(far, 1)] == ["released"]


async def test_an_answer_that_the_other_side_could_not_read_is_told_by_its_size() -> None:
    async def serve(peer: Peer, request: Request) -> Any:
        return "x" * MAX_MESSAGE

    async with conversation(serve) as (_, far):
        far.write(ask(1, "anything"))
        (answer,) = await receive(far, 1)
        assert (answer["error"]["code"], answer["error"]["data"]["limit"]) == (-32013, MAX_MESSAGE)


async def test_an_id_under_way_is_refused_and_free_again_after_its_answer() -> None:
    service = Service()
    async with conversation(service.serve) as (_, far):
        far.write(ask("a", "hold"))
        far.write(ask("a", "echo"))
        (refused,) = await receive(far, 1)
        assert (refused["id"], refused["error"]["code"]) == ("a", -32600)
        service.release.set()
        assert [answer["result"] for answer in await receive(far, 1)] == ["released"]
        far.write(ask("a", "echo", x=1))
        assert [answer["result"] for answer in await receive(far, 1)] == [{"x": 1}]


async def test_too_many_requests_are_refused_and_urgent_ones_pass() -> None:
    service = Service()
    async with conversation(service.serve, urgent={"echo"}) as (_, far):
        for id in range(MAX_IN_FLIGHT + 1):
            far.write(ask(id, "hold"))
        (refused,) = await receive(far, 1)
        assert (refused["id"], refused["error"]["code"]) == (MAX_IN_FLIGHT, -32011)
        assert refused["error"]["data"] == {
            "kind": "overloaded",
            "retryable": True,
            "resource": "requestsOfConnection",
            "limit": MAX_IN_FLIGHT,
            "retryAfterMs": 100,
        }
        far.write(ask("urgent", "echo"))
        assert [answer["id"] for answer in await receive(far, 1)] == ["urgent"]
        far.write(cancel(0))
        assert [answer["error"]["code"] for answer in await receive(far, 1)] == [-32800]
        far.write(ask("next", "hold"))
        service.release.set()
        answers = await receive(far, MAX_IN_FLIGHT)
        assert Counter(answer["id"] for answer in answers) == Counter([*range(1, MAX_IN_FLIGHT), "next"])


async def test_what_follows_an_answer_comes_after_it(caplog: pytest.LogCaptureFixture) -> None:
    async with conversation(Service().serve) as (_, far):
        far.write(ask(1, "followed"))
        first, second = await receive(far, 2)
        assert (first["result"], second["method"]) == ("first", "second")
        far.write(ask(2, "followedByNothing"))
        assert [answer["result"] for answer in await receive(far, 1)] == ["first"]
        far.write(ask(3, "echo"))
        assert [answer["id"] for answer in await receive(far, 1)] == [3]
    assert "ZeroDivisionError" in caplog.text


async def test_notifications_are_heard_in_order_and_a_failing_one_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service()
    async with two_peers(service) as (_, client):
        for number in range(5):
            client.notify("broken" if number == 2 else "fine", {"n": number})
        await client.request("echo", {})
    assert service.heard == [{"n": number} for number in range(5)]
    assert "a bug" in caplog.text


async def test_an_answer_that_nobody_asked_for_is_never_answered() -> None:
    async with conversation(Service().serve) as (_, far):
        for body in (b'{"jsonrpc":"2.0","id":7,"result":1}', b'{"jsonrpc":"2.0","id":null,"error":{}}', b'{"error":1}'):
            far.write(body)
        far.write(ask(1, "echo"))
        assert [answer["id"] for answer in await receive(far, 1)] == [1]


async def test_the_end_of_the_conversation_fails_who_waits_and_who_asks_later() -> None:
    service = Service()
    async with two_peers(service) as (server, client):
        asking = asyncio.create_task(client.request("hold"))
        await service.held.wait()
        await client.channel.close()
        with pytest.raises(ChannelClosed):
            await asking
        with pytest.raises(ChannelClosed):
            await client.request("echo")
        assert client.is_over
        assert server.channel.is_closed


async def test_a_side_that_serves_nothing_says_so() -> None:
    near, far = memory_pair()
    client = Peer(near)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        far.write(ask(1, "echo"))
        (answer,) = await receive(far, 1)
        assert answer["error"]["code"] == -32601
        await far.close()


async def test_a_client_that_asks_and_never_reads_is_not_read_from_for_ever() -> None:
    near, far = memory_pair()
    served = 0

    async def large(peer: Peer, request: Request) -> Any:
        nonlocal served
        served += 1
        return "x" * 1_000_000

    peer = Peer(near, large)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(peer.run())
        for id in range(100):
            far.write(ask(id, "large"))
            for _ in range(5):
                await asyncio.sleep(0)
        assert 0 < served < 20
        assert len(await receive(far, 100)) == 100
        await far.close()


STEP = st.tuples(st.sampled_from(["echo", "hold", "missing", "broken", "nothing", "cancel"]), st.integers(0, 6))


@settings(deadline=None, max_examples=150)
@given(st.lists(STEP, max_size=30), st.integers(0, 5))
def test_every_request_gets_exactly_one_answer(steps: list[tuple[str, int]], pauses: int) -> None:
    logging.disable(logging.CRITICAL)

    async def story() -> None:
        service = Service()
        asked: Counter[int] = Counter()
        near, far = memory_pair()
        peer = Peer(near, service.serve, max_in_flight=4)
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(peer.run())
            for method, id in steps:
                far.write(cancel(id) if method == "cancel" else ask(id, method))
                asked[id] += method != "cancel"
                for _ in range(pauses):
                    await asyncio.sleep(0)
            service.release.set()
            answers = await receive(far, asked.total())
            far.write(ask("last", "echo"))
            assert [answer["id"] for answer in await receive(far, 1)] == ["last"]
            await far.close()
        assert Counter(answer["id"] for answer in answers) == +asked
        assert all(("result" in answer) != ("error" in answer) for answer in answers)

    try:
        asyncio.run(story())
    finally:
        logging.disable(logging.NOTSET)


def test_an_error_of_the_wire_keeps_its_own_words() -> None:
    error = RpcError("words", kind="special", retryable=True, more=1)
    assert error.to_error() == {
        "code": -32603,
        "message": "words",
        "data": {"kind": "special", "retryable": True, "more": 1},
    }


@asynccontextmanager
async def on_a_socket(serve: HandleRequest) -> AsyncGenerator[socket.socket]:
    """A running peer on one end of a socket, and the bare other end."""
    near, far = socket.socketpair()
    far.setblocking(False)
    _, channel = await asyncio.get_running_loop().create_connection(
        lambda: StreamChannel(Framing(limit=1000)), sock=near
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(Peer(channel, serve).run())
        yield far
        far.close()


async def read_lines(sock: socket.socket, count: int) -> list[dict[str, Any]]:
    text = b""
    while text.count(b"\n") < count:
        piece = await asyncio.get_running_loop().sock_recv(sock, 65536)
        assert piece, "the connection ended early"
        text += piece
    return [orjson.loads(line) for line in text.splitlines()]


async def test_every_malformed_line_gets_a_typed_error_and_the_connection_lives_on() -> None:
    async with on_a_socket(Service().serve) as sock:
        await asyncio.get_running_loop().sock_sendall(
            sock, b'{bad\n[]\n{"id":1}\n"x"\n' + b"y" * 2000 + b"\n\xff\xfe\n" + ask(2, "echo") + b"\n"
        )
        *errors, answer = await read_lines(sock, 7)
        found = [(error["error"]["code"], error["id"]) for error in errors]
        assert found == [(-32700, None), (-32600, None), (-32600, 1), (-32600, None), (-32013, None), (-32700, None)]
        assert answer["id"] == 2


@pytest.mark.parametrize(
    ("sent", "code"),
    [(b"Content-Length: x\r\n\r\n", -32700), (b"Content-Length: 1001\r\n\r\n", -32013), (b"AGIWOD/9\n", -32009)],
)
async def test_where_the_next_message_cannot_be_found_the_error_is_the_last_word(sent: bytes, code: int) -> None:
    async with on_a_socket(Service().serve) as sock:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, sent)
        said = b""
        while piece := await loop.sock_recv(sock, 65536):
            said += piece
        answer = orjson.loads(said.splitlines()[-1])
        assert (answer["id"], answer["error"]["code"]) == (None, code)


async def test_requests_under_way_are_still_answered_when_the_other_side_has_said_all() -> None:
    service = Service()
    async with on_a_socket(service.serve) as sock:
        await asyncio.get_running_loop().sock_sendall(sock, ask(1, "hold") + b"\n" + ask(2, "echo"))
        sock.shutdown(socket.SHUT_WR)
        await service.held.wait()
        service.release.set()
        assert {answer["id"] for answer in await read_lines(sock, 2)} == {1, 2}
        assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""


async def test_requests_without_an_end_are_cancelled_and_answered_when_the_other_side_has_said_all() -> None:
    async with on_a_socket(Service().serve) as sock:
        await asyncio.get_running_loop().sock_sendall(sock, ask(1, "hold") + b"\n")
        sock.shutdown(socket.SHUT_WR)
        (answer,) = await read_lines(sock, 1)
        assert (answer["id"], answer["error"]["code"]) == (1, -32800)
