"""A daemon whose runs are in a real MongoDB: through its own end, and through the server's."""

from collections.abc import Generator
from pathlib import Path

import pytest
from mongo_lab import Mongod
from terminal_lab import CONFIG, Home, home_at

pytestmark = pytest.mark.mongo


@pytest.fixture
def server() -> Generator[Mongod]:
    server = Mongod()
    yield server
    server.stop()


@pytest.fixture
def home(server: Mongod, tmp_path: Path) -> Generator[Home]:
    with home_at(tmp_path / "home", f'{CONFIG}\n[storage]\nkind = "mongodb"\nuri = "{server.uri}"\n') as home:
        home.environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
        yield home


def test_runs_sessions_and_scheduled_agents_are_there_for_the_next_daemon(home: Home):
    assert "Paris" in home.run("ask", "--session", "one", "Where?").out
    state = home.run("schedule", "submit", "Go.").out.strip()
    assert "mongodb, ok" in home.run("status").out
    home.kill()
    assert "answers, MongoDB" in home.run("doctor").out
    assert "one" in home.run("sessions", "list").out
    assert state in home.run("schedule", "list").out
    assert "Paris" in home.run("ask", "--session", "one", "Again?").out


def test_a_server_that_goes_is_told_by_status_and_doctor_and_the_daemon_goes_on_when_it_is_back(
    home: Home, server: Mongod
):
    home.run("start")
    pid = home.pid()
    server.kill()
    ran = home.run("ask", "Anybody?")
    assert ran.code == 1
    assert "mongodb://127.0.0.1" in ran.err
    assert "degraded" in home.run("status").out
    doctor = home.run("doctor")
    assert doctor.code == 1
    assert f"see that a server runs at mongodb://127.0.0.1:{server.port}" in doctor.out
    server.start()
    server.wait_for_primary()
    while "degraded" in home.run("status").out:
        pass
    assert "Paris" in home.run("ask", "Where?").out
    assert home.pid() == pid


def test_a_daemon_that_is_to_begin_without_its_server_says_so(home: Home, server: Mongod):
    server.kill()
    ran = home.run("start")
    assert ran.code == 1
    assert f"127.0.0.1:{server.port}/agiwod cannot be used" in ran.err
