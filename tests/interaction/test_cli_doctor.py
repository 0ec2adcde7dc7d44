"""What the doctor finds: each fault is provoked for real, and named with what to do."""

import json
import os
import resource
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agiwo.journal.schema import MIGRATIONS
from agiwod.cli.checks.software import has_race
from agiwod.data_lock import data_lock
from terminal_lab import AGIWOD, CONFIG, PATIENCE, Home, home_at

pytestmark = pytest.mark.soak  # each test starts daemons and commands as processes of their own

SECRET = "sk-this-is-never-shown"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home") as home:
        yield home


def findings(home: Home, *argv: str) -> dict[str, dict[str, Any]]:
    return {each["area"]: each for each in home.json("doctor", *argv)["findings"]}


def faults(home: Home) -> set[str]:
    return {area for area, each in findings(home).items() if each["state"] == "fault"}


def test_a_healthy_home_has_no_fault_with_a_daemon_and_without_one(home: Home):
    for _ in range(2):
        ran = home.run("doctor")
        assert (ran.code, ran.err) == (0, "")
        assert {line.split()[0] for line in ran.out.splitlines()[:-1]} <= {"ok", "warning", "->"}
        home.run("start")
    assert home.run("stop").code == 0
    found = findings(home)
    assert found["journal check"]["message"] == f"whole, schema {len(MIGRATIONS)}"
    assert found["lock"]["message"] == "nobody holds the data"
    assert not any("stale" in each["message"] for each in found.values())


def test_every_finding_that_is_not_ok_says_what_to_do(home: Home):
    home.path.joinpath("config.toml").chmod(0o666)
    said = findings(home).values()
    assert {each["state"] for each in said} == {"ok", "warning", "fault"}
    assert all(bool(each["todo"]) == (each["state"] != "ok") for each in said)


@pytest.mark.parametrize(
    ("place", "mode", "area"),
    [
        ("data", 0o755, "data dir"),
        ("state", 0o770, "state dir"),
        ("run", 0o777, "socket dir"),
        (".", 0o777, "config dir"),
        ("config.toml", 0o646, "config file"),
        ("state/agiwod.log", 0o644, "log"),
        ("run/agiwod.sock", 0o666, "socket"),
        (".", 0o000, "config dir"),
        ("data", 0o500, "data dir"),
        ("run", 0o300, "socket dir"),
        ("config.toml", 0o200, "config file"),
        ("data/agiwod.db", 0o400, "journal"),
        ("run/agiwod.sock", 0o400, "socket"),
    ],
)
def test_a_place_that_is_open_to_others_or_closed_to_its_owner_is_a_fault_until_one_does_what_it_says(
    home: Home, place: str, mode: int, area: str
):
    home.run("start")
    home.path.joinpath(place).chmod(mode)
    ran = home.run("doctor", "--json")
    assert ran.code == 1
    found = next(each for each in json.loads(ran.out)["findings"] if each["area"] == area)
    assert found["state"] == "fault"
    complaint = "is open to others" if mode & 0o077 else "is closed to its owner"
    assert (complaint in found["message"], f"(mode {mode:04o})" in found["message"]) == (True, True)
    subprocess.run(found["todo"].split(), check=True)
    assert faults(home) == set()


@pytest.mark.parametrize(
    ("place", "areas"),
    [
        ("config.toml", {"config file", "config"}),
        ("data/agiwod.db", {"journal", "journal check"}),
        ("data/daemon.lock", {"lock"}),
        ("state/agiwod.log", {"log"}),
        ("run/agiwod.sock", {"socket"}),
    ],
)
def test_a_directory_in_the_place_of_a_file_is_a_fault_until_it_is_moved_away(home: Home, place: str, areas: set[str]):
    home.run("start")
    home.run("stop")
    path = home.path / place
    path.unlink(missing_ok=True)
    path.mkdir()
    found = {area: each for area, each in findings(home).items() if each["state"] == "fault"}
    assert found.keys() == areas
    moving = {each["todo"].removeprefix("move it away: ") for each in found.values() if "mv " in each["todo"]}
    assert moving == {f"mv {path} {path}.old"}
    subprocess.run(moving.pop().split(), check=True)
    assert faults(home) == set()


@pytest.mark.parametrize("place", ["data", "state", "run"])
def test_a_file_or_a_link_to_nowhere_in_the_place_of_a_directory_is_a_fault(home: Home, place: str):
    path = home.path / place
    path.write_text("")
    area = f"{'socket' if place == 'run' else place} dir"
    assert findings(home)[area]["todo"] == f"move it away: mv {path} {path}.old"
    path.unlink()
    path.symlink_to(home.path / "nowhere")
    assert "is a link to nowhere" in findings(home)[area]["message"]
    path.unlink()
    assert faults(home) == set()


def test_a_command_that_cannot_start_the_daemon_names_the_doctor(home: Home):
    home.path.joinpath("run").write_text("")
    ran = home.run("ask", "hi")
    home.path.joinpath("run").unlink()
    assert (ran.code, "`agiwod doctor`" in ran.err) == (1, True)


