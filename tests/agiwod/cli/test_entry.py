"""The border of the command: what nobody foresaw becomes a line and a file, and never a traceback."""

from pathlib import Path

import pytest
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


def test_a_failure_says_what_happened_and_what_to_do(capsys: pytest.CaptureFixture[str]):
    assert CommandFailed("it rains", hint="take an umbrella", code=ExitCode.USAGE).report() == 2
    assert capsys.readouterr().err == "agiwod: it rains\n  take an umbrella\n"
