"""The skills of a daemon: what changes on the disk is seen, told, and given to the next run."""

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agent_lab import calls
from agiwo.agent import Agent
from agiwo.journal.memory import MemoryJournal
from agiwo.skill import SkillManager, SkillSource
from agiwo.testing import RecordingTool, ScriptedModel
from agiwo_protocol.errors import InvalidParams, NotFound
from agiwod.runtime.agents import Agents, Registered
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.runs import Ask
from daemon_lab import Caller, KeptJournal, calling
from skill_lab import write_skill, write_text

pytestmark = pytest.mark.anyio

SOON = 5.0
"""Seconds in which a change is seen: a fifth of one, more on a busy machine. Who is told nothing looks every ten."""


@asynccontextmanager
async def living(*folders: Path) -> AsyncGenerator[tuple[Daemon, Caller]]:
    """A daemon that watches these directories, an agent with all of their skills, and a client that hears of them."""
    manager = SkillManager((SkillSource(folder, "user") for folder in folders), is_watched=True)
    agent = Agent("reader", "Reads.", ScriptedModel(turns=[{"text": "done"}], repeat=True), [], skills=manager.select())
    daemon = Daemon(MemoryJournal(), Agents([Registered(agent)]), skills=manager)
    await daemon.start()
    try:
        async with calling(daemon) as caller:
            await caller.call("event/subscribe", topics=["skill"])
            yield daemon, caller
    finally:
        await daemon.close()


