"""Where a client looks for its daemon: the socket of a home, or an address with a token."""

import socket
from pathlib import Path

import pytest
from agiwo_client import DaemonNotFound, connect
from agiwo_client.address import TcpAddress, read_address
from agiwo_protocol import connection
from agiwo_protocol.contract import Empty
from agiwo_protocol.errors import Unauthorized
from agiwo_protocol.paths import locate
from agiwod.face.door import Door
from agiwod.face.lock import Lock
from daemon_lab import running
from transport_lab import serving_at, serving_tcp

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("text", ["", "here", "8000", ":8000", "here:", "here:0", "here:65536", "here:x", "here:٣"])
def test_what_is_no_address_is_said_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="is no HOST:PORT"):
        read_address(text, None, Path("token"))


@pytest.mark.parametrize("text", ["[::1]:7000", "localhost:7000"])
def test_an_address_is_told_as_it_is_written(text: str) -> None:
    assert str(read_address(text, None, Path("token"))) == text


def test_a_token_is_the_one_given_else_the_one_that_the_file_holds_then(tmp_path: Path) -> None:
    file = tmp_path / "token"
    address = TcpAddress("localhost", 7000, None, file)
    assert address.token() is None
    file.write_text("secret\n")
    assert address.token() == "secret"
    assert TcpAddress("localhost", 7000, "given", file).token() == "given"


async def test_over_tcp_a_client_says_the_token_of_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = locate(tmp_path).token_file
    file.parent.mkdir()
    file.write_text("secret\n")
    async with running() as daemon, serving_tcp(Door(daemon, Lock("secret")).converse) as place:
        async with connect(home=tmp_path, address=str(place)) as client:
            assert (await client.call(connection.PING, Empty())).at
            run = await client.start_run("echo", "hello")
            assert (await run.wait()).status == "completed"
        monkeypatch.setenv("AGIWOD_ADDRESS", str(place))
        monkeypatch.setenv("AGIWOD_TOKEN", "wrong")
        with pytest.raises(Unauthorized, match="not the daemon's token"):
            await connect()


async def test_a_home_that_is_named_counts_more_than_an_address_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGIWOD_ADDRESS", "nowhere")
    path = locate(tmp_path).prepare_socket_dir()
    async with running() as daemon, serving_at(path, Door(daemon).converse), connect(home=tmp_path) as client:
        assert client.server.daemon.id == daemon.id


async def test_where_nobody_listens_no_daemon_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(
        DaemonNotFound, match=f"no daemon runs at {address}; start one there with `agiwod serve --tcp {address}`$"
    ):
        await connect(home=tmp_path, address=address)
