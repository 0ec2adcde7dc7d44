import json
import logging
import stat
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from agiwo.engine.redact import Redactor
from agiwod.logs import logging_to

log = logging.getLogger("agiwod.test")


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_record_is_one_json_line_with_its_fields(tmp_path: Path) -> None:
    file = tmp_path / "log" / "agiwod.log"
    with logging_to(file):
        log.info("run %s started", "r1", extra={"agent": "a", "attempt": 2})
    (line,) = lines(file)

    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "info", "logger": "agiwod.test", "event": "run r1 started", "agent": "a", "attempt": 2}


def test_an_exception_stands_in_the_line_of_its_record(tmp_path: Path) -> None:
    with logging_to(tmp_path / "x.log"):
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("it broke")
    (line,) = lines(tmp_path / "x.log")

    assert line["event"] == "it broke"
    assert line["error"].endswith("ValueError: two\nlines")


@pytest.mark.parametrize(("level", "events"), [("debug", ["d", "i", "w"]), ("info", ["i", "w"]), ("error", [])])
def test_only_what_the_level_asks_for_is_written(tmp_path: Path, level: str, events: list[str]) -> None:
    with logging_to(tmp_path / "x.log", level):
        log.debug("d")
        log.info("i")
        log.warning("w")

    assert [line["event"] for line in lines(tmp_path / "x.log")] == events


def test_known_secrets_are_replaced_by_their_names_wherever_they_stand(tmp_path: Path) -> None:
    redactor = Redactor({"LAB_KEY": "sk-12345678", "LONG": 'sk-12345678"ü\\more', "SHORT": "ab"})
    with logging_to(tmp_path / "x.log", redactor=redactor):
        log.info('sk-12345678"ü\\more and sk-12345678 ab', extra={"url": ["http://h/?k=sk-12345678"]})
        try:
            raise ValueError("sk-12345678")
        except ValueError:
            log.exception("failed")
    first, second = lines(tmp_path / "x.log")

    assert first["event"] == "[redacted:LONG] and [redacted:LAB_KEY] ab"
    assert first["url"] == ["http://h/?k=[redacted:LAB_KEY]"]
    assert "sk-12345678" not in json.dumps(second)


def test_what_looks_like_a_secret_is_replaced_although_nobody_named_it(tmp_path: Path) -> None:
    secret = ["sk-proj-a1b2c3d4e5f6a7b8", "ghp_a1b2c3d4e5f6a7b8c9d0", "AKIA0123456789ABCDEF", "me:pass-word-1"]
    with logging_to(tmp_path / "x.log"):
        log.info(f"{secret[0]} and https://{secret[3]}@host/x", extra={"said": [f"Bearer {secret[1]}", secret[2]]})
        log.info("Bearer of good news, at http://host:8080/a@b, asks for a sk-ip")
    first, second = lines(tmp_path / "x.log")

    assert not [each for each in secret if each in json.dumps(first)]
    assert first["event"] == "[redacted:key] and https://[redacted:user]@host/x"
    assert second["event"] == "Bearer of good news, at http://host:8080/a@b, asks for a sk-ip"


def test_what_is_named_like_a_secret_is_blanked(tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer x", "X-Api-Key": "x", "Accept": "a/b"}
    with logging_to(tmp_path / "x.log"):
        log.info("sent", extra={"headers": headers, "token": "x", "output_tokens": 5, "nested": [{"password": "x"}]})
    (line,) = lines(tmp_path / "x.log")

    assert line["headers"] == {"Authorization": "[redacted]", "X-Api-Key": "[redacted]", "Accept": "a/b"}
    assert (line["token"], line["output_tokens"], line["nested"]) == ("[redacted]", 5, [{"password": "[redacted]"}])


def test_anything_can_be_logged(tmp_path: Path) -> None:
    with logging_to(tmp_path / "x.log"):
        log.info("\ud800 %s", object(), extra={"path": tmp_path, "odd": {1: {2}}})
    (line,) = lines(tmp_path / "x.log")

    assert line["path"] == str(tmp_path)
    assert line["odd"] == {"1": "{2}"}


def test_warnings_are_logged_and_not_printed(tmp_path: Path) -> None:
    with warnings.catch_warnings(), logging_to(tmp_path / "x.log"):
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (line,) = lines(tmp_path / "x.log")

    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "DeprecationWarning: old" in line["event"]


def test_the_log_is_rotated_keeps_five_files_and_is_its_owners_alone(tmp_path: Path) -> None:
    with logging_to(tmp_path / "x.log"):
        for number in range(60):
            log.info("%d %s", number, "x" * 1_000_000)

    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["x.log", "x.log.1", "x.log.2", "x.log.3", "x.log.4"]
    assert all(file.stat().st_size <= 10 * 1024 * 1024 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert lines(files[0])[-1]["event"].startswith("59 ")


def test_after_the_block_nothing_is_written(tmp_path: Path) -> None:
    with logging_to(tmp_path / "x.log"):
        log.info("in")
    log.warning("out")

    assert [line["event"] for line in lines(tmp_path / "x.log")] == ["in"]


def test_nothing_of_it_reaches_stdout(tmp_path: Path) -> None:
    program = (
        "import logging, sys, pathlib, warnings\n"
        "from agiwod.logs import logging_to\n"
        "with logging_to(pathlib.Path(sys.argv[1]), 'debug'):\n"
        "    logging.getLogger('a').critical('in'); warnings.warn('w')\n"
        "logging.getLogger('a').critical('out')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "x.log")], capture_output=True, check=True)

    assert done.stdout == b""
    assert len(lines(tmp_path / "x.log")) == 2
