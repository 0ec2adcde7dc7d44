"""Agents with skills: what they are told, what they can read, and what a run keeps while skills change."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from agent_lab import ask, calls, requests_of
from agiwo.agent import Agent, AgentOptions, RunStepStorageConfig
from agiwo.config import skill_directories
from agiwo.errors import NotFound
from agiwo.loop.plan import Plan
from agiwo.schema.skill import SkillEntry
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.skill import SkillManager, SkillNotFoundError, SkillTool
from agiwo.testing import RecordingTool, ScriptedModel
from agiwo.tool.executor import ToolExecutor
from engine_lab import Lab
from skill_lab import write_skill, write_text

pytestmark = pytest.mark.anyio

SECTION = (
    "<skills>\n"
    "Each skill holds instructions for one kind of task. Before you begin a task that one of them is for, "
    "call the tool Skill with its name, and then do what it says.\n"
    "- tidy: For some task.\n"
    "</skills>"
)


def with_skills(folder: Path, *turns: Any, **options: Any) -> Agent:
    settings = AgentOptions(enable_skill=True, skills_dir=str(folder))
    return Agent("agent", "Does as told.", ScriptedModel(turns=turns), [], options=settings, **options)


def prompts(agent: Agent) -> list[str]:
    """The system prompt of each request."""
    return [request[0]["content"] for request in requests_of(agent) if request[0]["role"] == "system"]


def results(agent: Agent) -> list[str]:
    """What the model was told in its last request of the calls that it made."""
    return [message["content"] for message in requests_of(agent)[-1] if message["role"] == "tool"]


def read(*names: str, **others: Any) -> dict[str, Any]:
    return calls(*(("Skill", {"skill_name": name, **others}) for name in names))


async def test_enable_skill_puts_skills_into_the_prompt_and_gives_the_model_a_tool_to_read_them(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "tidy", "Look into {baseDir}.")
    agent = with_skills(tmp_path, read("tidy"), {"text": "done"}, system_prompt="Be short.")
    output = await agent.run("hi")
    await agent.close()
    assert (output.response, [tool.name for tool in agent.tools]) == ("done", ["Skill"])
    assert prompts(agent) == [f"Be short.\n\n{SECTION}"] * 2
    assert results(agent) == [f'<skill_content name="tidy">\nLook into {root}.\n</skill_content>']


async def test_a_skill_that_is_written_later_is_there_in_the_next_run(tmp_path: Path) -> None:
    agent = with_skills(tmp_path / "later", {"text": "none"}, {"text": "one"})
    assert prompts(agent) == []
    await agent.run("hi")
    write_skill(tmp_path / "later", "tidy")
    await agent.run("hi")
    await agent.close()
    assert prompts(agent) == [SECTION]


async def test_the_files_of_a_skill_are_named_and_can_be_read(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "tidy")
    for file in ("references/deep/more.md", "scripts/run.sh"):
        (root / file).parent.mkdir(parents=True)
        (root / file).write_text(f"this is {file}\n")
    (root / "node_modules").mkdir()
    (root / "node_modules" / "x.js").write_text("x")
    more = {"skill_name": "tidy", "file": "references/deep/more.md"}
    agent = with_skills(tmp_path, calls(("Skill", {"skill_name": "tidy"}), ("Skill", more)), {"text": "done"})
    await agent.run("hi")
    await agent.close()
    text, file = results(agent)
    told = "Its files, to be read when they are needed: scripts/run.sh, references/deep/more.md"
    assert text.endswith(f"\nIts directory is {root}. {told}")
    assert file == "this is references/deep/more.md\n"


OUTSIDE = ["../secret.md", "references/../../secret.md", "link.md", "out/secret.md", "/etc/passwd", "..", ".", "a\0b"]


@pytest.mark.parametrize("path", OUTSIDE)
async def test_no_path_leads_out_of_a_skill(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.md").write_text("the secret")
    root = write_skill(tmp_path, "tidy")
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "out").symlink_to(tmp_path)
    executor = ToolExecutor([SkillManager([tmp_path]).get_skill_tool()])
    asked = ToolCall("c", "Skill", {"skill_name": "tidy", "file": path})
    result = await executor.execute(asked, ExecutionContext("s", "r"))
    assert (result.is_success, "the secret" in result.content) == (False, False)


async def test_a_skill_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    write_skill(tmp_path, "tidy")
    agent = with_skills(tmp_path, read("tidi", "../tidy"), {"text": "done"})
    await agent.run("hi")
    await agent.close()
    assert results(agent) == [
        "Error: no skill 'tidi'; did you mean 'tidy'?",
        "Error: no skill '../tidy'; did you mean 'tidy'?",
    ]


async def test_an_agent_has_only_the_skills_that_were_selected_for_it(tmp_path: Path) -> None:
    for name in ("write-tests", "write-text", "review"):
        write_skill(tmp_path, name)
    skills = SkillManager([tmp_path]).select("write-*")
    agent = Agent("agent", "Does.", ScriptedModel(turns=[read("review"), {"text": "done"}]), [], skills=skills)
    await agent.run("hi")
    await agent.close()
    assert [line for line in prompts(agent)[0].splitlines() if line.startswith("- ")] == [
        "- write-tests: For some task.",
        "- write-text: For some task.",
    ]
    assert results(agent) == ["Error: no skill 'review'; there are write-tests, write-text"]


async def test_a_run_keeps_the_skills_that_it_began_with(lab: Lab, tmp_path: Path) -> None:
    write_skill(tmp_path, "gone", "Gone.")
    write_skill(tmp_path, "tidy", "First.")
    gate = asyncio.Event()
    wait = RecordingTool("wait", gate=gate)
    model = ScriptedModel(turns=[calls("wait"), read("tidy", "gone", "new"), {"text": "done"}, {"text": "next"}])
    agent = Agent("agent", "Does.", model, [wait], skills=SkillManager([tmp_path]).select())
    lab.programs[agent.id] = agent.program
    run = await ask(lab, agent)
    await wait.started.wait()
    write_skill(tmp_path, "tidy", "Second.", "For another task.")
    write_skill(tmp_path, "new")
    (tmp_path / "gone" / "SKILL.md").unlink()
    gate.set()
    await lab.result(run)
    assert [text.splitlines()[1] for text in results(agent)[1:3]] == ["First.", "Gone."]
    assert results(agent)[3] == "Error: no skill 'new'; there are gone, tidy"
    assert len({*prompts(agent)}) == 1
    await lab.result(await ask(lab, agent))
    assert "- tidy: For another task." in prompts(agent)[-1]


async def test_a_run_that_goes_on_in_another_process_is_told_of_the_same_skills(tmp_path: Path) -> None:
    write_skill(tmp_path / "skills", "tidy")
    storage = RunStepStorageConfig("sqlite", {"db_path": str(tmp_path / "runs.db")})
    options = AgentOptions(enable_skill=True, skills_dir=str(tmp_path / "skills"), run_step_storage=storage)
    wait = RecordingTool("wait", gate=asyncio.Event(), effect="read")
    first = Agent("agent", "Does.", ScriptedModel(turns=[calls("wait"), {"text": "done"}]), [wait], options=options)
    handle = await first.start("hi")
    await wait.started.wait()
    await first.close()
    write_skill(tmp_path / "skills", "tidy", "Second.", "For another task.")
    write_skill(tmp_path / "skills", "new")
    model = ScriptedModel(turns=[calls("wait"), read("tidy", "new"), {"text": "done"}])
    second = Agent("agent", "Does.", model, [RecordingTool("wait", effect="read")], options=options)
    await (await second.attach(handle.run_id)).wait()
    await second.close()
    assert prompts(second) == [SECTION] * 2
    assert results(second)[1].startswith("(This skill was changed since this conversation began.")
    assert results(second)[2] == "Error: no skill 'new'; there are tidy"


async def test_a_run_whose_version_is_nowhere_any_more_gets_the_present_one_and_is_told(tmp_path: Path) -> None:
    write_skill(tmp_path, "tidy", "Second.")
    tool = SkillManager([tmp_path]).get_skill_tool()
    context = ExecutionContext("s", "r", skills={"tidy": "of another process", "gone": "too"})
    result = await tool.execute({"skill_name": "tidy"}, context)
    assert result.content.startswith(
        "(This skill was changed since this conversation began. This is its present text.)"
    )
    gone = await tool.execute({"skill_name": "gone"}, context)
    assert gone.error == "no skill 'gone'; it is not there any more; there are tidy"


def test_texts_are_kept_over_a_restart_where_there_is_an_attic(tmp_path: Path) -> None:
    folder, attic = tmp_path / "skills", tmp_path / "attic"
    root = write_skill(folder, "tidy", "First.")
    (first,) = SkillManager([folder], attic=attic).select().entries()
    (root / "SKILL.md").unlink()
    second = SkillManager([folder], attic=attic)
    skill, is_same = second.find("tidy", first.version)
    assert (skill.text, skill.root, is_same) == ("First.", root, True)
    with pytest.raises(SkillNotFoundError):
        second.find("another", first.version)
    for broken in ("[]", "", "{}"):
        (attic / f"{first.version}.json").write_text(broken)
        with pytest.raises(SkillNotFoundError):
            second.find("tidy", first.version)


def test_an_attic_that_is_full_gives_away_what_was_used_longest_ago(tmp_path: Path) -> None:
    attic = tmp_path / "attic"
    attic.mkdir()
    for number in range(1000):
        (attic / f"{number:016}.json").write_text("{}")
        os.utime(attic / f"{number:016}.json", (number, number))
    write_skill(tmp_path / "skills", "tidy")
    SkillManager([tmp_path / "skills"], attic=attic).look()
    kept = sorted(place.stem for place in attic.iterdir())
    assert (len(kept), kept[0]) == (1000, f"{1:016}")


def test_skills_are_there_when_the_attic_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_skill(tmp_path / "skills", "tidy")
    (tmp_path / "attic").write_text("a file")
    assert len(SkillManager([tmp_path / "skills"], attic=tmp_path / "attic").current()) == 1
    assert "the text of skill tidy is not kept over a restart" in caplog.text


async def test_a_manager_tells_what_a_reload_has_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_skill(tmp_path, "changed", "First.")
    write_skill(tmp_path, "removed")
    root = write_skill(tmp_path, "broken")
    manager = SkillManager([tmp_path], is_watched=True)
    await manager.initialize()
    before = manager.registry
    write_skill(tmp_path, "changed", "Second.")
    write_skill(tmp_path, "added")
    write_text(root, "nothing")
    (tmp_path / "removed" / "SKILL.md").unlink()
    assert manager.current() is before
    changes = await manager.reload()
    assert (changes.added, changes.changed, changes.removed) == (("added",), ("changed",), ("removed",))
    assert [fault.path for fault in changes.faults] == [root / "SKILL.md"]
    assert f"a skill cannot be used: {root}/SKILL.md:1: it does not begin with front matter" in caplog.text
    assert not await manager.reload()
    assert before.get("changed").body == "First."


async def test_the_names_of_old_are_there(tmp_path: Path) -> None:
    write_skill(tmp_path, "tidy", "Text.")
    manager = SkillManager([tmp_path])
    await manager.initialize()
    assert isinstance(manager.get_skill_tool(), SkillTool)
    assert manager.render_skills_section() == SECTION
    assert manager.registry.get("tidy").body == "Text."
    with pytest.raises(SkillNotFoundError) as raised:
        manager.registry.get("none")
    assert isinstance(raised.value, NotFound)


async def test_more_skills_than_a_model_should_be_told_of_are_cut_off_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(201):
        write_skill(tmp_path, f"s{number:03}")
    entries = SkillManager([tmp_path]).select().entries()
    assert (len(entries), entries[-1].name) == (200, "s199")
    assert "201 skills are too many for one agent" in caplog.text


def test_a_plan_without_skills_is_recorded_as_before() -> None:
    plan = Plan("m", skills=(SkillEntry("a", "b", "c"),))
    assert Plan.from_json(plan.to_json()) == plan
    assert "skills" not in Plan("m").to_json()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ('["~/a", "b"]', ["~/a", "b"]),
        ('"one"', ["one"]),
        ("a, b,", ["a", "b"]),
        ("a", ["a"]),
        ("", []),
    ],
)
def test_directories_of_skills_are_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: str, read: list[str]
) -> None:
    monkeypatch.setenv("AGIWO_SKILLS_DIRS", given)
    assert skill_directories() == read
