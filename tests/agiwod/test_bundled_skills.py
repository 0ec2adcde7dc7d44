"""The skills that come with agiwod: they keep to every rule that others are told of."""

from pathlib import Path

from agiwo.skill.check import check_skills
from agiwo.skill.files import files_of
from agiwo.skill.skill import read_skill
from agiwod.settings import load_settings
from agiwod.shelf import BUNDLED, skill_sources

NAMES = ["commit-message", "delegate-task", "review-diff", "write-skill"]


def test_nothing_is_to_be_said_of_them() -> None:
    assert [(each.name, each.findings) for each in check_skills(BUNDLED)] == [(name, ()) for name in NAMES]


def test_each_file_of_theirs_is_named_in_their_text() -> None:
    for name in NAMES:
        skill = read_skill(BUNDLED / name)
        assert [file for file in files_of(skill) if file not in skill.text] == []


def test_they_give_way_to_those_of_the_user_and_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[skills]\npath = ["more", "/elsewhere"]\n')
    sources = skill_sources(load_settings(tmp_path, environ={}))
    assert [(each.kind, each.path) for each in sources] == [
        ("bundled", BUNDLED),
        ("user", Path.home() / ".agents" / "skills"),
        ("user", tmp_path / "skills"),
        ("configured", tmp_path / "more"),
        ("configured", Path("/elsewhere")),
    ]
