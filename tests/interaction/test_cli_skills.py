"""`agiwod skills`: what people and programs are told of the skills of a daemon, and of those that somebody writes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from skill_lab import write_skill, write_text
from terminal_lab import CONFIG, Home, home_at

BUNDLED = ["commit-message", "delegate-task", "review-diff", "write-skill"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(
        tmp_path / "home", CONFIG + '[agents.skilled]\nmodel = "scripted:quick.json"\nskills = ["*"]\n'
    ) as home:
        home.environ = {"HOME": str(tmp_path)}
        yield home


def test_an_author_is_told_what_breaks_a_rule_and_where(home: Home, tmp_path: Path):
    write_skill(tmp_path / "mine", "good")
    ran = home.run("skills", "check", str(tmp_path / "mine"))
    assert (ran.code, ran.out, ran.err) == (0, f"{tmp_path}/mine/good/SKILL.md: good\n", "")
    write_skill(tmp_path / "mine", "Loud")
    ran = home.run("skills", "check", str(tmp_path / "mine"))
    message = "the name 'Loud' may have lowercase letters, digits and '-' only"
    assert (ran.code, ran.out.splitlines()[0]) == (1, f"{tmp_path}/mine/Loud/SKILL.md:2: error: {message}")
    told = home.run("skills", "check", str(tmp_path / "mine"), "--json")
    assert (told.code, json.loads(told.out)["ok"]) == (1, False)
    nothing = home.run("skills", "check", str(tmp_path / "none"))
    assert (nothing.code, nothing.err) == (2, f"agiwod: there is no {tmp_path}/none\n")


@pytest.mark.soak  # many commands, each a process
def test_skills_are_listed_shown_and_reloaded(home: Home):
    root = write_skill(home.path / "skills", "mine", "Do it.")
    (home.path / "skills" / "broken").mkdir()
    write_text(home.path / "skills" / "broken", "nothing")
    listed = home.run("skills")
    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["skill", "from"],
        *([name, "bundled"] for name in BUNDLED[:2]),
        ["mine", "user"],
        *([name, "bundled"] for name in BUNDLED[2:]),
    ]
    reason = "it does not begin with front matter; the first line has to be ---"
    assert listed.err.splitlines()[-2:] == [
        f"{home.path}/skills/broken/SKILL.md:1: left out: {reason}",
        "5 loaded, 0 with something to say of them, 1 left out",
    ]
    shown = home.run("skills", "show", "mine").out
    assert shown.splitlines()[0] == "name          mine"
    assert f"path          {root}/SKILL.md\nsource        user\nversion       " in shown
    assert shown.endswith("\n\nDo it.\n")
    assert home.json("skills", "show", "mine")["body"] == "Do it."
    assert home.run("skills", "show", "none").code == 2
    assert home.run("skills", "reload").out == "nothing changed\n"
    assert home.json("agents", "show", "skilled")["skills"] == sorted([*BUNDLED, "mine"])
    areas = [each["area"] for each in home.json("doctor")["findings"] if each["area"].startswith("skill")]
    assert areas == ["skills", "skill left out"]
