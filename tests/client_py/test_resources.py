"""Typed calls: every request of the protocol has a name of its own in the client, and is what that name says."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from agiwo_client import Client, DaemonGone, RpcError, connect
from agiwo_client.request import Awaited, Request, Resource
from agiwo_client.resources import Resources
from agiwo_protocol import session
from agiwo_protocol.catalog import METHODS
from agiwo_protocol.contract import Method, Wire
from agiwo_protocol.paths import locate
from client_stage import serving
from daemon_lab import PATIENCE, running
from fake_daemon import FakeDaemon, FakeRun
from pydantic.alias_generators import to_snake

pytestmark = pytest.mark.anyio

FOLLOWED = {
    "initialize": "connect",
    "ping": "Client.ping",
    "shutdown": "Client.aclose",
    "run/start": "Client.start_run",
    "run/replay": "Client.replay_run",
    "run/attach": "Client.attach",
    "run/detach": "Run.aclose",
    "event/subscribe": "Client.events",
    "event/unsubscribe": "Events.__aexit__",
}
"""The requests that begin and end a conversation or a stream, and what stands for each of them."""

BETWEEN_DAEMONS = {"peer/follow", "peer/unfollow"}
"""What daemons ask of each other, and no program."""


def requests() -> Iterator[tuple[str, Request[..., Any]]]:
    """Every request of every resource, under the name that its place in the client gives it."""
    for place, resource in vars(_resources()).items():
        assert isinstance(resource, Resource)
        for verb, request in vars(type(cast("Resource[Awaited]", resource))).items():
            if isinstance(request, Request):
                yield f"{place}/{verb}", request


def _resources() -> Resources[Awaited]:
    def refuse(method: Method[Any, Any], params: Wire, *, timeout: float | None, is_safe: bool) -> None:
        raise AssertionError(method.name)

    return Resources(refuse)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with (
        asyncio.timeout(PATIENCE),
        running() as daemon,
        serving(daemon, tmp_path),
        connect(home=tmp_path, autostart=False, timeout=60, patience=60) as client,
    ):
        yield client


def test_every_request_of_the_protocol_has_a_form_of_its_own() -> None:
    typed = {request.method.name for _, request in requests()}
    missing = METHODS.keys() - typed - FOLLOWED.keys() - BETWEEN_DAEMONS
    assert not missing, f"each of these needs its line in agiwo_client/resources.py: {', '.join(sorted(missing))}"
    assert typed.isdisjoint(FOLLOWED)


def test_a_request_is_called_as_it_is_on_the_wire() -> None:
    for place, request in requests():
        resource, verb = request.method.name.split("/")
        assert place == f"{to_snake(resource)}/{to_snake(verb)}"


async def test_what_is_read_is_typed(client: Client) -> None:
    created = await client.session.create(agent="echo", session_id="mine")
    assert await client.session.get(session_id="mine") == created
    assert [each.session_id for each in (await client.session.list(agent_id="echo")).sessions] == ["mine"]
    assert [each.agent_id for each in (await client.agent.list()).agents] == ["echo"]
    assert (await client.daemon.status()).state == "ready"
    assert (await client.rpc.discover()).openrpc
    assert "T" in await client.ping()


async def test_a_run_is_started_waited_for_and_done_once_more(client: Client) -> None:
    run = await client.start_run("echo", "hi")
    assert (await client.run.wait(run_id=run.id)).response == "hello world"
    again = await client.replay_run(run.id)
    assert again.id != run.id
    assert [each.type async for each in again][-1] == "run/completed"


async def test_a_field_that_the_request_does_not_have_is_refused_before_it_is_sent(client: Client) -> None:
    fields: dict[str, Any] = {"session_id": "s", "agent": "echo"}
    with pytest.raises(TypeError, match="session/get does not take 'agent'; it takes session_id"):
        await client.session.get(**fields)
    with pytest.raises(ValueError, match="limit"):
        await client.run.list(limit=0)


async def test_what_the_daemon_refuses_is_raised(client: Client) -> None:
    with pytest.raises(RpcError) as refused:
        await client.session.fork(session_id="nowhere", at="never")
    assert refused.value.kind == "not_found"


async def test_a_request_tells_what_it_is_for_and_what_it_takes(client: Client) -> None:
    assert client.session.fork.__doc__ == session.FORK.about
    taken = inspect.signature(client.session.fork).parameters
    assert list(taken) == ["session_id", "at", "seq", "new_session_id"]
    assert (taken["at"].default, taken["seq"].default) == (inspect.Parameter.empty, None)
    assert all(inspect.signature(request.__get__(_resources().run, object)) for _, request in requests())


async def test_what_only_reads_is_asked_again_and_what_changes_something_is_not(tmp_path: Path) -> None:
    fake = FakeDaemon(runs={"r": FakeRun()})
    client = connect(home=tmp_path, autostart=False, timeout=60, patience=60)
    async with asyncio.timeout(PATIENCE), fake.serve(locate(tmp_path).socket), client:
        with pytest.raises(DaemonGone, match="before it answered daemon/drain"):
            await client.daemon.drain()
        assert fake.connections == 1
        assert (await client.run.get(run_id="r")).status == "running"
        assert fake.connections == 2
