"""What the author of a skill, or whoever can write beside it, gets to see of the files around it: nothing."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ToolError
from agiwo.schema.tool import ExecutionContext
from agiwo.skill import SkillManager
from agiwo.skill.errors import SkillParseError
from agiwo.skill.loader import SkillLoader
from agiwo.skill.skill import read_file
from agiwo.skill.watch import watch
from figures import Figures
from skill_lab import write_skill, write_text

pytestmark = [pytest.mark.anyio, pytest.mark.security]

CONTEXT = ExecutionContext("s", "r")
SECRET = "the user's own words"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / "secret.txt"
    file.write_text(SECRET)
    return file


async def read(manager: SkillManager, **asked: Any) -> str:
    return str((await manager.get_skill_tool().execute(asked, CONTEXT)).content)


WAYS_OUT = {
    "up": "../../../home/secret.txt",
    "absolute": "{secret}",
    "a link": "link.txt",
    "a link of links": "chain/link.txt",
    "a linked directory": "folder/secret.txt",
    "a detour": "scripts/../../../home/secret.txt",
    "a zero byte": "notes.txt\0../../secret.txt",
    "other dots": "\uff0e\uff0e/\uff0e\uff0e/home/secret.txt",
    "another slash": "..\u2215..\u2215home\u2215secret.txt",
    "the home": "~/secret.txt",
    "a proc link": "/proc/self/root{secret}",
    "nothing": "",
    "a pipe": "pipe",
    "a device": "device",
    "a long path": "x/" * 5000,
}


@pytest.mark.parametrize("way", WAYS_OUT)
async def test_no_path_leads_out_of_a_skill_or_holds_anybody_up(tmp_path: Path, secret: Path, way: str) -> None:
    root = write_skill(tmp_path / "skills", "trap")
    (root / "link.txt").symlink_to(secret)
    (root / "chain").symlink_to(root)
    (root / "folder").symlink_to(secret.parent)
    (root / "scripts").mkdir()
    (root / "device").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe")
    manager = SkillManager([tmp_path / "skills"])
    async with asyncio.timeout(60):
        with pytest.raises(ToolError):
            await read(manager, skill_name="trap", file=WAYS_OUT[way].format(secret=secret))


@pytest.mark.parametrize("swapped", ["trap", ""])
async def test_a_link_that_takes_the_place_of_a_skill_leads_nowhere(tmp_path: Path, secret: Path, swapped: str) -> None:
    root = write_skill(tmp_path / "skills", "trap")
    (root / "notes.txt").write_text("mine")
    manager = SkillManager([tmp_path / "skills"], is_watched=True)
    await manager.initialize()
    assert "mine" in await read(manager, skill_name="trap", file="notes.txt")
    (tmp_path / "skills" / swapped).rename(tmp_path / "aside")
    (secret.parent / "trap").symlink_to(secret.parent)
    (tmp_path / "skills" / swapped).symlink_to(secret.parent)
    for file in ("secret.txt", "notes.txt", "trap/secret.txt"):
        with pytest.raises(ToolError, match="a link leads elsewhere"):
            await read(manager, skill_name="trap", file=file)
    assert "secret" not in await read(manager, skill_name="trap")


def test_a_directory_that_becomes_a_link_before_it_is_read_is_no_skill(tmp_path: Path) -> None:
    write_skill(tmp_path / "home", "private")
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "private").symlink_to(tmp_path / "home" / "private")
    with pytest.raises(SkillParseError, match="become a link"):
        read_file(tmp_path / "skills" / "private", tmp_path / "skills")


def test_what_is_no_skill_is_passed_by_at_once_and_said(tmp_path: Path, secret: Path) -> None:
    skills = tmp_path / "skills"
    write_skill(skills, "good")
    for name in ("pipe", "device", "linked", "huge", "climbs", "zero", "twin", "ab"):
        write_skill(skills, name)
        (skills / name / "SKILL.md").unlink()
    os.mkfifo(skills / "pipe" / "SKILL.md")
    (skills / "device" / "SKILL.md").symlink_to("/dev/zero")
    (skills / "linked" / "SKILL.md").symlink_to(secret)
    with (skills / "huge" / "SKILL.md").open("wb") as huge:
        huge.truncate(1 << 30)
    for name, called in (("climbs", "../x"), ("zero", '"a\\0b"'), ("twin", "GOOD"), ("ab", '"g\\u200bood"')):
        write_text(skills / name, f"---\nname: {called}\ndescription: x\n---\nx\n")
    for name, target in (("out", secret.parent), ("loop", skills)):
        (skills / name).symlink_to(target)
    found = SkillLoader([skills]).load()
    told = {each.path.relative_to(skills).parts[0]: each.reason for each in found.skipped}
    assert {"pipe", "device", "linked", "huge", "twin", "out"} <= told.keys()
    assert all(each.name.isprintable() and "/" not in each.name for each in found)
    assert SECRET not in "".join(each.body for each in found)


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux watches")
async def test_a_watch_follows_no_link_out_of_the_skills(tmp_path: Path, figures: Figures) -> None:
    for number in range(50):
        (tmp_path / "outside" / str(number)).mkdir(parents=True)
    root = write_skill(tmp_path / "skills", "trap")
    (root / "all").symlink_to(tmp_path / "outside")
    (tmp_path / "skills" / "all").symlink_to(tmp_path / "outside")
    manager, changed = SkillManager([tmp_path / "skills"], is_watched=True), asyncio.Event()
    watching = asyncio.create_task(watch(manager, lambda _: changed.set()))
    try:
        async with asyncio.timeout(60):
            await changed.wait()
            changed.clear()
            write_text(root, "---\nname: trap\ndescription: Another one.\n---\nx\n")
            await changed.wait()
        assert manager.current().skills["trap"].metadata.description == "Another one."
        figures("directories watched for a skill with links", watched(), at_least=1, at_most=3)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def watched() -> int:
    """The directories that this process watches."""
    found = 0
    for each in os.listdir("/proc/self/fdinfo"):
        with suppress(FileNotFoundError):  # the descriptor with which they are listed
            found += Path(f"/proc/self/fdinfo/{each}").read_text().count("inotify wd")
    return found
