"""Clients that work in a project: they have its agents and skills once it is trusted, and nothing of it before."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agiwo.journal.care import Store
from agiwo.journal.memory import MemoryJournal
from agiwo_client import connect
from agiwo_protocol.errors import RpcError
from agiwo_protocol.paths import locate
from agiwod.projects import TrustedProjects
from agiwod.roster import build_agents
from agiwod.runtime.daemon import Daemon
from agiwod.settings import load_settings, read_project
from agiwod.trust import TrustBook
from client_stage import serving
from daemon_lab import PATIENCE, Caller, KeptJournal, calling
from skill_lab import write_skill

pytestmark = pytest.mark.anyio

USER = """\
[agents.usual]
model = "scripted:usual.json"
skills = ["*"]
"""

LOCAL = """\
[agents.local]
model = "scripted:local.json"
skills = ["*"]
"""


class Ground:
    """A home and a project, and what the user has said of it."""

    def __init__(self, path: Path) -> None:
        self.home, self.root = path / "home", path / "project"
        for directory, name in ((self.home, "usual"), (self.root, "local")):
            directory.mkdir()
            (directory / f"{name}.json").write_text('{"turns": [{"text": "done"}], "repeat": true}')
        (self.home / "config.toml").write_text(USER)
        self.write(LOCAL)
        self.book = TrustBook(locate(self.home))

    def write(self, text: str) -> None:
        (self.root / ".agiwod.toml").write_text(text)

    def trust(self) -> None:
        self.book.trust(read_project(self.root))

    @asynccontextmanager
    async def daemon(self, journal: Store | None = None) -> AsyncGenerator[Daemon]:
        def read(project: Any = None) -> Any:
            return load_settings(self.home, environ={}, project=project)

        finder = TrustedProjects(locate(self.home), read)
        daemon = Daemon(journal or MemoryJournal(), build_agents(read()), finder=finder)
        await daemon.start()
        try:
            yield daemon
        finally:
            await daemon.close()

    @asynccontextmanager
    async def client(self, daemon: Daemon, place: Path | None = None) -> AsyncGenerator[Caller]:
        async with calling(daemon, greet=False) as caller:
            caller.greeting = await caller.shake_hands(workspace={"cwd": str(place or self.root)})
            yield caller


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    return Ground(tmp_path)


async def agents(caller: Caller) -> dict[str, str]:
    found = (await caller.call("agent/list"))["agents"]
    return {each["agentId"]: each["source"] for each in found}


async def test_a_client_in_a_trusted_project_has_its_agents_beside_everybodys(ground: Ground) -> None:
    ground.trust()
    (ground.root / "src").mkdir()
    async with (
        ground.daemon() as daemon,
        ground.client(daemon, ground.root / "src") as caller,
        calling(daemon) as elsewhere,
    ):
        assert caller.greeting["workspace"] == {"root": str(ground.root), "trusted": True}
        assert await agents(caller) == {"usual": "config", "local": "project"}
        assert await agents(elsewhere) == {"usual": "config"}
        run = await caller.start("local")
        await caller.read(run)
        with pytest.raises(RpcError, match="no agent 'local'"):
            await elsewhere.start("local")


async def test_nothing_of_an_untrusted_project_is_taken_and_its_client_hears_how_to_trust_it(ground: Ground) -> None:
    write_skill(ground.root / "skills", "mine")
    async with ground.daemon() as daemon, ground.client(daemon) as caller:
        told = caller.greeting["workspace"]
        assert (told["root"], told["trusted"]) == (str(ground.root), False)
        assert f"`agiwod trust {ground.root}`" in told["notice"]
        assert await agents(caller) == {"usual": "config"}
        assert "mine" not in [each["name"] for each in (await caller.call("skill/list"))["skills"]]
        with pytest.raises(RpcError, match="no agent 'local'"):
            await caller.start("local")
        await caller.read(await caller.start("usual"))


async def test_trust_that_comes_or_goes_counts_from_the_next_request_on(ground: Ground) -> None:
    async with ground.daemon() as daemon, ground.client(daemon) as caller:
        ground.trust()
        await caller.read(await caller.start("local"))
        ground.write(LOCAL.replace("local]", "other]"))
        assert await agents(caller) == {"usual": "config"}
        ground.trust()
        assert await agents(caller) == {"usual": "config", "other": "project"}
        ground.book.revoke(ground.root)
        assert await agents(caller) == {"usual": "config"}


async def test_skills_of_the_project_are_those_of_runs_that_are_started_there(ground: Ground) -> None:
    for place, name in (("skills", "first"), (".agiwo/skills", "second"), (".agents/skills", "third")):
        write_skill(ground.root / place, name)
    ground.trust()
    async with ground.daemon() as daemon, ground.client(daemon) as caller, calling(daemon) as elsewhere:
        found = {each["name"]: each["source"] for each in (await caller.call("skill/list"))["skills"]}
        assert {name for name, source in found.items() if source == "project"} == {"first", "second", "third"}
        assert "bundled" in found.values()
        run = await caller.start("usual")
        await caller.read(run)
        spec = next(each for each in await daemon.journal.load(run) if each.key == "spec").data["spec"]
        assert {"first", "second", "third"} <= {each["name"] for each in spec["plan"]["skills"]}
        assert "first" not in [each["name"] for each in (await elsewhere.call("skill/list"))["skills"]]


async def test_an_edited_skill_of_a_project_is_told_with_its_project(ground: Ground) -> None:
    write_skill(ground.root / "skills", "mine", "One.")
    ground.trust()
    async with ground.daemon() as daemon, ground.client(daemon) as caller:
        await caller.call("skill/list")
        await caller.call("event/subscribe", topics=["skill"])
        write_skill(ground.root / "skills", "mine", "Two.")
        await caller.call("skill/reload")
        await caller.until(lambda: any(each.method == "daemon/event" for each in caller.told))
        told = next(each.params for each in caller.told if each.method == "daemon/event")
        assert isinstance(told, dict)
        assert (told["type"], told["data"]["project"], told["data"]["changed"]) == (
            "skill/changed",
            str(ground.root),
            ["mine"],
        )
        assert (await caller.call("skill/get", name="mine"))["body"].strip() == "Two."


async def unfinished(ground: Ground, journal: Store) -> str:
    """A run of the project's agent that a daemon left behind."""
    (ground.root / "local.json").write_text('{"turns": [{"text": "slow", "delayMs": 600000}]}')
    ground.trust()
    async with ground.daemon(journal) as daemon, ground.client(daemon) as caller:
        run = await caller.start("local")
        await caller.until(lambda: any("run/started" in str(each.params) for each in caller.told))
    (ground.root / "local.json").write_text('{"turns": [{"text": "done"}]}')
    return run


