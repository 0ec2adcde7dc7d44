"""Where a daemon keeps its things and listens: for its own user alone, whatever the umask, in nobody else's place."""

import asyncio
import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import stranger
from agiwo_client import DaemonNotFound, connect
from agiwo_protocol.paths import Paths, locate
from agiwod.face.door import Door
from daemon_lab import PATIENCE, running
from figures import Figures
from terminal_lab import CONFIG, Home, home_at
from transport_lab import HELLO, calling, serving_at

pytestmark = [pytest.mark.anyio, pytest.mark.security]

OTHERS = 0o077
BOTH = '\n[serve]\ntcp = "127.0.0.1:0"\nhttp = "127.0.0.1:0"\n'


@contextmanager
def umask(mask: int) -> Generator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o177, 0o777], ids=oct)
async def test_the_socket_and_its_directories_are_their_owners_whatever_the_umask(tmp_path: Path, mask: int):
    with umask(mask):
        path = locate(tmp_path / "home").prepare_socket_dir()
        async with running() as daemon, serving_at(path, Door(daemon).converse):
            found = [modes(each) for each in (path, path.parent, tmp_path / "home")]
    assert found == [0o600, 0o700, 0o700]


async def test_nobody_else_can_read_or_list_anything_of_a_daemon_that_has_worked(figures: Figures):
    """The umask is one with which every file is open to all, unless somebody says otherwise."""
    with stranger.open_directory() as directory, umask(0), home_at(directory / "home", CONFIG + BOTH) as home:
        home.path.joinpath("config.toml").chmod(0o600)
        assert home.run("ask", "--session", "one", "Where?").code == 0
        own = [each for each in home.path.rglob("*") if each.parent != home.path or each.is_dir()]
        assert {"agiwod.sock", "agiwod.db", "agiwod.db-wal", "agiwod.log", "token", "daemon.lock", "start.lock"} <= {
            each.name for each in own
        }
        figures("places open to others", sum(bool(modes(each) & OTHERS) for each in own), at_most=0)
        if stranger.IS_ROOT:
            figures("places that another user could open", len(await stranger.reads(*own)), at_most=0)


@pytest.mark.parametrize("by", ["directory", "socket", "user"])
async def test_a_process_of_another_user_hears_nothing(by: str, caplog: pytest.LogCaptureFixture):
    """Each of the three guards alone: the mode of the directory, that of the socket, and who the system says it is."""
    other = None if stranger.IS_ROOT else os.getuid() + 1
    with stranger.open_directory() as directory:
        path = directory / "run" / "s"
        path.parent.mkdir(mode=0o700 if by == "directory" else 0o755)
        async with running() as daemon, serving_at(path, Door(daemon).converse, owner=other):
            path.chmod(0o600 if by == "socket" else 0o666)
            if other is None:
                heard, complaint = await stranger.says(path, HELLO + b"\n")
                assert ("PermissionError" in complaint) == (by != "user")
                who = stranger.NOBODY
            else:  # the daemon is another's, since nobody but root can be somebody else
                async with calling(path) as line, asyncio.timeout(PATIENCE):
                    heard, who = await line.reader.read(), os.getuid()
    assert heard == b""
    assert (f"refused a connection of user {who}" in caplog.text) == (by == "user" or other is not None)


def foreign(paths: Paths) -> None:
    if not stranger.IS_ROOT:
        pytest.skip("only root can give a directory away")
    paths.runtime_dir.mkdir(parents=True)
    os.chown(paths.runtime_dir, stranger.NOBODY, stranger.NOBODY)


def linked(paths: Paths) -> None:
    (paths.data_dir / "elsewhere").mkdir(parents=True)
    paths.runtime_dir.symlink_to(paths.data_dir / "elsewhere")


def for_the_group(paths: Paths) -> None:
    paths.runtime_dir.mkdir(parents=True)
    paths.runtime_dir.chmod(0o770)


def for_all(paths: Paths) -> None:
    paths.runtime_dir.mkdir(parents=True)
    paths.runtime_dir.chmod(0o1777)


def a_file(paths: Paths) -> None:
    paths.runtime_dir.parent.mkdir(parents=True, exist_ok=True)
    paths.runtime_dir.write_text("")


@pytest.mark.parametrize(
    ("prepare", "todo"),
    [
        (foreign, "mv {0} {0}.old"),
        (linked, "mv {0} {0}.old"),
        (for_the_group, "chmod 700 {0}"),
        (for_all, "chmod 700 {0}"),
    ],
)
async def test_a_directory_in_which_somebody_else_could_listen_is_refused_by_daemon_command_and_client(
    prepare: Callable[[Paths], None], todo: str, tmp_path: Path
):
    home = Home(tmp_path / "home")
    prepare(home.paths)
    (home.paths.runtime_dir / "agiwod.sock").touch()  # somebody might listen there
    todo = todo.format(home.paths.runtime_dir)
    for command in ("start", "status"):
        ran = home.run(command)
        assert (ran.code, todo in ran.err) == (1, True), ran
    with pytest.raises(DaemonNotFound, match="cannot connect"):
        async with connect(home=home.path, autostart=False):
            pass
    assert os.listdir(home.paths.runtime_dir) == ["agiwod.sock"]


async def test_a_file_where_the_directory_should_be_is_told(tmp_path: Path):
    home = Home(tmp_path / "home")
    a_file(home.paths)
    ran = home.run("start")
    assert (ran.code, str(home.paths.runtime_dir) in ran.err, "Traceback" in ran.err) == (1, True, False)


async def test_a_path_that_is_too_long_for_a_socket_is_a_short_one_of_the_same_user(tmp_path: Path):
    home = tmp_path / ("x" * 120)
    path = locate(home).prepare_socket_dir()
    assert (modes(path.parent), path.parent.lstat().st_uid) == (0o700, os.getuid())
    async with running() as daemon, serving_at(path, Door(daemon).converse), calling(path) as line:
        assert "result" in await line.ask(HELLO + b"\n")
    assert not path.exists()
