"""What a stranger wrote, on a terminal and elsewhere."""

import io

import pytest
from agiwod.cli.plain import drawable, plain, visible, without_controls
from rich.console import Console

HOSTILE = "a\x1b[2Jb\x9b31mc\x07d\x7fe\rf\u202eg\u2066h\u200fi\ttab\nline 👨\u200d👩"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_would_steer_a_terminal_or_turn_its_text_is_left_out() -> None:
    assert without_controls(HOSTILE) == "a[2Jb31mcdefghi\ttab\nline 👨\u200d👩"


def test_in_a_question_it_is_shown() -> None:
    assert visible("rm\x1b[2K\u202e\n") == "rm\\x1b[2K\\u202e\\n"


def test_what_is_printed_to_a_terminal_is_plain_and_what_is_drawn_is_not() -> None:
    terminal = Terminal()
    stream = plain(terminal)
    print(HOSTILE, end="", file=stream)
    stream.writelines(["\x1b", "x"])
    assert terminal.getvalue() == without_controls(HOSTILE) + "x"
    Console(file=stream, force_terminal=True, color_system="standard").print("[red]red[/red]", end="")
    assert terminal.getvalue().endswith("\x1b[31mred\x1b[0m")
    assert (drawable(stream), drawable(terminal)) == (terminal, terminal)


@pytest.mark.parametrize("name", ["isatty", "flush", "fileno"])
def test_all_else_is_the_streams_own(name: str) -> None:
    terminal = Terminal()
    assert getattr(plain(terminal), name) == getattr(terminal, name)


def test_a_file_gets_what_was_written() -> None:
    file = io.StringIO()
    print(HOSTILE, file=plain(file))
    assert file.getvalue() == HOSTILE + "\n"