async def told(caller: Caller, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The events so far, at least so many."""
    await caller.until(lambda: len(events(caller)) >= count)
    return events(caller)


def events(caller: Caller) -> list[tuple[str, dict[str, Any]]]:
    found: list[Any] = [each.params for each in caller.told if each.method == "daemon/event"]
    return [(each["type"], each["data"]) for each in found]


def changed(caller: Caller, how: str) -> list[str]:
    """All skills that were added, changed or removed so far."""
    return [name for _, data in events(caller) for name in data[how]]


def change(**names: list[str]) -> tuple[str, dict[str, list[str]]]:
    return "skill/changed", {"added": [], "changed": [], "removed": [], **names}


async def prompt(daemon: Daemon, caller: Caller) -> str:
    """The system prompt of a new run."""
    await caller.call("run/wait", runId=await caller.start("reader"))
    (registered,) = daemon.agents.list()
    assert isinstance(registered.agent.model, ScriptedModel)
    return registered.agent.model.requests[-1].messages[0]["content"]


async def test_skills_are_listed_with_what_is_wrong_and_what_was_left_out(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "Loud", "Shout.")
    (tmp_path / "none").mkdir()
    write_text(tmp_path / "none", "nothing")
    async with living(tmp_path) as (_, caller):
        listed = await caller.call("skill/list")
        (loud,) = listed["skills"]
        version = loud.pop("version")
        message = "the name 'Loud' may have lowercase letters, digits and '-' only"
        assert loud == {
            "name": "Loud",
            "description": "For some task.",
            "path": f"{root}/SKILL.md",
            "source": "user",
            "diagnostics": [{"severity": "warning", "message": message, "line": 2}],
        }
        reason = "it does not begin with front matter; the first line has to be ---"
        assert listed["skipped"] == [{"path": f"{tmp_path}/none/SKILL.md", "reason": reason, "line": 1}]
        assert len(version) == 16


async def test_one_skill_is_shown_with_its_text_and_its_files(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "tidy", "Look into {baseDir}.")
    (root / "more.md").write_text("more")
    async with living(tmp_path) as (_, caller):
        shown = await caller.call("skill/get", name="tidy")
        assert (shown["body"], shown["resources"], shown["metadata"]) == ("Look into {baseDir}.", ["more.md"], {})
        with pytest.raises(NotFound, match="no skill 'tiddy'; did you mean 'tidy'") as raised:
            await caller.call("skill/get", name="tiddy")
        assert raised.value.data["type"] == "skill"


async def test_an_edit_is_seen_told_and_in_the_next_prompt_soon(tmp_path: Path) -> None:
    write_skill(tmp_path, "tidy")
    async with living(tmp_path) as (daemon, caller):
        assert "- tidy: For some task." in await prompt(daemon, caller)
        took = list[float]()
        for number in range(1, 6):
            started = time.monotonic()
            write_skill(tmp_path, "tidy", "Other.", f"For task {number}.")
            assert (await told(caller, number))[number - 1 :] == [change(changed=["tidy"])]
            (shown,) = (await caller.call("skill/list"))["skills"]
            took.append(time.monotonic() - started)
            assert shown["description"] == f"For task {number}."
            assert f"- tidy: For task {number}." in await prompt(daemon, caller)
        assert sorted(took)[2] < SOON


async def test_what_comes_and_goes_is_told(tmp_path: Path) -> None:
    write_skill(tmp_path, "tidy")
    async with living(tmp_path) as (_, caller):
        await caller.call("skill/list")
        write_skill(tmp_path, "new")
        assert await told(caller, 1) == [change(added=["new"])]
        shutil.rmtree(tmp_path / "tidy")
        assert (await told(caller, 2))[1:] == [change(removed=["tidy"])]
        assert (await caller.call("agent/get", agentId="reader"))["skills"] == ["new"]


async def test_a_run_reads_the_skill_that_it_began_with_also_after_a_restart(tmp_path: Path) -> None:
    write_skill(tmp_path / "skills", "tidy", "First.")
    journal, wait = KeptJournal(), RecordingTool("wait", gate=asyncio.Event(), effect="read")
    turns = [calls("wait"), calls(("Skill", {"skill_name": "tidy"})), {"text": "done"}]

    def next_daemon(tool: RecordingTool) -> tuple[Daemon, ScriptedModel]:
        manager = SkillManager([tmp_path / "skills"], is_watched=True, attic=tmp_path / "attic")
        model = ScriptedModel(turns=turns)
        agent = Agent("reader", "Reads.", model, [tool], skills=manager.select())
        return Daemon(journal, Agents([Registered(agent)]), skills=manager), model

    daemon, _ = next_daemon(wait)
    await daemon.start()
    started = await daemon.runs.start(Ask("reader", "hi"))
    await wait.started.wait()
    await daemon.close()
    write_skill(tmp_path / "skills", "tidy", "Second.", "For another task.")
    daemon, model = next_daemon(RecordingTool("wait", effect="read"))
    await daemon.start()
    await daemon.runs.wait(started.head.run)
    await daemon.close()
    assert "First." in model.requests[-1].messages[-1]["content"]
    assert "- tidy: For some task." in model.requests[-1].messages[0]["content"]


async def test_a_broken_edit_is_told_with_its_line_and_the_version_before_holds(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "tidy", "First.")
    async with living(tmp_path) as (_, caller):
        await caller.call("skill/list")
        write_text(root, "---\nname: tidy\n")
        ((type, data),) = await told(caller, 1)
        assert (type, data["path"], data["line"]) == ("skill/invalid", f"{root}/SKILL.md", 1)
        assert data["reason"].endswith("the version from before is used")
        shown = await caller.call("skill/get", name="tidy")
        assert (shown["body"], [each["severity"] for each in shown["diagnostics"]]) == ("First.", ["error"])


async def test_directories_that_come_go_and_are_swapped_are_seen(tmp_path: Path) -> None:
    folder, other = tmp_path / "skills", tmp_path / "others"
    write_skill(other, "two")
    async with living(folder) as (_, caller):
        assert (await caller.call("skill/list"))["skills"] == []
        write_skill(folder, "one")
        assert await told(caller, 1) == [change(added=["one"])]
        folder.rename(tmp_path / "gone")
        other.rename(folder)
        await caller.until(lambda: changed(caller, "added") == ["one", "two"])
        write_skill(folder, "three")
        await caller.until(lambda: changed(caller, "added") == ["one", "two", "three"])
        assert changed(caller, "removed") == ["one"]


async def test_a_reload_says_what_has_changed(tmp_path: Path) -> None:
    write_skill(tmp_path, "one")
    async with living(tmp_path) as (daemon, caller):
        await caller.call("skill/list")
        await daemon.skills.close()
        write_skill(tmp_path, "two")
        assert await caller.call("skill/reload") == {"added": ["two"], "changed": [], "removed": []}
        assert await caller.call("skill/reload") == {"added": [], "changed": [], "removed": []}
        assert await told(caller, 1) == [change(added=["two"])]


async def test_skills_anywhere_are_held_against_the_specification(tmp_path: Path) -> None:
    write_skill(tmp_path, "good")
    root = write_skill(tmp_path, "Bad")
    async with living() as (_, caller):
        found = await caller.call("skill/validate", path=str(tmp_path))
        assert (found["ok"], [each["name"] for each in found["results"]]) == (False, ["Bad", "good"])
        assert found["results"][0]["diagnostics"][0]["severity"] == "error"
        assert (await caller.call("skill/validate", path=str(root.parent / "good")))["ok"] is True
        with pytest.raises(InvalidParams) as raised:
            await caller.call("skill/validate", path="skills")
        assert raised.value.data["errors"][0]["path"] == "path"


async def test_other_directories_are_looked_into_when_the_settings_say_so(tmp_path: Path) -> None:
    write_skill(tmp_path / "a", "one")
    write_skill(tmp_path / "b", "two")
    async with living(tmp_path / "a") as (daemon, caller):
        await caller.call("skill/list")
        daemon.skills.look_in([SkillSource(tmp_path / "b", "user")])
        await caller.until(lambda: (changed(caller, "added"), changed(caller, "removed")) == (["two"], ["one"]))


async def test_where_the_system_tells_of_no_changes_they_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*places: Any, **options: Any) -> Any:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr("watchfiles.awatch", refuse)
    write_skill(tmp_path, "one")
    async with living(tmp_path) as (_, caller):
        await caller.call("skill/list")
        write_skill(tmp_path, "two")
        assert await told(caller, 1) == [change(added=["two"])]
