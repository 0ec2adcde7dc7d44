"""Paths: where the daemon of a home is to be found, by everybody alike."""

import os
import sys
from pathlib import Path

import pytest
from agiwo_protocol.paths import MAX_SOCKET_PATH, Paths, check_socket, locate, own_directory

pytestmark = pytest.mark.skipif(os.name != "posix", reason="unix sockets")


def test_a_home_holds_everything(tmp_path: Path) -> None:
    paths = locate(tmp_path)
    assert paths == locate(None, {"AGIWOD_HOME": str(tmp_path)})
    assert paths == Paths(tmp_path, tmp_path / "data", tmp_path / "state", tmp_path / "run", tmp_path)
    assert paths.config_file == tmp_path / "config.toml"
    assert paths.token_file == tmp_path / "state" / "token"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has directories of its own")
def test_without_a_home_the_directories_are_the_users_own() -> None:
    env = {"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/7", "XDG_DATA_HOME": "relative"}
    paths = locate(None, env)
    assert paths.config_file == Path("/home/me/.config/agiwod/config.toml")
    assert paths.data_dir == Path("/home/me/.local/share/agiwod")
    assert paths.log_file == Path("/home/me/.local/state/agiwod/agiwod.log")
    assert paths.socket == Path("/run/user/7/agiwod/agiwod.sock")
    assert paths.home is None


def test_a_relative_home_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("here").data_dir == tmp_path / "here" / "data"


def test_a_socket_path_that_is_too_long_becomes_a_short_one_of_its_own() -> None:
    long, other = locate("/home/" + "x" * 200), locate("/home/" + "y" * 200)
    assert len(os.fsencode(long.socket)) <= MAX_SOCKET_PATH
    assert long.socket == locate("/home/" + "x" * 200, {"TMPDIR": "/elsewhere"}).socket
    assert long.socket != other.socket


def test_the_longest_path_that_fits_is_kept() -> None:
    room = MAX_SOCKET_PATH - len("//run/agiwod.sock")
    assert locate("/" + "x" * room).socket == Path("/" + "x" * room + "/run/agiwod.sock")
    assert locate("/" + "ü" * (room // 2 + 1)).socket.parent.parent == Path("/tmp")


def test_the_directory_of_the_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    paths = locate(tmp_path)
    (tmp_path / "run").mkdir(mode=0o755)
    assert paths.prepare_socket_dir() == tmp_path / "run" / "agiwod.sock"
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_a_socket_directory_that_somebody_else_put_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="not a directory of yours"):
        locate(tmp_path).prepare_socket_dir()


def test_a_socket_directory_in_which_others_may_write_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o720)
    with pytest.raises(PermissionError, match=f"chmod 700 {tmp_path}/run"):
        locate(tmp_path).prepare_socket_dir()


def test_before_connecting_only_a_socket_that_is_there_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    check_socket(tmp_path / "run" / "agiwod.sock")
    check_socket(tmp_path / "nowhere" / "agiwod.sock")
    (tmp_path / "elsewhere" / "agiwod.sock").touch()
    with pytest.raises(PermissionError, match="not a directory of yours"):
        check_socket(tmp_path / "run" / "agiwod.sock")


def test_a_directory_is_its_owners_alone_with_all_that_is_made_above_it(tmp_path: Path) -> None:
    before = os.umask(0o277)
    try:
        made = own_directory(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [each.stat().st_mode & 0o777 for each in (made, made.parent)] == [0o700, 0o700]
    assert own_directory(made) == made
    (made / "file").touch()
    with pytest.raises(FileExistsError):
        own_directory(made / "file")