async def test_a_run_of_a_project_goes_on_after_a_restart(ground: Ground) -> None:
    journal = KeptJournal()
    run = await unfinished(ground, journal)
    async with ground.daemon(journal) as daemon, asyncio.timeout(PATIENCE):
        assert (await daemon.runs.wait(run)).head.status == "completed"


async def test_a_run_of_a_project_that_is_trusted_no_more_waits_until_it_is(ground: Ground) -> None:
    journal = KeptJournal()
    run = await unfinished(ground, journal)
    ground.book.revoke(ground.root)
    async with ground.daemon(journal) as daemon, asyncio.timeout(PATIENCE):
        while (await daemon.runs.get(run)).head.status != "suspended":  # noqa: ASYNC110 - it tells of this by no event
            await asyncio.sleep(0)
        ground.trust()
        async with ground.client(daemon):
            assert (await daemon.runs.wait(run)).head.status == "completed"


@pytest.mark.parametrize("prepare", ["fifo", "huge", "binary", "link", "keys", "broken"])
async def test_a_file_that_a_stranger_has_prepared_hurts_nobody(ground: Ground, prepare: str, tmp_path: Path) -> None:
    file = ground.root / ".agiwod.toml"
    file.unlink()
    match prepare:
        case "fifo":
            os.mkfifo(file)
        case "huge":
            with file.open("wb") as sparse:
                sparse.truncate(10**9)
        case "binary":
            file.write_bytes(b"\xff\xfe\x00")
        case "link":
            file.symlink_to(tmp_path / "home" / "config.toml")
        case "keys":
            file.write_text('[models.x]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n')
        case _:
            file.write_text("[agents")
    async with ground.daemon() as daemon, ground.client(daemon) as caller:
        assert str(file) in caller.greeting["workspace"]["notice"]
        assert await agents(caller) == {"usual": "config"}
        await caller.read(await caller.start("usual"))


