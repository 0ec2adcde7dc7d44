"""Runs and skills as resources and prompts of MCP, and how clients hear that they change."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from agiwo.skill.manager import SkillManager
from agiwod.runtime.exposure import Exposure
from agiwod.runtime.runs import Ask
from daemon_lab import PATIENCE, running, scripted
from mcp import MCPError
from mcp.server.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated, ToolsListChanged
from mcp_lab import ERAS, Era, asking
from mcp_types import (
    EmptyResult,
    ResourceTemplateReference,
    SubscribeRequest,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequest,
    UnsubscribeRequestParams,
)
from skill_lab import write_skill

pytestmark = pytest.mark.anyio


def text(result: Any) -> str:
    assert isinstance(result.contents[0], TextResourceContents)
    return result.contents[0].text


@pytest.mark.parametrize("era", ERAS)
async def test_a_run_is_read_with_what_was_said_in_it(era: Era) -> None:
    async with running() as daemon, asking(daemon, era) as client:
        run = (await client.call_tool("echo", {"input": "hi"})).structured_content["runId"]
        [listed] = (await client.list_resources()).resources
        assert (listed.uri, listed.title, listed.description) == (
            f"agiwo://run/{run}",
            "echo, completed",
            "hello world",
        )
        read = json.loads(text(await client.read_resource(listed.uri)))
        assert (read["status"], read["response"]) == ("completed", "hello world")
        assert [item["kind"] for item in read["items"]] == ["userMessage", "agentMessage"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "uri",
    [
        "agiwo://run/run_nothing",
        "skill://nothing",
        "skill://review/../../x",
        "skill://review/gone.md",
        "file:///etc/passwd",
    ],
)
async def test_what_is_not_there_is_refused_by_its_name(era: Era, uri: str, tmp_path: Path) -> None:
    write_skill(tmp_path, "review")
    async with running(skills=SkillManager([tmp_path], is_watched=True)) as daemon, asking(daemon, era) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
        assert (refused.value.code, refused.value.data["uri"]) == (-32602, uri)


@pytest.mark.parametrize("era", ERAS)
async def test_a_skill_is_a_resource_with_its_files_and_a_prompt(era: Era, tmp_path: Path) -> None:
    root = write_skill(tmp_path, "review", "Look twice.", "Reviewing.")
    (root / "list.md").write_text("1. names")
    async with running(skills=SkillManager([tmp_path], is_watched=True)) as daemon, asking(daemon, era) as client:
        [skill] = (await client.list_resources()).resources
        assert (skill.uri, skill.name, skill.description) == ("skill://review", "review", "Reviewing.")
        assert text(await client.read_resource("skill://review")) == "Look twice."
        assert text(await client.read_resource("skill://review/list.md")) == "1. names"
        [prompt] = (await client.list_prompts()).prompts
        assert (prompt.name, prompt.description) == ("review", "Reviewing.")
        got = await client.get_prompt("review", {"task": "this diff"})
        assert isinstance(got.messages[0].content, TextContent)
        assert got.messages[0].content.text == "Look twice.\n\nThe task: this diff"
        with pytest.raises(MCPError, match="there is no prompt 'revue'"):
            await client.get_prompt("revue")
        daemon.exposure = Exposure(skills=())
        assert (await client.list_prompts(cache_mode="bypass")).prompts == []


@pytest.mark.parametrize("era", ERAS)
async def test_templates_say_what_can_be_read_and_names_are_suggested(era: Era, tmp_path: Path) -> None:
    write_skill(tmp_path, "review")
    async with running(skills=SkillManager([tmp_path], is_watched=True)) as daemon, asking(daemon, era) as client:
        templates = [each.uri_template for each in (await client.list_resource_templates()).resource_templates]
        assert templates == ["agiwo://run/{runId}", "skill://{name}", "skill://{name}/{+path}"]
        run = (await client.call_tool("echo", {"input": "hi"})).structured_content["runId"]
        for template, begun, found in ((templates[0], "run_", run), (templates[1], "re", "review")):
            ref = ResourceTemplateReference(uri=template)
            answer = await client.complete(ref, {"name": "runId", "value": begun})
            assert (answer.completion.values, answer.completion.has_more) == ([found], False)


class Heard:
    """The notifications that a client of the older era gets."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self._news = asyncio.Event()

    async def __call__(self, message: Any) -> None:
        uri = getattr(getattr(message, "params", None), "uri", "")
        self.methods.append(f"{message.method} {uri}".strip())
        self._news.set()

    async def until(self, *methods: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not {*methods} <= {*self.methods}:
                self._news.clear()
                await self._news.wait()


async def test_a_client_of_the_older_era_hears_of_changes(tmp_path: Path) -> None:
    write_skill(tmp_path, "review")
    heard = Heard()
    skills = SkillManager([tmp_path], is_watched=True)
    async with running(skills=skills) as daemon, asking(daemon, "legacy", message_handler=heard) as client:
        await client.list_prompts()  # which waits until skills were looked for
        watched = SubscribeRequestParams(uri="skill://review")
        await client.session.send_request(SubscribeRequest(params=watched), EmptyResult)
        write_skill(tmp_path, "review", "Look three times.", "Reviewing twice.")
        await daemon.skills.reload()
        await heard.until(
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed",
            "notifications/resources/updated skill://review",
        )
        assert (await client.list_prompts()).prompts[0].description == "Reviewing twice."
        no_more = UnsubscribeRequestParams(uri="skill://review")
        await client.session.send_request(UnsubscribeRequest(params=no_more), EmptyResult)
        daemon.events.publish("agent", "agent/changed", {"added": ["new"], "removed": []})
        await heard.until("notifications/tools/list_changed")


async def test_a_client_of_the_newer_era_hears_of_the_changes_that_it_asked_for(tmp_path: Path) -> None:
    write_skill(tmp_path, "review")
    async with running(skills=SkillManager([tmp_path], is_watched=True)) as daemon, asking(daemon) as client:
        await client.list_prompts()  # which waits until skills were looked for
        run = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        watched = {"resource_subscriptions": ["skill://review", f"agiwo://run/{run}"]}
        async with client.listen(
            tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True, **watched
        ) as changes:
            write_skill(tmp_path, "review", "Look three times.")
            await daemon.skills.reload()
            daemon.events.publish("agent", "agent/changed", {"added": ["new"], "removed": []})
            lists = {PromptsListChanged(), ResourcesListChanged(), ToolsListChanged()}
            wanted: set[Any] = {*lists, ResourceUpdated("skill://review")}
            async with asyncio.timeout(PATIENCE):
                while wanted:  # the run, which is watched too, may end before that or not
                    wanted.discard(await anext(changes))


async def test_somebody_who_was_too_slow_is_told_that_everything_may_have_changed() -> None:
    heard = Heard()
    async with running(scripted("echo")) as daemon, asking(daemon, "legacy", message_handler=heard) as client:
        await client.list_tools()
        for _ in range(5000):
            daemon.events.publish("nobody", "nothing", {})
        await heard.until("notifications/tools/list_changed", "notifications/prompts/list_changed")
