"""The daemon's life from outside: started once, found, stopped, refused, and spoken to through a pipe."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agiwod.cli.ending import Ending
from terminal_lab import AGIWOD, PATIENCE, WORDS, Home, events_of, home_at

pytestmark = pytest.mark.soak  # many processes, or many lives

PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home") as home:
        yield home


def test_start_tells_where_the_daemon_is_and_a_second_start_finds_it(home: Home):
    first, second = home.run("start"), home.run("start")
    where = f"pid {home.pid()}, socket {home.paths.socket}\n"
    assert (first.code, first.out, first.err) == (0, f"agiwod started: {where}", "")
    assert (second.code, second.out, second.err) == (0, f"agiwod runs already: {where}", "")


def test_status_has_every_field_while_the_daemon_runs_and_code_3_when_it_does_not(home: Home):
    absent = home.run("status", "--json")
    assert absent.code == 3
    assert json.loads(absent.out) == {
        "running": False,
        "pid": None,
        "socket": str(home.paths.socket),
        "tcp": None,
        "http": None,
        "tokenFile": None,
        "version": None,
        "uptimeSeconds": None,
        "dataDir": str(home.paths.data_dir),
    }
    home.run("start")
    present = json.loads(home.run("status", "--json").out)
    assert present["running"] is True
    assert present["pid"] == home.pid()
    assert present["socket"] == str(home.paths.socket)
    assert present["uptimeSeconds"] > 0
    assert absent.out.count('": ') == 9
    assert set(json.loads(absent.out)) < set(present)


def test_what_was_said_can_be_read_by_nobody_else(home: Home):
    home.run("start")
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in home.paths.data_dir.glob("agiwod.db*")}
    assert {name: mode & 0o077 for name, mode in files.items()} == dict.fromkeys(files, 0)
    assert "agiwod.db" in files


def test_status_for_people_says_what_to_do_when_no_daemon_runs(home: Home):
    ran = home.run("status")
    assert (ran.code, ran.out) == (3, f"no daemon runs at {home.paths.socket}\nstart one with `agiwod start`\n")
    home.run("start")
    ran = home.run("status")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "state    ready"
    assert "storage  sqlite, full, ok" in ran.out


def test_stop_ends_the_process_and_without_a_daemon_is_code_3(home: Home):
    home.run("start")
    pid = home.pid()
    assert pid is not None
    with Ending(pid) as ending:
        ran = home.run("stop")
        assert (ran.code, ran.out) == (0, f"agiwod stopped: pid {pid}\n")
        assert ending.wait(0)
    ran = home.run("stop")
    assert (ran.code, ran.out, ran.err) == (3, "", f"agiwod: no daemon runs at {home.paths.socket}\n")


def test_a_program_is_told_as_json_what_start_restart_and_stop_have_done(home: Home):
    started = home.json("start")
    first = home.pid()
    assert started == {"pid": first, "socket": str(home.paths.socket), "isNew": True}
    assert home.json("start") == {**started, "isNew": False}
    restarted = home.json("restart")
    assert restarted == {"pid": home.pid(), "socket": str(home.paths.socket), "endedPid": first}
    assert home.json("stop") == {"endedPid": restarted["pid"]}


def speak_slower(home: Home) -> None:
    """Have the slow agent speak so long that a command comes in between on a busy machine, too."""
    turns = [{"text": WORDS, "deltas": 60, "delayMs": 150}]
    (home.path / "slow.json").write_text(json.dumps({"turns": turns, "repeat": True}))


def test_stop_waits_for_a_run_to_end(home: Home):
    speak_slower(home)
    with home.process("ask", "--agent", "slow", "tell") as asking:
        assert asking.stdout is not None
        begun = asking.stdout.read(10)
        stopping = home.run("stop")
        assert stopping.code == 0
        assert stopping.err.startswith("the daemon finishes its runs, for 30 s at most; `agiwod stop --now`")
        out, _ = asking.communicate()
    assert (asking.returncode, (begun + out).decode()) == (0, f"{WORDS}\n")


def test_stop_now_leaves_a_run_that_goes_on_at_the_next_start(home: Home):
    speak_slower(home)
    with home.terminal("ask", "--agent", "slow", "tell") as terminal:
        terminal.await_text("word5")
        terminal.interrupt()
        terminal.await_text("cancelling")
        terminal.interrupt()
        terminal.end()
    assert home.run("stop", "--now").code == 0
    run = home.json("runs", "list")["runs"][0]["runId"]
    ran = home.run("runs", "attach", run, "--json")
    assert ran.code == 0
    assert "run/resumed" in [event["type"] for event in events_of(ran)]


@pytest.mark.parametrize("argv", [["start"], ["ask", "hi"], ["serve"], ["stdio"], ["agents"]])
def test_a_typo_in_the_settings_reaches_the_terminal_of_whoever_needs_the_daemon(tmp_path: Path, argv: list[str]):
    config = '[models.lab]\nprovider = "openai"\nbase_ulr = "http://127.0.0.1:1/v1"\n'
    with home_at(tmp_path / "home", config) as home:
        ran = home.run(*argv)
        file = home.paths.config_file
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"agiwod: {file}:3: unknown key 'base_ulr' in [models.lab]; did you mean 'base_url'?\n"


def test_a_daemon_in_the_foreground_serves_until_a_signal_and_refuses_a_second_one(home: Home):
    with home.process("serve", "--log-level", "debug") as serving:
        assert serving.stderr is not None
        assert serving.stderr.readline().decode() == f"agiwod serves at {home.paths.socket}\n"
        second = home.run("serve")
        assert second.code == 1
        assert second.err.startswith(f"agiwod: another daemon (pid {serving.pid}) uses {home.paths.data_dir}\n")
        assert home.run("ask", "hi").out == "Paris is the capital.\n"
        serving.send_signal(signal.SIGTERM)
        out, err = serving.communicate(timeout=PATIENCE)
    assert (serving.returncode, out, err) == (0, b"", b"")
    assert home.run("status").code == 3
    assert '"debug"' in home.paths.log_file.read_text()


def test_who_listens_and_is_no_daemon_is_not_believed(home: Home):
    path = home.paths.prepare_socket_dir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with home.process("status") as asking:
            line, _ = listener.accept()
            with line:
                assert line.recv(1000).endswith(b"\n")
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            _, err = asking.communicate(timeout=PATIENCE)
    assert asking.returncode == 1
    assert err.decode().startswith(f"agiwod: who listens at {path} does not answer as a daemon of this version does\n")


def test_the_socket_that_a_killed_daemon_left_behind_is_in_nobodys_way(home: Home):
    with home.process("serve") as serving:
        assert serving.stderr is not None
        serving.stderr.readline()
        os.kill(serving.pid, signal.SIGKILL)
    assert home.paths.socket.exists()
    assert home.run("status").code == 3
    assert home.run("start").code == 0


def test_a_daemon_without_a_home_it_can_use_says_which_directory(home: Home):
    home.path.joinpath("data").write_text("a file where a directory should be")
    ran = home.run("start")
    assert ran.code == 1
    assert str(home.paths.data_dir) in ran.err
    assert "Traceback" not in ran.err


def test_a_home_that_is_a_file_is_named(tmp_path: Path):
    file = tmp_path / "home"
    file.write_text("")
    env = {**os.environ, "AGIWOD_HOME": str(file)}
    done = subprocess.run([AGIWOD, "start"], capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"agiwod: {file / 'run'}: Not a directory\n  `agiwod doctor` looks for what is wrong\n"
    assert str(file) in done.stderr


def test_a_home_too_deep_for_a_socket_works_and_status_tells_where_the_socket_is(tmp_path: Path):
    with home_at(tmp_path / ("deep" * 30)) as home:
        assert home.run("ask", "hi").out == "Paris is the capital.\n"
        status = home.json("status")
    assert status["socket"] == str(home.paths.socket)
    assert len(status["socket"]) <= 107
    assert str(home.path) not in status["socket"]


def test_a_wrong_option_is_a_usage_error(home: Home):
    ran = home.run("serve", "--log-level", "loud")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("agiwod: command line: 'log_level' must be 'debug', 'info', 'warning' or 'error'")


def test_stdio_starts_the_daemon_and_carries_the_conversation(home: Home):
    ran = home.run("stdio", stdin=PING)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["id"] == 1
    assert home.pid() is not None


def test_stdio_ends_with_code_3_when_the_daemon_goes(home: Home):
    with home.process("stdio") as pump:
        assert pump.stdin is not None
        assert pump.stdout is not None
        pump.stdin.write(PING.encode())
        pump.stdin.flush()
        assert json.loads(pump.stdout.readline())["id"] == 1
        home.kill()
        _, err = pump.communicate(timeout=PATIENCE)
    assert (pump.returncode, err.decode().splitlines()[0]) == (
        3,
        "agiwod: the daemon is gone (the connection has ended)",
    )


def test_standalone_stdio_is_a_daemon_of_its_own(home: Home):
    ran = home.run("stdio", "--standalone", stdin=PING)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["id"] == 1
    assert home.pid() is None


def test_the_version_is_told(home: Home):
    ran = home.run("--version")
    assert (ran.code, ran.out) == (0, "agiwod 0.1.0\n")


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {module.partition(".")[0] for module in done.stderr.split()}


def test_help_loads_nothing_of_the_daemon(home: Home):
    help = "sys.argv = ['agiwod', '--help']\nfrom agiwod.cli import main\ntry: main()\nexcept SystemExit: pass"
    assert not loaded_by(help) & {"mcp", "httpx2", "aiosqlite", "agiwo", "agiwo_client", "anyio"}


def test_the_pump_loads_neither_pydantic_nor_typer():
    assert not loaded_by("import agiwod.cli, agiwod.cli.stdio") & {"pydantic", "typer", "rich", "asyncio", "anyio"}
