"""A client: typed calls, honest errors, and a connection that is opened again."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agiwo_client import Client, DaemonGone, DaemonNotFound, connect
from agiwo_protocol import connection, daemon, run
from agiwo_protocol.contract import Empty
from agiwo_protocol.errors import DeadlineExceeded, NotFound
from agiwo_protocol.paths import locate
from fake_daemon import FakeDaemon, FakeRun

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[1]


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    served = FakeDaemon(runs={"r": FakeRun()})
    async with asyncio.timeout(60), served.serve(locate(tmp_path).socket):
        yield served


def client_of(home: Path) -> Client:
    return connect(home=home, autostart=False, timeout=60, patience=60)


async def test_a_call_has_the_type_of_its_contract(fake: FakeDaemon, tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        assert await client.call(connection.PING, Empty()) == connection.Pong(at="now")
        assert (await client.call(run.GET, run.RunParams(run_id="r"))).status == "running"
        assert client.server.server_info.name == "fake"


async def test_a_client_may_be_awaited_instead_of_entered(fake: FakeDaemon, tmp_path: Path) -> None:
    client = await client_of(tmp_path)
    assert (await client.call(connection.PING, Empty())).at == "now"
    await client.aclose()


async def test_an_error_of_the_daemon_is_raised_as_its_class(fake: FakeDaemon, tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        with pytest.raises(NotFound) as missing:
            await client.attach("nowhere")
        assert missing.value.data["type"] == "run"


async def test_a_dropped_connection_fails_the_call_under_way_and_the_next_call_connects_again(
    fake: FakeDaemon, tmp_path: Path
) -> None:
    async with client_of(tmp_path) as client:
        with pytest.raises(DaemonGone, match="before it answered daemon/drain"):
            await client.call(daemon.DRAIN, daemon.DrainParams())
        assert (await client.call(connection.PING, Empty())).at == "now"
        assert fake.connections == 2


async def test_a_call_waits_no_longer_than_it_said(fake: FakeDaemon, tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        with pytest.raises(DeadlineExceeded):
            await client.call(run.WAIT, run.WaitParams(run_id="r"), timeout=0.01)
        assert (await client.call(connection.PING, Empty())).at == "now"


async def test_a_start_that_lost_its_answer_is_asked_again_and_starts_one_run(fake: FakeDaemon, tmp_path: Path) -> None:
    fake.cuts = [0]
    async with client_of(tmp_path) as client:
        started = await client.start_run("assistant", "hello")
    first, second = fake.started
    assert first == second
    assert first["attach"] is True
    assert (started.id, started.session_id) == ("r", "s")


async def test_a_run_that_ends_with_its_client_is_started_over_the_clients_own_connection(
    fake: FakeDaemon, tmp_path: Path
) -> None:
    async with client_of(tmp_path) as client:
        run = await client.start_run("assistant", "hello", on_disconnect="cancel", session_id="s", model="m")
        assert fake.connections == 1
        fake.runs["r"].record("run/completed", response="")
        assert [event.seq async for event in run] == [1]
    (params,) = fake.started
    assert (params["onDisconnect"], params["attach"], params["model"]) == ("cancel", False, "m")


async def test_wait_goes_on_over_a_lost_connection(fake: FakeDaemon, tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        followed = await client.attach("r")
        waiting = asyncio.create_task(followed.wait())
        for _ in range(20):
            await asyncio.sleep(0)
        fake.cut()
        fake.runs["r"].record("run/completed", response="done")
        assert (await waiting).status == "completed"
        assert fake.connections == 2


async def test_steer_and_cancel_reach_the_run(fake: FakeDaemon, tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        followed = await client.attach("r")
        await followed.steer("be brief")
        assert await followed.cancel("enough") is True
        assert (await followed.get()).run_id == "r"
    assert fake.runs["r"].steered == ["be brief"]
    assert fake.runs["r"].cancelled


async def test_without_a_daemon_and_without_autostart_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DaemonNotFound, match=r"start one with `AGIWOD_HOME=\S+ agiwod start`"):
        await client_of(tmp_path)


async def test_a_socket_that_nobody_listens_on_counts_as_no_daemon(tmp_path: Path) -> None:
    served = FakeDaemon()
    path = locate(tmp_path).socket
    async with served.serve(path):
        path.rename(path.with_suffix(".kept"))
    path.with_suffix(".kept").rename(path)
    with pytest.raises(DaemonNotFound, match="no daemon runs"):
        await client_of(tmp_path)


async def test_something_else_on_the_socket_is_told_from_a_daemon(tmp_path: Path) -> None:
    path = locate(tmp_path).socket
    path.parent.mkdir()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(hang, path)
    async with server:
        with pytest.raises(DaemonNotFound, match=r"no daemon answered at .* within 0.2 seconds"):
            await connect(home=tmp_path, autostart=False, timeout=0.2)


async def test_a_client_that_is_not_connected_knows_no_server(tmp_path: Path) -> None:
    with pytest.raises(DaemonGone, match="not connected yet"):
        _ = client_of(tmp_path).server


STARTER = """\
#!{python}
import subprocess, sys
assert sys.argv[1:] == ["start"], sys.argv
daemon = subprocess.Popen(
    [sys.executable, "-m", "fake_daemon", {socket!r}], stdout=subprocess.PIPE, start_new_session=True
)
assert daemon.stdout.readline() == b"ready\\n"
daemon.returncode = 0  # it is left alone on purpose
"""

CLIENT = """\
import asyncio, sys
from agiwo_client import connect
async def main():
    async with connect(home=sys.argv[1], timeout=60) as client:
        print((await (await client.attach("r")).get()).status)
asyncio.run(main())
"""


def run_client_beside(command: str, home: Path, bin_dir: Path) -> "subprocess.CompletedProcess[str]":
    """Run `CLIENT` with an interpreter that has `command` as the `agiwod` beside it."""
    bin_dir.mkdir()
    python = bin_dir / "python"
    python.symlink_to(sys.executable)
    script = bin_dir / "agiwod"
    script.write_text(command.format(python=python, socket=str(locate(home).socket)))
    script.chmod(0o755)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    return subprocess.run(
        [python, "-c", CLIENT, home], env=env, capture_output=True, text=True, timeout=180, check=False
    )


def test_a_daemon_is_started_by_the_command_beside_the_interpreter(tmp_path: Path) -> None:
    done = run_client_beside(STARTER, tmp_path / "home", tmp_path / "bin")
    assert (done.stdout, done.returncode) == ("completed\n", 0), done.stderr


def test_a_start_that_fails_is_reported_with_what_it_said(tmp_path: Path) -> None:
    broken = "#!/bin/sh\necho 'config.toml:3: no such key' >&2\nexit 2\n"
    done = run_client_beside(broken, tmp_path / "home", tmp_path / "bin")
    assert done.returncode == 1
    assert "DaemonNotFound: `agiwod start` ended with code 2: config.toml:3: no such key" in done.stderr
