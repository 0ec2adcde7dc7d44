"""Which skills are found, what is told of the others, and what holds after an edit that broke one."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from agiwo.clock import SystemClock
from agiwo.skill import SkillLoader, SkillNotFoundError, SkillRegistry, SkillSource
from agiwo.skill.check import check_skills
from agiwo.skill.skill import read_skill
from agiwo.testing import FrozenClock
from skill_lab import write_skill, write_text


def load(*folders: Path) -> SkillRegistry:
    return SkillLoader(folders).load()


def names(registry: SkillRegistry) -> list[str]:
    return [skill.name for skill in registry]


def skipped(registry: SkillRegistry, folder: Path) -> list[tuple[str, str, int | None]]:
    return [(str(each.path.relative_to(folder)), each.reason, each.line) for each in registry.skipped]


def test_skills_are_found_at_any_depth_and_named_in_order(tmp_path: Path) -> None:
    for place in (".", "work/texts", "work"):
        write_skill(tmp_path / place, f"in-{place.replace('/', '-').replace('.', 'top')}")
    write_skill(tmp_path / "in-top" / "inner", "part-of-another")
    registry = load(tmp_path)
    assert names(registry) == ["in-top", "in-work", "in-work-texts"]
    assert registry.skipped == ()


def test_a_directory_that_is_a_skill_itself_is_one(tmp_path: Path) -> None:
    assert names(load(write_skill(tmp_path, "alone"))) == ["alone"]


def test_a_skill_knows_where_it_is_and_puts_that_into_its_text(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "tidy", "Run {baseDir}/run.sh.")
    skill = read_skill(root)
    assert (skill.path, skill.text) == (root / "SKILL.md", f"Run {root}/run.sh.")
    assert skill == load(tmp_path).get("tidy")


def test_the_skill_of_the_later_directory_counts_and_the_other_is_named(tmp_path: Path) -> None:
    write_skill(tmp_path / "mine", "Tidy", "Mine.")
    write_skill(tmp_path / "theirs", "tidy", "Theirs.")
    registry = load(tmp_path / "theirs", tmp_path / "mine")
    assert [skill.body for skill in registry] == ["Mine."]
    assert skipped(registry, tmp_path) == [
        (
            "theirs/tidy/SKILL.md",
            f"the name 'tidy' is that of another skill, which is used: {tmp_path}/mine/Tidy/SKILL.md",
            None,
        )
    ]


def test_of_two_in_one_directory_the_first_counts(tmp_path: Path) -> None:
    write_skill(tmp_path, "a")
    write_text(write_skill(tmp_path, "b"), "---\nname: a\ndescription: x\n---\nSecond.\n")
    registry = load(tmp_path)
    assert [skill.body for skill in registry] == ["Do it well."]
    assert [path for path, _, _ in skipped(registry, tmp_path)] == ["b/SKILL.md"]


def test_a_name_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    write_skill(tmp_path, "review-diff")
    with pytest.raises(SkillNotFoundError, match="no skill 'reviw-diff'; did you mean 'review-diff'"):
        load(tmp_path).get("reviw-diff")


def a_pipe(root: Path) -> None:
    os.mkfifo(root / "SKILL.md")


def a_huge_file(root: Path) -> None:
    with (root / "SKILL.md").open("wb") as file:
        file.truncate(2**30)


def a_link_out(root: Path) -> None:
    target = root.parent.parent / "elsewhere.md"
    target.write_text("---\nname: bad\ndescription: x\n---\nx")
    (root / "SKILL.md").symlink_to(target)


def a_link_to_itself(root: Path) -> None:
    (root / "SKILL.md").symlink_to("SKILL.md")


def another_name(root: Path) -> None:
    (root / "skill.md").write_text("---\nname: bad\ndescription: x\n---\nx")


def a_directory(root: Path) -> None:
    (root / "SKILL.md").mkdir()


def half_a_file(root: Path) -> None:
    (root / "SKILL.md").write_text("---\nname: bad\ndescr")


def a_link_to_a_skill_elsewhere(root: Path) -> None:
    root.rmdir()
    root.symlink_to(write_skill(root.parent.parent / "elsewhere", "bad"))


TRAPS: dict[Callable[[Path], None], tuple[str, str, int | None]] = {
    a_pipe: ("bad/SKILL.md", "it is no regular file", None),
    a_huge_file: ("bad/SKILL.md", "it is larger than 1,024 KiB", None),
    a_link_out: ("bad/SKILL.md", "it is a link that leads out of the skill's directory", None),
    a_link_to_itself: ("bad/SKILL.md", "it is a link that leads nowhere", None),
    another_name: ("bad/skill.md", "it has to be named SKILL.md", None),
    a_directory: ("bad/SKILL.md", "it is no regular file", None),
    half_a_file: ("bad/SKILL.md", "its front matter has no end; a line --- has to follow the last field", 1),
    a_link_to_a_skill_elsewhere: ("bad", "it is a link that leads out of the directory of skills", None),
}
"""What may stand where a skill is looked for: which path is told, why, and which line."""


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_what_cannot_be_a_skill_is_told_and_holds_up_no_other(tmp_path: Path, trap: Callable[[Path], None]) -> None:
    folder = tmp_path / "skills"
    write_skill(folder, "good")
    (folder / "bad").mkdir()
    trap(folder / "bad")
    registry = load(folder)
    assert names(registry) == ["good"]
    assert skipped(registry, folder) == [TRAPS[trap]]


def test_links_within_the_directory_and_what_programs_made_are_not_followed(tmp_path: Path) -> None:
    write_skill(tmp_path, "good")
    for place in (".git", "node_modules"):
        write_skill(tmp_path / place, "made")
    (tmp_path / "again").symlink_to(tmp_path / "good")
    (tmp_path / "circle").symlink_to(tmp_path)
    registry = load(tmp_path)
    assert (names(registry), registry.skipped) == (["good"], ())


def test_a_link_to_a_file_of_the_skill_itself_is_followed(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "good")
    (root / "SKILL.md").rename(root / "text.md")
    (root / "SKILL.md").symlink_to("text.md")
    assert names(load(tmp_path)) == ["good"]


def test_only_a_directory_that_somebody_named_has_to_be_there(tmp_path: Path) -> None:
    named, own = SkillSource(tmp_path / "named"), SkillSource(tmp_path / "own", "user")
    assert skipped(SkillLoader([named, own]).load(), tmp_path) == [("named", "there is no such directory", None)]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_directory_that_is_closed_is_told(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert skipped(load(tmp_path), tmp_path) == [("closed", "it cannot be looked into: Permission denied", None)]


def test_a_broken_edit_keeps_the_version_before_and_says_so(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "tidy", "First.")
    loader = SkillLoader([tmp_path])
    loader.load()
    for text in ("---\nname: tidy\n", "no more"):
        write_text(root, text)
        (skill,) = loader.load()
    assert skill.body == "First."
    assert [(each.message, each.line, each.severity) for each in skill.findings] == [
        (
            "it does not begin with front matter; the first line has to be ---; the version from before is used",
            1,
            "error",
        )
    ]
    write_skill(tmp_path, "tidy", "Second.")
    (skill,) = loader.load()
    assert (skill.body, skill.findings) == ("Second.", ())


def test_a_skill_that_was_removed_is_gone(tmp_path: Path) -> None:
    loader = SkillLoader([tmp_path])
    root = write_skill(tmp_path, "tidy")
    assert names(loader.load()) == ["tidy"]
    shutil.rmtree(root)
    assert names(loader.load()) == []


def test_what_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    write_skill(tmp_path, "still")
    moved = write_skill(tmp_path, "moved")
    loader = SkillLoader([tmp_path])
    before = loader.load()
    write_skill(tmp_path, "moved", "Other text.")
    after = loader.load()
    assert after.get("still") is before.get("still")
    assert after.get("moved").body == read_skill(moved).body == "Other text."


def test_a_file_that_is_being_written_stays_what_it_was_for_whoever_can_wait(tmp_path: Path) -> None:
    clock = FrozenClock(SystemClock().now() + 60)
    loader = SkillLoader([tmp_path], clock)
    root = write_skill(tmp_path, "tidy", "First.")
    first = loader.load(patient=True)
    write_text(root, "---\nname: tidy\ndescription: For some task.\n---\nHalf of the sec")
    clock = loader._clock = FrozenClock((root / "SKILL.md").stat().st_ctime + 0.001)  # pyright: ignore[reportPrivateUsage] - a file's own time cannot be set
    assert (bodies(loader.load(patient=True)), loader.is_settled) == (bodies(first), False)
    clock.advance(1)
    assert (bodies(loader.load(patient=True)), loader.is_settled) == (["Half of the sec"], True)


def bodies(registry: SkillRegistry) -> list[str]:
    return [skill.body for skill in registry]


def test_who_checks_is_told_of_every_place_and_what_is_an_error_there(tmp_path: Path) -> None:
    write_skill(tmp_path, "good")
    write_skill(tmp_path, "Loud")
    (tmp_path / "none").mkdir()
    write_text(tmp_path / "none", "nothing")
    told = [(each.path.parent.name, each.name, each.is_good) for each in check_skills(tmp_path)]
    assert told == [("Loud", "Loud", False), ("good", "good", True), ("none", None, False)]
    assert [each.name for each in check_skills(tmp_path / "good" / "SKILL.md")] == ["good"]
    (empty,) = check_skills(tmp_path / "nowhere")
    assert (empty.is_good, empty.findings[0].message) == (False, "there is no such directory")


def test_a_link_that_leads_where_nobody_can_look_is_passed_over(tmp_path: Path) -> None:
    write_skill(tmp_path, "tidy")
    (tmp_path / "odd").symlink_to("/" + "x" * 300)
    registry = load(tmp_path)
    assert names(registry) == ["tidy"]
    assert registry.skipped == ()


@pytest.mark.parametrize("path", ["/" + "x" * 300, "/\0", "/~nobody"])
def test_there_is_something_to_say_of_any_path(path: str) -> None:
    (checked,) = check_skills(path)
    assert not checked.is_good
    assert "no such directory" in checked.findings[0].message
