"""The unix socket: who may come in, and what is left behind."""

import os
import socket
import stat
from pathlib import Path

import pytest
from agiwo.errors import ConfigError, Conflict
from transport_lab import HELLO, calling, daemon_at

pytestmark = pytest.mark.anyio


async def test_the_socket_is_the_owners_alone_from_its_first_moment(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"):
        assert stat.S_IMODE(os.stat(tmp_path / "s").st_mode) == 0o600


async def test_the_socket_is_gone_when_the_daemon_is(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"):
        pass
    assert not (tmp_path / "s").exists()


async def test_a_socket_that_a_dead_process_left_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
        assert "result" in await line.ask(HELLO + b"\n")


async def test_a_socket_at_which_somebody_listens_is_left_alone(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"):
        with pytest.raises(Conflict, match="another process listens"):
            async with daemon_at(tmp_path / "s"):
                pass
        async with calling(tmp_path / "s") as line:
            assert "result" in await line.ask(HELLO + b"\n")


async def test_a_socket_that_another_process_made_meanwhile_is_not_removed(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"):
        os.rename(tmp_path / "s", tmp_path / "moved")
        (tmp_path / "s").write_text("somebody else's")
    assert (tmp_path / "s").read_text() == "somebody else's"


async def test_a_place_where_no_socket_can_be_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be made"):
        async with daemon_at(tmp_path / "missing" / "s"):
            pass


async def test_the_umask_is_what_it_was(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with daemon_at(tmp_path / "s"):
            assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
