"""The end of a log that is rotated, moved and cut while somebody reads it: each whole line once, and in order."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from agiwod.cli.logs import readable
from agiwod.cli.tail import Tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "x.log"


def add(file: Path, *lines: str) -> None:
    with file.open("a") as writing:
        writing.write("".join(f"{line}\n" for line in lines))


def rotate(file: Path) -> None:
    for number in (2, 1):
        older = file.with_name(f"{file.name}.{number}")
        if older.exists():
            older.rename(file.with_name(f"{file.name}.{number + 1}"))
    file.rename(file.with_name(f"{file.name}.1"))
    file.touch()


def take(lines: Iterator[str], number: int) -> list[str]:
    return [next(lines) for _ in range(number)]


@pytest.mark.parametrize(
    ("number", "lines"),
    [(0, []), (1, ["e"]), (2, ["d", "e"]), (4, ["b", "c", "d", "e"]), (9, ["a", "b", "c", "d", "e"])],
)
def test_the_last_lines_reach_back_into_older_files(log: Path, number: int, lines: list[str]):
    add(log, "a")
    rotate(log)
    add(log, "b", "c")
    rotate(log)
    add(log, "d", "e")
    with Tail(log) as tail:
        assert tail.last(number) == lines


def test_who_follows_reads_on_over_any_number_of_rotations(log: Path):
    add(log, "a", "b")
    with Tail(log) as tail:
        assert tail.last(1) == ["b"]
        coming = tail.coming()
        add(log, "c")
        rotate(log)
        add(log, "d")
        assert take(coming, 2) == ["c", "d"]
        add(log, "e")
        rotate(log)
        add(log, "f")
        rotate(log)
        add(log, "g")
        assert take(coming, 3) == ["e", "f", "g"]


def test_a_file_that_was_moved_away_is_read_to_its_end_and_then_its_successor(log: Path):
    add(log, "a")
    with Tail(log) as tail:
        assert tail.last(5) == ["a"]
        coming = tail.coming()
        add(log, "b")
        log.rename(log.with_name("elsewhere"))
        add(log, "c")
        assert take(coming, 2) == ["b", "c"]


def test_a_file_that_was_cut_is_read_from_its_beginning(log: Path):
    add(log, "a long line", "another")
    with Tail(log) as tail:
        assert tail.last(1) == ["another"]
        log.write_text("b\n")
        assert take(tail.coming(), 1) == ["b"]


def test_half_a_line_is_not_shown_before_it_is_whole(log: Path):
    log.write_text("a\nhal")
    with Tail(log) as tail:
        assert tail.last(5) == ["a"]
        with log.open("a") as writing:
            writing.write("f\n")
        assert take(tail.coming(), 1) == ["half"]


def test_who_is_there_before_the_log_gets_its_first_line(log: Path):
    with Tail(log) as tail:
        assert (tail.is_there, tail.last(5)) == (False, [])
        add(log, "a")
        assert take(tail.coming(), 1) == ["a"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("no json \x1b[31m", "no json [31m"),
        ("[1]", "[1]"),
        (
            '{"at": "2026-01-02T03:04:05.678+00:00", "level": "error", "logger": "a.b", "event": "broke", "n": [1], '
            '"error": "Traceback\\n  here"}',
            "2026-01-02 03:04:05.678 error   a.b: broke  n=[1]\n  Traceback\n    here",
        ),
    ],
)
def test_a_line_is_told_for_people_and_steers_no_terminal(line: str, shown: str):
    assert readable(line) == shown
