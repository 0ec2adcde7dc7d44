"""The settings seen and edited from the terminal: nothing that cannot work becomes the settings, no secret is shown."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal_lab import CONFIG, Home, home_at

pytestmark = pytest.mark.soak  # many processes, or many lives

SECRET = "sk-this-is-never-shown"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home") as home:
        yield home


def editor(home: Home, shell: str) -> str:
    """An editor that does one thing to the file it is given."""
    script = home.path / "editor.sh"
    script.write_text(f"#!/bin/sh\n{shell}\n")
    script.chmod(0o700)
    return f"{script} --wait"


def test_the_path_is_told_whether_the_file_is_there_or_not(home: Home):
    home.paths.config_file.unlink()
    assert home.run("config", "path").out == f"{home.paths.config_file}\n"
    assert home.json("config", "path") == {"path": str(home.paths.config_file), "exists": False}


def test_every_value_is_shown_with_where_it_came_from(home: Home):
    shown = home.run("config", "show", "--origin", "--json", AGIWOD_SERVE__DRAIN_SECONDS="7")
    found = {each["key"]: each for each in json.loads(shown.out)["settings"]}
    file = home.paths.config_file
    assert found["default_agent"] == {
        "key": "default_agent",
        "value": "quick",
        "source": "file",
        "where": f"{file}:1",
    }
    assert (found["serve.drain_seconds"]["value"], found["serve.drain_seconds"]["where"]) == (
        7.0,
        "AGIWOD_SERVE__DRAIN_SECONDS",
    )
    assert (found["storage.kind"]["source"], found["storage.kind"]["where"]) == ("default", None)
    lines = home.run("config", "show", "--origin").out.splitlines()
    assert lines[0].split() == ["setting", "value", "from"]
    assert lines[1].split() == ["default_agent", '"quick"', f"{file}:1"]
    assert 'default_agent = "quick"' in home.run("config", "show").out


def test_no_secret_is_shown(home: Home):
    home.paths.config_file.write_text(
        f'{CONFIG}\n[mcp.servers.files]\ncommand = "x"\nenv = {{ KEY = "{SECRET}" }}\nargs = ["{SECRET}"]\n'
    )
    for argv in (["config", "show"], ["config", "show", "--origin"], ["config", "show", "--json"]):
        ran = home.run(*argv, A_KEY_THAT_IS_NOT_SET=SECRET)
        assert (ran.code, SECRET in ran.out) == (0, False)


def test_settings_that_cannot_work_are_not_shown_but_explained(home: Home):
    home.paths.config_file.write_text("log_level = 1\n")
    ran = home.run("config", "show")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"agiwod: {home.paths.config_file}:1: 'log_level'")


def test_an_edit_that_works_becomes_the_settings_of_the_running_daemon_too(home: Home):
    home.run("start")
    home.paths.config_file.chmod(0o640)
    ran = home.run("config", "edit", EDITOR=editor(home, 'sed -i 1s/quick/slow/ "$2"'))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"saved {home.paths.config_file}; the daemon (pid {home.pid()}) reads it")
    assert 'default_agent = "slow"' in home.paths.config_file.read_text()
    assert stat.S_IMODE(home.paths.config_file.stat().st_mode) == 0o640
    assert home.json("agents")["defaultAgent"] == "slow"


def test_an_edit_that_cannot_work_is_kept_aside_and_gone_on_with(home: Home):
    before = home.paths.config_file.read_text()
    draft = home.path / "config.draft.toml"
    ran = home.run("config", "edit", VISUAL=editor(home, 'echo "zzz = 1" > "$2"'), EDITOR="false")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        f"agiwod: {draft}:1: unknown key 'zzz'",
        f"  what you wrote is kept in {draft}, and the settings are as before; `agiwod config edit` goes on with it",
    ]
    assert home.paths.config_file.read_text() == before
    ran = home.run("config", "edit", EDITOR=editor(home, 'grep -q zzz "$2" && echo "# none" > "$2"'))
    assert (ran.code, ran.out) == (0, f"saved {home.paths.config_file}\n")
    assert home.paths.config_file.read_text() == "# none\n"
    assert not draft.exists()


def test_an_editor_that_changes_nothing_fails_or_is_missing_changes_nothing(home: Home):
    before = home.paths.config_file.read_text()
    assert home.run("config", "edit", EDITOR="true").out == "nothing was changed\n"
    assert home.run("config", "edit", EDITOR="false").code == 1
    assert home.run("config", "edit", EDITOR="/no/such/editor").code == 1
    unreadable = home.run("config", "edit", EDITOR="vi 'it")
    assert (unreadable.code, unreadable.err.count("VISUAL or EDITOR names no program")) == (2, 1)
    gone = home.run("config", "edit", EDITOR=editor(home, 'rm "$2"'))
    assert (gone.code, "has left no file" in gone.err) == (1, True)
    assert home.paths.config_file.read_text() == before


def test_a_link_stays_a_link(home: Home):
    target = home.path / "dotfiles.toml"
    home.paths.config_file.rename(target)
    home.paths.config_file.symlink_to(target)
    assert home.run("config", "edit", EDITOR=editor(home, 'echo "# mine" >> "$2"')).code == 0
    assert home.paths.config_file.is_symlink()
    assert target.read_text().endswith("# mine\n")
