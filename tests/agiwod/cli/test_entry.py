"""The border of the command: what nobody foresaw becomes a line and a file, and never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from agiwo_protocol.scheduler import CancelParams
from agiwod.cli import main
from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.tree import app


@app.command(hidden=True)
def divide() -> None:
    """A command with a fault of its own."""
    raise ZeroDivisionError("our fault")


def test_an_internal_error_is_one_line_and_names_the_file_that_has_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("AGIWOD_HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["agiwod", "divide"])
    log = tmp_path / "state" / "agiwod-cli.log"
    assert main() == ExitCode.FAILED
    assert capsys.readouterr() == ("", f"agiwod: internal error: ZeroDivisionError\n  what happened is in {log}\n")
    assert "ZeroDivisionError: our fault" in log.read_text()


@app.command(hidden=True)
def overstate() -> None:
    """A command whose user has given a reason that no request has room for."""
    CancelParams(state_id="agent", reason="x" * 10_001)


def test_what_no_request_can_say_is_a_fault_of_what_was_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["agiwod", "overstate"])
    assert main() == ExitCode.USAGE
    told = "agiwod: that cannot be asked for:\n  reason: String should have at most 10000 characters\n"
    assert capsys.readouterr() == ("", told)


def test_a_failure_says_what_happened_and_what_to_do(capsys: pytest.CaptureFixture[str]):
    assert CommandFailed("it rains", hint="take an umbrella", code=ExitCode.USAGE).report() == 2
    assert capsys.readouterr().err == "agiwod: it rains\n  take an umbrella\n"


def test_every_line_of_a_failure_is_beneath_its_first(capsys: pytest.CaptureFixture[str]):
    CommandFailed("it rains\n  here\nthere", hint="take an umbrella").report()
    assert capsys.readouterr().err == "agiwod: it rains\n  here\n  there\n  take an umbrella\n"


def test_an_argument_that_is_not_text_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.argv", ["agiwod", "ask", os.fsdecode(b"caf\xe9")])
    assert main() == ExitCode.USAGE
    assert capsys.readouterr().err == "agiwod: this argument is not text in UTF-8: 'caf\\udce9'\n"


def test_what_the_locale_has_no_letter_for_is_told_without_it(tmp_path: Path):
    (tmp_path / "config.toml").write_text('[agents.a]\ndescription = "knows caf\u00e9s"\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "agiwod", "config", "show"],
        capture_output=True,
        check=False,
        env={**os.environ, "AGIWOD_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"knows caf?s" in done.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_as_one_that_nobody_uses(tmp_path: Path, closed: str):
    command = f'"{sys.executable}" -m agiwod config path {closed}'
    done = subprocess.run(["bash", "-c", command], check=False, env={**os.environ, "AGIWOD_HOME": str(tmp_path)})
    assert done.returncode == 0


def test_a_disk_that_is_full_is_named_where_the_output_goes_to_it(tmp_path: Path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no file that is always full")
    with full.open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "agiwod", "config", "show"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "AGIWOD_HOME": str(tmp_path)},
        )
    assert done.returncode == 1
    assert done.stderr == "agiwod: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("module", ["agiwo_protocol.paths", "agiwod.cli.entry", "agiwod.cli.tree"])
def test_ctrl_c_while_a_command_is_loaded_is_no_traceback(module: str):
    """An interrupt at a certain place: the import of that module is where it comes."""
    program = (
        "import builtins, sys\n"
        "load = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        f"    if name == {module!r}: raise KeyboardInterrupt\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = interrupted\n"
        "sys.argv = ['agiwod', 'status']\n"
        "from agiwod.cli import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
