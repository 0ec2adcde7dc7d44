"""`agiwod console`: a way in, in words, as JSON and in the browser; and off again."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from terminal_lab import PATIENCE, Home, home_at


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("console") / "home") as home:
        yield home


def status(url: str) -> int | None:
    """What a browser gets there; None when nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status
    except HTTPError as error:
        error.close()
        return error.code
    except URLError:
        return None


def test_the_command_starts_the_daemon_and_prints_an_address_that_opens_once(home: Home):
    printed = home.run("console", "--no-browser")
    assert (printed.code, printed.err) == (0, "")
    assert [status(printed.out.strip()) for _ in range(2)] == [200, 401]


def test_json_tells_the_way_in_and_where_the_console_is_from_then_on(home: Home):
    told = home.json("console")
    assert set(told) == {"url", "address"}
    assert told["url"].startswith(f"{told['address']}?code=")


def test_where_there_is_a_screen_the_browser_is_opened_with_what_is_printed(home: Home, tmp_path: Path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    printed = home.run("console", DISPLAY=":0", BROWSER=f"{browser} %s")
    assert (tmp_path / "opened").read_text() == printed.out


def test_off_turns_it_off(home: Home):
    address = home.json("console")["address"]
    off = home.run("console", "--off")
    assert (off.code, off.out, off.err) == (0, "", "the console is off\n")
    assert status(address) is None


def test_where_no_daemon_is_and_none_can_be_started_the_command_says_so(home: Home):
    gone = home.run("console", "--json", AGIWOD_ADDRESS="127.0.0.1:9")
    assert (gone.code, gone.out) == (3, "")
    assert "no daemon runs at 127.0.0.1:9" in gone.err
