"""Where the console is served: at an address that stays, that nobody else has, and that only this machine reaches."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from agiwo.errors import StorageError
from agiwo_protocol.paths import Paths, locate
from agiwod.console_door import console_door
from agiwod.entrance import HttpWay
from agiwod.runtime.console import Entry
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.errors import Conflict
from agiwod.transport.http import HttpTransport
from daemon_lab import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = locate(tmp_path)
    for directory in (found.data_dir, found.token_file.parent):
        directory.mkdir(parents=True, exist_ok=True)
    return found


@asynccontextmanager
async def served(paths: Paths, http: HttpWay | None = None) -> AsyncGenerator[Daemon]:
    """A daemon whose console can be turned on, without HTTP of its own unless it is given."""
    async with running() as daemon, console_door(daemon, paths, http):
        yield daemon


async def status(address: str, code: str = "") -> int | None:
    """What the page is answered with; None when nobody listens there."""
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(f"http://{address}/console", params={"code": code} if code else {})).status_code
        except httpx2.ConnectError:
            return None


async def opened(daemon: Daemon) -> Entry:
    """A way in that has opened."""
    entry = await daemon.console.open()
    assert await status(entry.address, entry.code) == 200
    return entry


async def test_a_daemon_without_http_serves_the_console_and_nothing_else_until_it_is_turned_off(paths: Paths):
    async with served(paths) as daemon:
        first, again = await opened(daemon), await opened(daemon)
        assert (again.address, again.code == first.code) == (first.address, False)
        assert first.address.startswith("127.0.0.1:")
        async with httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {paths.token_file.read_text().strip()}"}
        ) as it:
            assert (await it.post(f"http://{first.address}/mcp", json={})).status_code == 404
        await daemon.console.close()
        await daemon.console.close()
        assert await status(first.address) is None


async def test_a_console_that_was_on_is_on_again_at_the_same_address_after_a_restart_and_one_that_was_off_is_off(
    paths: Paths,
):
    async with served(paths) as daemon:
        address = (await opened(daemon)).address
    async with served(paths) as daemon:
        assert (daemon.console.address, await status(address)) == (address, 401)
        await daemon.console.close()
    async with served(paths) as daemon:
        assert (daemon.console.address, await status(address)) == (None, None)


async def test_a_port_that_another_program_has_taken_meanwhile_is_left_to_it(paths: Paths):
    async with served(paths) as daemon:
        before = (await opened(daemon)).address
    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):
        async with served(paths) as daemon:
            assert daemon.console.address not in (None, before)
            assert (await opened(daemon)).address == daemon.console.address


KEPT = ["", "no", "[]", "{}", '{"address": 1}', '{"address": "0.0.0.0:1"}', '{"address": "evil.example:80"}']


@pytest.mark.parametrize("text", KEPT)
async def test_what_stands_in_its_file_never_puts_it_onto_a_network(paths: Paths, text: str):
    (paths.data_dir / "console.json").write_text(text)
    async with served(paths) as daemon:
        assert (daemon.console.address or "").startswith("127.0.0.1:")


async def test_where_http_is_served_anyway_the_console_is_there(paths: Paths):
    transport = HttpTransport("127.0.0.1:0")
    try:
        async with served(paths, HttpWay(transport, "token", ("127.0.0.1",))) as daemon:
            assert (await daemon.console.open()).address == transport.address
    finally:
        transport.close()


async def test_that_it_is_on_has_to_be_kept_or_the_command_is_told(paths: Paths):
    (paths.data_dir / "console.json").mkdir()
    async with served(paths) as daemon:
        with pytest.raises(StorageError, match=r"cannot be kept in .*console.json"):
            await daemon.console.open()


async def test_a_daemon_of_one_client_alone_says_that_it_serves_no_console():
    async with running() as daemon:
        with pytest.raises(Conflict, match="agiwod start"):
            await daemon.console.open()