def test_a_socket_that_is_none_and_a_stranger_that_listens_are_named(home: Home):
    path = home.paths.prepare_socket_dir()
    path.write_text("")
    assert "socket" in faults(home)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with home.process("doctor") as looking:
            with listener.accept()[0] as line:
                line.recv(1000)
                line.sendall(b"who is there?\n")
            out, _ = looking.communicate(timeout=PATIENCE)
    assert b"does not answer as a daemon" in out


def test_a_holder_of_the_data_that_does_not_answer_is_named_with_its_pid(home: Home):
    with data_lock(home.paths.data_dir):
        found = findings(home)["lock"]
    assert found["state"] == "fault"
    assert f"pid {os.getpid()} holds" in found["message"]
    assert findings(home)["lock"]["state"] == "ok"


def test_bad_settings_are_named_with_file_and_line(home: Home):
    home.paths.config_file.write_text('[agents.a]\nmodel = "lab"\ntols = []\n')
    found = findings(home)["config"]
    assert found["message"].startswith(f"{home.paths.config_file}:3: unknown key 'tols'")
    home.paths.config_file.write_text('[agents.a]\ntools = ["hammer"]\n')
    assert f"{home.paths.config_file}:2: no tool 'hammer'" in findings(home)["config"]["message"]


def test_a_missing_key_is_a_fault_when_an_agent_needs_it_and_its_value_is_never_shown(home: Home):
    home.paths.config_file.write_text(f'{CONFIG}\n[agents.poor]\nmodel = "keyless"\n')
    found = findings(home)["model keyless"]
    assert (found["state"], "A_KEY_THAT_IS_NOT_SET" in found["todo"]) == ("fault", True)
    home.paths.config_file.write_text(CONFIG)
    assert findings(home)["model keyless"]["state"] == "warning"
    with_key = home.run(
        "doctor", A_KEY_THAT_IS_NOT_SET=SECRET, OPENAI_API_KEY=SECRET, OPENAI_BASE_URL=f"http://{SECRET}"
    )
    assert with_key.code == 0
    assert SECRET not in with_key.out


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("openai:gpt-4o", "set OPENAI_API_KEY"),
        ("scripted:missing.json", "there is no file {home}/missing.json"),
        ("local:/no/such.gguf", "/no/such.gguf"),
    ],
)
def test_what_lacks_to_a_model_that_only_an_agent_names_is_a_fault(home: Home, model: str, reason: str):
    home.paths.config_file.write_text(f'[agents.poor]\nmodel = "{model}"\n')
    (found,) = (each for each in findings(home).values() if each["state"] == "fault")
    assert found["area"].startswith(f"model {model.partition(':')[0]}:")
    assert reason.format(home=home.path) in found["message"]


def test_a_variable_that_cannot_be_used_is_named_with_what_it_must_be(home: Home):
    loud = Home(home.path, environ={"AGIWOD_LOG_LEVEL": "loud"})
    found = findings(loud)["config"]
    assert (found["state"], found["todo"]) == ("fault", "set AGIWOD_LOG_LEVEL right, or unset it")
    home.paths.config_file.write_text('[agents.poor]\nmodel = "openai:gpt-4o"\n')
    askew = home.run("doctor", OPENAI_API_KEY=SECRET, OPENAI_BASE_URL="localhost:8000")
    assert "cannot be used: set OPENAI_BASE_URL to an http:// or https:// address" in askew.out


def test_a_damaged_journal_and_one_of_a_newer_version_are_named(home: Home):
    home.run("ask", "hi")
    home.run("stop")
    file = home.paths.data_dir / "agiwod.db"
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert "newer version (schema 99)" in findings(home)["journal check"]["message"]
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    found = findings(home)["journal check"]
    assert (found["state"], "is damaged" in found["message"]) == ("fault", True)


def test_a_disk_that_takes_nothing_is_a_fault(home: Home):
    """A limit on the size of files is what a full disk is to a program: its writes fail."""

    def allow_no_bytes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = subprocess.run(
        [AGIWOD, "doctor"], capture_output=True, text=True, check=False, env=home.env, preexec_fn=allow_no_bytes
    )
    assert done.returncode == 1
    assert [line.split()[:3] for line in done.stdout.splitlines() if line.startswith("fault")] == [
        ["fault", "data", "disk"],
        ["fault", "state", "disk"],
    ]


def test_the_hash_of_the_weights_is_looked_at_when_asked(home: Home):
    weights = home.path / "cache" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    weights.parent.mkdir(parents=True)
    with weights.open("wb") as file:
        file.truncate(98_362_432)
    mine = Home(home.path, environ={"AGIWO_LOCAL_MODEL": str(weights)})
    assert findings(mine)["local weights"]["state"] == "ok"
    assert findings(mine, "--hash")["local weights"]["state"] == "fault"


@pytest.mark.parametrize(
    ("version", "is_bad"),
    [
        *[((3, 6, 23), False), ((3, 44, 6), False), ((3, 50, 7), False), ((3, 51, 3), False), ((4, 0, 0), False)],
        *[((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True), ((3, 50, 6), True), ((3, 51, 2), True)],
    ],
)
def test_the_versions_of_sqlite_that_may_damage_a_file_are_known(version: tuple[int, int, int], is_bad: bool):
    assert has_race(version) is is_bad
