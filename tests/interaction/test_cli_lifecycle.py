"""Living with a daemon: started by fifty at once, restarted, hung up on, killed, drained, and its log followed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from agiwod.cli.ending import Ending
from terminal_lab import AGIWOD, CONFIG, PATIENCE, WORDS, Home, events_of, home_at

pytestmark = pytest.mark.soak  # each test starts daemons and commands as processes of their own

HOLD = '{"turns": [{"text": "old", "delayMs": 700}, {"text": "old"}], "repeat": true}'


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home") as home:
        yield home


class Log:
    """The log as `agiwod logs -f --json` tells it."""

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines

    def await_event(self, words: str) -> dict[str, Any]:
        """The next line whose event has these words."""
        while line := self._lines.readline():
            record = json.loads(line)
            if words in record["event"]:
                return record
        raise AssertionError(f"the log ended before {words!r}")


@contextmanager
def followed(home: Home) -> Generator[Log]:
    with home.process("logs", "-f", "-n", "1", "--json") as following:
        assert following.stdout is not None
        following.stdout.readline()  # it has begun, and will miss nothing
        yield Log(following.stdout)


def hang_up(home: Home, log: Log, words: str = "read anew") -> dict[str, Any]:
    """Have the daemon read its settings, and return what it logs."""
    pid = home.pid()
    assert pid is not None
    os.kill(pid, signal.SIGHUP)
    return log.await_event(words)


def configure(home: Home, config: str) -> None:
    home.paths.config_file.write_text(config)


def test_of_fifty_that_start_at_once_one_starts_the_daemon_and_the_others_say_that_it_runs(home: Home):
    racers = [
        subprocess.Popen([AGIWOD, "start"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=home.env)
        for _ in range(50)
    ]
    said = [racer.communicate(timeout=PATIENCE) for racer in racers]
    assert {(racer.returncode, err) for racer, (_, err) in zip(racers, said, strict=True)} == {(0, "")}
    verbs = sorted(out.partition(": ")[0] for out, _ in said)
    assert verbs == [*["agiwod runs already"] * 49, "agiwod started"]
    assert {out.partition(": ")[2] for out, _ in said} == {f"pid {home.pid()}, socket {home.paths.socket}\n"}


def test_after_a_kill_the_next_command_takes_over_socket_lock_and_runs(home: Home):
    with home.process("ask", "--agent", "slow", "tell") as asking:
        assert asking.stdout is not None
        asking.stdout.read(10)
        asking.kill()
        home.kill()
    killed = home.json("doctor")["findings"]
    stale = {each["area"]: each["message"] for each in killed if "stale" in each["message"]}
    assert stale.keys() == {"lock", "socket"}
    assert str(home.paths.data_dir / "daemon.lock") in stale["lock"]
    run = home.json("runs", "list")["runs"][0]["runId"]
    types = [event["type"] for event in events_of(home.run("runs", "attach", run, "--json"))]
    assert "run/resumed" in types
    assert types[-1] == "run/completed"


def test_restart_is_another_process_on_the_same_data_and_starts_one_where_none_runs(home: Home):
    first = home.run("restart")
    assert first.out == f"agiwod started: pid {home.pid()}, socket {home.paths.socket}\n"
    old = home.pid()
    second = home.run("restart")
    assert (second.code, second.err) == (0, "")
    assert second.out == f"agiwod restarted (pid {old} ended): pid {home.pid()}, socket {home.paths.socket}\n"
    assert home.pid() != old


def test_restart_now_does_not_wait_for_a_run_and_its_reader_gets_every_word(home: Home):
    with home.process("ask", "--agent", "slow", "tell") as asking:
        assert asking.stdout is not None
        begun = asking.stdout.read(10)
        assert home.run("restart", "--now").code == 0
        out, _ = asking.communicate(timeout=PATIENCE)
    assert (begun + out).decode() == f"{WORDS}\n"


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("log_levle = 1", "1: unknown key 'log_levle'"),
        ('[agents.a]\ntools = ["hammer"]', "2: no tool 'hammer'"),
        ('[storage]\nkind = "mongodb"', "1: [storage] needs uri"),
    ],
)
def test_a_fault_in_the_settings_takes_no_daemon_away_from_who_restarts_it(home: Home, config: str, fault: str):
    home.run("start")
    pid = home.pid()
    configure(home, config)
    ran = home.run("restart")
    assert ran.code == 2
    assert ran.err.startswith(f"agiwod: {home.paths.config_file}:{fault}")
    assert fault in home.run("doctor").out
    assert home.pid() == pid


def test_sigterm_waits_for_a_run_and_a_second_one_does_not(home: Home):
    home.run("start")
    pid = home.pid()
    assert pid is not None
    with home.process("ask", "--agent", "slow", "tell") as asking, followed(home) as log, Ending(pid) as ending:
        assert asking.stdout is not None
        asking.stdout.read(10)
        os.kill(pid, signal.SIGTERM)
        log.await_event("draining")
        assert not ending.wait(0)
        status = home.json("status")
        assert (status["state"], status["pid"]) == ("draining", pid)
        os.kill(pid, signal.SIGTERM)
        assert ending.wait(PATIENCE)
        asking.kill()
    run = home.json("runs", "list")["runs"][0]["runId"]
    assert events_of(home.run("runs", "attach", run, "--json"))[-1]["type"] == "run/completed"


def test_who_needs_a_daemon_that_is_about_to_end_is_told_and_waits_for_the_next(home: Home):
    home.run("start")
    pid = home.pid()
    assert pid is not None
    with home.process("ask", "--agent", "slow", "tell") as asking, followed(home) as log:
        assert asking.stdout is not None
        asking.stdout.read(10)
        os.kill(pid, signal.SIGTERM)
        log.await_event("draining")
        ran = home.run("ask", "hi")
    assert (ran.code, ran.out) == (0, "Paris is the capital.\n")
    assert ran.err.startswith(f"the daemon (pid {pid}) is about to end, and waits for its runs; `agiwod stop --now`")


def test_after_a_hangup_new_runs_are_of_the_new_agents_and_a_run_under_way_keeps_its_own(home: Home):
    home.path.joinpath("hold.json").write_text(HOLD)
    home.path.joinpath("other.json").write_text('{"turns": [{"text": "new"}], "repeat": true}')
    configure(home, '[agents.one]\nmodel = "scripted:hold.json"\n[agents.gone]\nmodel = "scripted:hold.json"\n')
    home.run("start")
    with followed(home) as log, home.process("ask", "--agent", "one", "--json", "who are you?") as asking:
        assert asking.stdout is not None
        while json.loads(asking.stdout.readline())["type"] != "run/started":
            pass
        configure(home, '[agents.one]\nmodel = "scripted:other.json"\n[agents.fresh]\nmodel = "scripted:other.json"\n')
        hang_up(home, log)
        assert home.run("ask", "--agent", "one", "who are you?").out == "new\n"
        assert home.run("ask", "--agent", "fresh", "who are you?").out == "new\n"
        assert home.run("ask", "--agent", "gone", "who are you?").code == 2
        last = json.loads(asking.communicate(timeout=PATIENCE)[0].splitlines()[-1])
    assert (last["type"], last["data"]["response"]) == ("run/completed", "old")


def test_a_run_whose_agent_was_missing_goes_on_when_a_hangup_brings_it_back(home: Home):
    with home.process("ask", "--agent", "slow", "tell") as asking:
        assert asking.stdout is not None
        asking.stdout.read(10)
        asking.kill()
        home.kill()
    configure(home, '[agents.quick]\nmodel = "scripted:quick.json"\n')
    home.run("start")
    run = home.json("runs", "list")["runs"][0]
    assert run["status"] == "suspended"
    with followed(home) as log:
        configure(home, CONFIG)
        hang_up(home, log)
    assert home.run("runs", "attach", run["runId"]).out.endswith("word59\n")


def test_settings_that_cannot_work_change_nothing_and_are_told_in_log_status_and_doctor(home: Home):
    home.run("start")
    configure(home, "[agents.quick]\nmodle = 1\n")
    with followed(home) as log:
        told = hang_up(home, log, "cannot work")
        fault = f"{home.paths.config_file}:2: unknown key 'modle' in [agents.quick]; did you mean 'model'?"
        assert told["event"].endswith(fault)
        config = home.json("status")["config"]
        assert (config["state"], config["error"]) == ("failed", fault)
        assert fault in home.run("status").out
        assert home.run("ask", "hi").out == "Paris is the capital.\n"
        assert home.run("doctor").out.count(fault) == 2
        configure(home, CONFIG)
        hang_up(home, log)
    assert home.json("status")["config"]["state"] == "ok"


def test_what_waits_for_a_restart_is_said_and_the_level_of_the_log_does_not_wait(home: Home):
    home.run("start")
    configure(home, f'log_level = "debug"\n{CONFIG}\n[serve]\ndrain_seconds = 5\n[storage]\ndurability = "normal"\n')
    with followed(home) as log:
        told = hang_up(home, log)
        assert told["after_restart"] == ["serve.drain_seconds", "storage.durability"]
        assert home.json("status")["config"]["afterRestart"] == ["serve.drain_seconds", "storage.durability"]
        home.run("ask", "hi")
        while log.await_event("")["level"] != "debug":
            pass
    assert home.run("restart").code == 0
    status = home.json("status")
    assert (status["config"]["afterRestart"], status["storage"]["durability"]) == ([], "normal")


def test_a_log_that_was_moved_away_is_begun_anew_on_hangup_and_who_follows_misses_nothing(home: Home):
    home.run("start")
    moved = home.path / "moved.log"
    with followed(home) as log:
        hang_up(home, log)
        home.paths.log_file.rename(moved)
        hang_up(home, log)
        assert home.paths.log_file.exists()
        old, new = home.pid(), home.run("restart")
        assert new.code == 0
        assert old != home.pid()
        log.await_event("draining")
        log.await_event("ready")


def test_the_last_lines_come_from_rotated_files_in_their_order(home: Home):
    home.paths.state_dir.mkdir(parents=True)
    line = '{{"at": "2026-01-02T03:04:05.678+00:00", "level": "info", "logger": "a", "event": "{}", "n": 1}}\n'
    for suffix, numbers in ((".2", (1, 2)), (".1", (3, 4)), ("", (5, 6))):
        file = home.paths.log_file.with_name(home.paths.log_file.name + suffix)
        file.write_text("".join(line.format(f"event {number}") for number in numbers))
    ran = home.run("logs", "-n", "5")
    assert ran.out.splitlines() == [f"2026-01-02 03:04:05.678 info    a: event {n}  n=1" for n in range(2, 7)]
    assert [event["event"] for event in events_of(home.run("logs", "-n", "3", "--json"))] == [
        "event 4",
        "event 5",
        "event 6",
    ]


def test_without_a_log_there_is_nothing_to_show(home: Home):
    ran = home.run("logs")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"agiwod: there is no log yet at {home.paths.log_file}\n")


@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("jsonschema", '"title": "The agiwod protocol"'),
        ("openrpc", '"openrpc": "1.3.2"'),
        ("typescript", "export interface RunStartParams"),
        ("markdown", "# "),
    ],
)
def test_the_protocol_is_printed_in_each_format(home: Home, format: str, words: str):
    ran = home.run("schema", "--format", format)
    assert (ran.code, ran.err) == (0, "")
    assert words in ran.out
    assert home.pid() is None


def test_the_package_is_the_command(home: Home):
    done = subprocess.run(
        [sys.executable, "-m", "agiwod", "--version"], capture_output=True, text=True, check=False, env=home.env
    )
    assert (done.returncode, done.stdout) == (0, "agiwod 0.1.0\n")


def test_a_shell_completes_commands(home: Home):
    # The script is the one of the shell that asks for it.
    command = f"{AGIWOD} --show-completion && true"
    asked = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=home.env)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "complete -o default -F _agiwod_completion agiwod" in asked.stdout
    completed = home.run(_AGIWOD_COMPLETE="complete_bash", COMP_WORDS="agiwod re", COMP_CWORD="1")
    assert completed.out.split() == ["restart"]
