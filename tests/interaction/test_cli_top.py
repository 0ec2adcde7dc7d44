"""`agiwod top`: a picture for whoever asks once, and the whole screen for who stays."""

from collections.abc import Iterator

import pytest
from terminal_lab import Home, home_at


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("top")) as home:
        yield home


def test_what_is_no_terminal_gets_one_picture(home: Home):
    ran = home.run("top", COLUMNS="80")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("agiwod ")
    assert "\nno run\n" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_a_snapshot_is_there_for_programs(home: Home):
    found = home.json("top")
    assert (found["state"], found["runs"], [client["name"] for client in found["clients"]]) == ("ready", [], ["agiwod"])


def test_the_whole_screen_shows_a_run_that_goes_on_and_is_given_back(home: Home):
    with home.terminal("ask", "--model", home.endless, "tell") as asking:
        asking.await_text("and so on")
        with home.terminal("top", COLUMNS="80", LINES="24") as terminal:
            terminal.await_text("running  answers")
            terminal.await_text(" a second")
            terminal.interrupt()
            assert terminal.end() == 130
    assert terminal.seen.startswith("\x1b[?1049h")
    assert terminal.seen.endswith("\x1b[?1049l")
    assert "\x1b[?25h" in terminal.seen  # the cursor is back
    assert "Traceback" not in terminal.seen