async def test_an_agent_of_a_trusted_project_that_cannot_be_made_leaves_the_project_out(ground: Ground) -> None:
    ground.write('[agents.local]\nmodel = "scripted:local.json"\ntools = ["no_such_tool"]\n')
    ground.trust()
    async with ground.daemon() as daemon, ground.client(daemon) as caller:
        assert "no tool 'no_such_tool'" in caller.greeting["workspace"]["notice"]
        assert await agents(caller) == {"usual": "config"}


async def test_a_client_in_no_project_hears_nothing_of_one(ground: Ground, tmp_path: Path) -> None:
    async with ground.daemon() as daemon, ground.client(daemon, tmp_path) as caller:
        assert "workspace" not in caller.greeting
    async with ground.daemon() as daemon, ground.client(daemon, Path("relative")) as caller:
        assert "workspace" not in caller.greeting


@pytest.mark.parametrize("cwd", ["", "/nul\0", "/" + "x" * 4000, "/circle", "/proc/1/root/none", "~", "C:\\work"])
async def test_a_place_that_is_none_is_in_no_project(ground: Ground, cwd: str, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    place = str(tmp_path / "circle") if cwd == "/circle" else cwd
    async with ground.daemon() as daemon, calling(daemon, greet=False) as caller:
        assert "workspace" not in await caller.shake_hands(workspace={"cwd": place})
        await caller.read(await caller.start("usual"))


async def test_who_has_the_agent_that_comes_with_agiwod_has_it_in_a_project_too(ground: Ground) -> None:
    (ground.home / "config.toml").write_text("")
    ground.trust()
    async with ground.daemon() as daemon, ground.client(daemon) as caller:
        assert await agents(caller) == {"local": "project", "assistant": "builtin"}
        assert (await caller.call("agent/list"))["defaultAgent"] == "assistant"


async def test_trusted_projects_are_listed_in_pages_with_why_one_of_them_is_left_out(ground: Ground) -> None:
    others = [ground.root.with_name(name) for name in ("changed", "gone", "open")]
    for other in others:
        other.mkdir()
        (other / ".agiwod.toml").write_text(LOCAL)
        ground.book.trust(read_project(other))
    ground.trust()
    ground.book.trust(read_project(ground.home))
    ground.book.revoke(ground.home)
    (others[0] / ".agiwod.toml").write_text(LOCAL.replace("local]", "other]"))
    (others[1] / ".agiwod.toml").unlink()
    others[1].rmdir()
    async with ground.daemon() as daemon, calling(daemon) as caller:
        first = await caller.call("project/list", limit=2)
        rest = await caller.call("project/list", cursor=first["nextCursor"])
        told = [*first["projects"], *rest["projects"]]
        assert [each["root"] for each in told] == [str(each) for each in (*others, ground.root)]
        assert [each["trusted"] for each in told] == [False, False, True, True]
        assert "something else" in told[0]["notice"]
        assert "no directory" in told[1]["notice"]
        assert all(each["trustedAt"].endswith("Z") for each in told)
        assert "nextCursor" not in rest


async def test_a_daemon_whose_book_of_trust_is_damaged_says_so_and_one_without_a_book_has_no_projects(
    ground: Ground,
) -> None:
    async with ground.daemon() as daemon, calling(daemon) as caller:
        assert await caller.call("project/list") == {"projects": []}
        ground.trust()
        ground.book.file.write_text("no")
        with pytest.raises(RpcError, match="is damaged"):
            await caller.call("project/list")


async def test_the_python_client_lists_trusted_projects(ground: Ground) -> None:
    ground.trust()
    async with (
        ground.daemon() as daemon,
        serving(daemon, ground.home),
        connect(home=ground.home, autostart=False) as client,
    ):
        (found,) = (await client.project.list()).projects
        assert (found.root, found.trusted, found.notice) == (str(ground.root), True, None)
