"""A download that is cut, killed, lied to or refused: what has come is asked for once, and only what is right stays."""

import os
import signal
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from agiwod.download import DownloadFailed, Link, NothingCame, download
from file_server import FileServer, serving

CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2
PULLER = """
import sys
from pathlib import Path
from agiwod.download import Link, download
download(Link(*sys.argv[1:3]), Path(sys.argv[3]), lambda size: None)
"""


def link(server: FileServer, content: bytes = CONTENT) -> Link:
    login = server.login.partition(":") if server.login else None
    return Link(server.url, sha256(content).hexdigest(), (login[0], login[2]) if login else None)


def half_at_first(number: int, body: bytes) -> int:
    return len(body) // 2 if number == 0 else len(body)


def target_in(directory: Path) -> Path:
    return directory / "package.whl"


def test_a_file_comes_whole_and_how_far_it_is_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    with serving(FileServer("a.whl", CONTENT)) as server:
        download(link(server), target_in(tmp_path), told.append)
    assert target_in(tmp_path).read_bytes() == CONTENT
    assert (told[-1], told) == (len(CONTENT), sorted(told))
    assert os.listdir(tmp_path) == ["package.whl"]
    assert server.asked == [None]


def test_after_a_kill_only_the_rest_is_asked_for(tmp_path: Path) -> None:
    told, is_killed = list[int](), threading.Event()
    server = FileServer("a.whl", CONTENT, cut=half_at_first, before_break=is_killed.wait)
    with serving(server):
        argv = [sys.executable, "-c", PULLER, server.url, link(server).sha256, str(target_in(tmp_path))]
        with subprocess.Popen(argv) as child:
            part = tmp_path / "package.whl.part"
            while not part.exists() or part.stat().st_size < HALF:
                assert child.poll() is None
            os.kill(child.pid, signal.SIGKILL)
        is_killed.set()
        assert not target_in(tmp_path).exists()
        download(link(server), target_in(tmp_path), told.append)
    assert target_in(tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-"]
    assert told[0] > HALF


@pytest.mark.parametrize("etag", ['"one"', 'W/"one"', None])
def test_a_connection_that_breaks_is_followed_by_one_for_the_rest(tmp_path: Path, etag: str | None) -> None:
    with serving(FileServer("a.whl", CONTENT, etag, cut=half_at_first)) as server:
        download(link(server), target_in(tmp_path), lambda size: None)
    assert target_in(tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-"]


def test_a_server_that_knows_no_ranges_sends_it_from_the_beginning(tmp_path: Path) -> None:
    with serving(FileServer("a.whl", CONTENT, knows_ranges=False, cut=half_at_first)) as server:
        download(link(server), target_in(tmp_path), lambda size: None)
    assert target_in(tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-"]


def test_a_file_that_is_another_one_meanwhile_is_sent_from_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "package.whl.part").write_bytes(CONTENT[::-1][:HALF])
    (tmp_path / "package.whl.mark").write_text('"zero"')
    with serving(FileServer("a.whl", CONTENT)) as server:
        download(link(server), target_in(tmp_path), lambda size: None)
    assert target_in(tmp_path).read_bytes() == CONTENT
    assert server.asked == [f"bytes={HALF}-"]


def test_what_is_wrong_is_removed_and_named_and_the_next_try_begins_anew(tmp_path: Path) -> None:
    with serving(FileServer("a.whl", CONTENT[::-1])) as server:
        with pytest.raises(DownloadFailed, match=rf"sha256 {sha256(CONTENT[::-1]).hexdigest()} instead of"):
            download(link(server), target_in(tmp_path), lambda size: None)
        assert os.listdir(tmp_path) == []
        server.content = CONTENT
        download(link(server), target_in(tmp_path), lambda size: None)
    assert server.asked == [None, None]


@pytest.mark.parametrize("held", [CONTENT, CONTENT + b"more"])
def test_a_part_that_is_whole_already_is_checked_and_taken_or_removed(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "package.whl.part").write_bytes(held)
    with serving(FileServer("a.whl", CONTENT)) as server:
        if held != CONTENT:
            with pytest.raises(DownloadFailed, match="it was removed"):
                download(link(server), target_in(tmp_path), lambda size: None)
        download(link(server), target_in(tmp_path), lambda size: None)
    assert target_in(tmp_path).read_bytes() == CONTENT


def test_a_login_is_said_and_never_told(tmp_path: Path) -> None:
    with serving(FileServer("a.whl", CONTENT, login="me:s3cr3t")) as server:
        wanted = link(server)
        assert "s3cr3t" not in repr(wanted)
        download(wanted, target_in(tmp_path), lambda size: None)
        with pytest.raises(NothingCame, match=r"^the server answered 401$"):
            download(Link(server.url, wanted.sha256, ("me", "wrong")), tmp_path / "other", lambda size: None)


def test_where_nobody_answers_nothing_came(tmp_path: Path) -> None:
    with serving(FileServer("a.whl", CONTENT)) as server:
        gone = link(server)
    with pytest.raises(NothingCame, match="ConnectError"):
        download(gone, target_in(tmp_path), lambda size: None)


def test_a_server_that_refuses_the_rest_does_not_lose_what_has_come(tmp_path: Path) -> None:
    (tmp_path / "package.whl.part").write_bytes(CONTENT[:HALF])
    server = FileServer("a.whl", CONTENT, login="me:s3cr3t")
    with serving(server), pytest.raises(DownloadFailed, match="401") as failed:
        download(Link(server.url, sha256(CONTENT).hexdigest()), target_in(tmp_path), lambda size: None)
    assert not isinstance(failed.value, NothingCame)
    assert (tmp_path / "package.whl.part").stat().st_size == HALF


@pytest.mark.soak  # it waits before it tries again
def test_a_line_that_breaks_again_and_again_is_given_up_and_what_has_come_is_kept(tmp_path: Path) -> None:
    def less_and_less(number: int, body: bytes) -> int:
        return len(body) // 2 if number < 2 else 0

    server = FileServer("a.whl", CONTENT, cut=less_and_less)
    with serving(server), pytest.raises(DownloadFailed, match="broke again and again"):
        download(link(server), target_in(tmp_path), lambda size: None)
    assert len(server.asked) == 5
    assert (tmp_path / "package.whl.part").read_bytes() == CONTENT[: HALF + HALF // 2]
