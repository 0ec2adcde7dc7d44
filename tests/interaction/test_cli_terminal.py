"""What a person at a terminal sees and does: a real pseudo-terminal, real signals, a daemon that is really killed."""

import re
from collections.abc import Iterator

import pytest
from terminal_lab import WORDS, Home, home_at


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("terminal")) as home:
        yield home


def plain(seen: str) -> str:
    """The text without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "")


def test_a_terminal_shows_a_spinner_dim_reasoning_tools_and_figures(home: Home):
    with home.terminal("ask", "--agent", "worker", "6*7?") as terminal:
        assert terminal.end() == 0
    seen = terminal.seen
    assert "thinking" in seen
    assert "\x1b[2mI should calculate.\x1b[0m\n" in seen
    assert '\x1b[2mcalculator(expression="6*7") ok, 0.0 s: 42\x1b[0m\n' in seen
    assert '\x1b[31mcalculator(expression="1/0") error, 0.0 s: Error: division by zero\x1b[0m\n' in seen
    assert re.search(r"It is 42\.\n\x1b\[2m\S*worker\.json · \d+ tokens in, \d+ out · \d+\.\d s\x1b\[0m\n$", seen)
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")  # the cursor is back


def test_no_color_is_obeyed_on_a_terminal(home: Home):
    with home.terminal("ask", "--agent", "worker", "6*7?", NO_COLOR="1") as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.seen
    assert terminal.seen.startswith('I should calculate.\ncalculator(expression="6*7") …\n')


def test_ctrl_c_cancels_the_run_and_says_so(home: Home):
    with home.terminal("ask", "--model", home.endless, "tell") as terminal:
        terminal.await_text("and so on")
        terminal.interrupt()
        assert terminal.end() == 130
    assert "cancelling the run; press Ctrl-C again now to leave it running instead" in terminal.seen
    assert "the run was cancelled: interrupted in the terminal" in terminal.seen
    assert home.json("runs", "list", "--limit", "1")["runs"][0]["status"] == "cancelled"


def test_ctrl_c_twice_leaves_the_run_running_and_tells_how_to_come_back(home: Home):
    with home.terminal("ask", "--agent", "slow", "tell") as terminal:
        terminal.await_text("word5")
        terminal.interrupt()
        terminal.await_text("cancelling")
        terminal.interrupt()
        assert terminal.end() == 130
    way_back = re.search(r"left; follow it again with `agiwod (runs attach \S+) --after (\d+)`", terminal.seen)
    assert way_back is not None
    attached = home.run(*way_back[1].split(), "--after", way_back[2])
    assert (attached.code, attached.out) == (0, f"{WORDS}\n")


def test_a_daemon_killed_in_the_middle_of_an_answer_is_started_again_and_the_answer_completes(home: Home):
    with home.terminal("ask", "--agent", "slow", "tell") as terminal:
        terminal.await_text("word9")
        home.kill()
        assert terminal.end() == 0
    seen = plain(terminal.seen)
    note = "the daemon was gone; it is back, and the run goes on"
    assert seen.count(note) == 1
    assert WORDS in re.sub(rf"\n?{note}\n|[\u2800-\u28ff] thinking\n?", "", seen)


def test_a_killed_daemon_costs_a_file_no_character_of_the_answer(home: Home):
    with home.process("ask", "--agent", "slow", "tell") as asking:
        assert asking.stdout is not None
        begun = asking.stdout.read(30)
        home.kill()
        rest, said = asking.communicate()
    assert (asking.returncode, (begun + rest).decode()) == (0, f"{WORDS}\n")
    assert said.decode().splitlines()[0] == "the daemon was gone; it is back, and the run goes on"
