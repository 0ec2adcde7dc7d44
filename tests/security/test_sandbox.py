"""Commands of tools, and what they can do to the machine: each way out is really tried, behind each kind of wall."""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool import ToolResult
from agiwo.tool.builtin.bash import Bash
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.sandbox import Limits, Sandbox, Walls, launch, walls
from agiwo.tool.sandbox.walls import find_bubblewrap
from agiwo.tool.workspace import Workspace
from figures import Figures
from intruder import WAYS
from server_lab import processes_with

pytestmark = [pytest.mark.anyio, pytest.mark.security]

INTRUDER = Path(__file__).parents[1] / "intruder.py"
CONTEXT = ExecutionContext(session_id="s", run_id="r")

UNKEPT = {
    "connects_to_a_unix_socket",
    "plants_a_hook",
    "writes_the_settings_of_git",
    "replaces_the_settings_of_git",
    "moves_the_repository_away",
    "writes_the_settings_of_the_project",
    "changes_modes_outside",
    "leads_git_elsewhere",
}
"""What Landlock alone does not keep from, as `doctor` says."""


SEEM = {
    "writes_outside",
    "writes_over_what_is_outside",
    "truncates_what_is_outside",
    "removes_what_is_outside",
    "makes_a_directory_outside",
    "writes_through_a_symlink",
    "writes_through_a_hardlink",
    "moves_something_in",
    "writes_into_the_home",
    "changes_modes_outside",
    "leads_git_elsewhere",
}
"""What a command may believe that it did: the scene is among temporary files, over which it has a layer of its own."""


@cache
def kinds() -> dict[str, Walls]:
    """The walls that this system has, alone and together."""
    found = walls()
    bubblewrap = find_bubblewrap()
    every = {
        "everything": found,
        "landlock": Walls(landlock=found.landlock),
        "namespaces": Walls(namespaces=found.namespaces),
        "bubblewrap": Walls(landlock=found.landlock, bubblewrap=bubblewrap),
    }
    return {name: each for name, each in every.items() if each and (name != "bubblewrap" or bubblewrap)}


@pytest.fixture(params=["everything", "landlock", "namespaces", "bubblewrap"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A kind of walls; those that this system has not are left out."""
    if request.param not in kinds():
        pytest.skip("this system has no such walls")
    monkeypatch.setattr(launch, "walls", lambda: kinds()[request.param])
    return request.param


@dataclass
class Scene:
    """A home with secrets, a workspace that is a repository, and somebody who listens."""

    home: Path
    workspace: Path
    outside: Path
    told: dict[str, Any]

    def state(self) -> dict[str, tuple[int, str]]:
        """What there is outside of the workspace, and of what the workspace must keep."""
        kept = [self.workspace / ".git" / "config", self.workspace / ".agiwod.toml"]
        hooks = [*(self.workspace / ".git" / "hooks").iterdir()]
        outside = [each for each in self.home.rglob("*") if not each.is_relative_to(self.workspace)]
        return {
            str(each): (each.stat().st_mode, each.read_text() if each.is_file() else "")
            for each in (*kept, *hooks, *outside)
        }

    def tool(self, **options: Any) -> Bash:
        return Bash(Workspace(self.workspace, sandbox=Sandbox(**options)), env={"SCENE": str(self.home)})


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Generator[Scene]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scene-"))).resolve()
        workspace, outside = home / "work", home / "other"
        workspace.mkdir()
        outside.mkdir()
        (home / ".ssh").mkdir()
        (home / ".ssh" / "id_ed25519").write_text("SECRET")
        (outside / "kept").write_text("kept")
        subprocess.run(["git", "init", "-q", str(workspace)], check=True, env={"PATH": os.environ["PATH"]})
        (workspace / ".git" / "hooks").mkdir(exist_ok=True)
        (workspace / ".agiwod.toml").write_text("")
        monkeypatch.setenv("HOME", str(home))
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        free = stack.enter_context(socket.socket())
        free.bind(("127.0.0.1", 0))
        unix, abstract = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        unix.bind(str(outside / "socket"))
        name = secrets.token_hex(8)
        abstract.bind(f"\0{name}")
        for each in (unix, abstract):
            each.listen()
        other = subprocess.Popen(
            ["sleep", "600"], cwd=outside, env={"KEY": "SECRET", "PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL
        )
        stack.callback(other.wait)
        stack.callback(other.kill)
        told = {
            "home": str(home),
            "outside": str(outside),
            "secret": str(home / ".ssh" / "id_ed25519"),
            "pid": str(other.pid),
            "comm": "sleep\n",
            "tcp": str(tcp.getsockname()[1]),
            "free": str(free.getsockname()[1]),
            "unix": str(outside / "socket"),
            "abstract": name,
            "apart": "",
        }
        yield Scene(home, workspace, outside, told)


async def use(tool: Bash, command: str, **arguments: Any) -> ToolResult:
    call = ToolCall("c", "bash", {"command": command, **arguments})
    return await ToolExecutor([tool]).execute(call, CONTEXT, approved=True)


async def intrude(scene: Scene, tool: Bash, *, apart: bool, only: Sequence[str] = ()) -> list[str]:
    """Which ways out the intruder has found."""
    told = json.dumps({**scene.told, "apart": "yes" if apart else "", "only": list(only)})
    result = await use(tool, f"{sys.executable} -I -S {INTRUDER} '{told}'")
    said = json.loads(result.content.splitlines()[0])
    assert said["tried"] == len(only) or said["tried"] > 30
    return said["got"]


async def test_no_way_out_of_a_sandbox_is_open(scene: Scene, kind: str, figures: Figures) -> None:
    before = scene.state()
    got = await intrude(scene, scene.tool(), apart=kinds()[kind].has_namespaces)
    found = set(got) - (UNKEPT if kind == "landlock" else SEEM)

    figures(f"ways out that were found ({kind})", len(found), at_most=0)
    assert not found
    assert kind == "landlock" or scene.state() == before
    assert not (scene.workspace / ".git" / "commondir").exists()


async def test_what_would_lead_git_elsewhere_is_taken_away_and_the_model_is_told(scene: Scene) -> None:
    if not walls():
        pytest.skip("this system has no walls")
    result = await use(scene.tool(), "echo ../evil > .git/commondir; ln -s /tmp .git/config.worktree; echo done")

    assert result.content.startswith("done\n")
    assert "commondir, which says what other programs run" in result.content
    assert {"commondir", "config.worktree"}.isdisjoint(os.listdir(scene.workspace / ".git"))


async def test_without_a_sandbox_the_same_ways_are_open(scene: Scene) -> None:
    harmless = ["writes_outside", "reads_a_key", "signals_another", "connects_by_tcp", "plants_a_hook"]

    assert await intrude(scene, scene.tool(mode="danger-full-access"), apart=False, only=sorted(harmless)) == [
        name for name in WAYS if name in harmless
    ]


async def test_a_sandbox_does_not_break_ordinary_work(scene: Scene, kind: str) -> None:
    result = await use(
        scene.tool(),
        "set -e; echo x > file; mkdir -p a/b; mv file a/b/; ln -s a c; cat c/b/file; cp -r a d; rm -r a; "
        "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; "
        "git add -A; git commit -qm one; git checkout -qb other; git log --oneline | wc -l; "
        "t=$(mktemp); echo y > $t; cat $t; rm $t; echo z > /dev/null; ls / > /dev/null; "
        "mkdir sub; git init -q sub; sleep 0.1 & wait; cat < /etc/passwd | head -c 1 > /dev/null; echo done",
    )

    assert result.content.split() == ["x", "1", "y", "done"]


async def test_a_workspace_in_a_hidden_place_is_as_any_other(scene: Scene, kind: str) -> None:
    (scene.home / "letter").write_text("SECRET")
    command = "cat ../letter; echo x > .git/hooks/pre-commit; echo y > new; cat new"
    result = await use(scene.tool(hidden=(str(scene.home),)), command)

    assert result.content.endswith("y\n")
    assert (scene.workspace / "new").read_text() == "y\n"
    assert "SECRET" not in result.content
    assert kind == "landlock" or not (scene.workspace / ".git" / "hooks" / "pre-commit").exists()


async def test_a_command_without_a_network_still_reaches_itself(scene: Scene) -> None:
    if not walls().has_namespaces:
        pytest.skip("without namespaces there is no network of its own")
    program = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_connection(s.getsockname()); print('reached')"
    )

    assert (await use(scene.tool(), f'{sys.executable} -c "{program}"')).content == "reached\n"


async def test_the_network_and_places_that_the_settings_name_are_open(scene: Scene, kind: str) -> None:
    got = await intrude(scene, scene.tool(network=True, writable=(str(scene.outside),)), apart=False)

    assert {"connects_by_tcp", "writes_outside"} <= set(got)
    assert (scene.outside / "new").read_text() == "gone"
    assert not {"reads_a_key", "signals_another"} & set(got)


async def test_a_sandbox_that_only_reads_lets_nothing_be_written(scene: Scene, kind: str) -> None:
    result = await use(
        scene.tool(mode="read-only"), "cat .git/HEAD; echo x > new; rm .git/HEAD; echo x > /tmp/scene-new"
    )

    assert result.content.startswith("ref: ")
    assert not (scene.workspace / "new").exists()
    assert (scene.workspace / ".git" / "HEAD").exists()
    assert not (scene.home / "new").exists()


async def test_temporary_files_are_gone_with_their_command(scene: Scene, kind: str) -> None:
    command = "f=$(mktemp); echo x > $f; mkdir -p $f.d/e; ln -s / $f.d/l; chmod 500 $f.d; cat $f; echo $f"
    said, name = (await use(scene.tool(), command)).content.split()
    temporary = Path(name).parent

    assert said == "x"
    assert not os.path.lexists(name)  # noqa: ASYNC240 - nothing else runs here
    assert temporary in (Path("/tmp"), Path(tempfile.gettempdir())) or not temporary.exists()


async def test_where_there_are_no_walls_that_is_said_and_what_must_have_them_does_not_run(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "walls", Walls)
    monkeypatch.setattr("agiwo.tool.builtin.bash.walls", Walls)
    judged = ToolExecutor([scene.tool()]).judge(ToolCall("c", "bash", {"command": "true"}))

    assert judged.action == "ask"
    assert judged.reason.startswith("it is not confined, since this system has nothing to do that with")
    assert (await use(scene.tool(), "echo x > ../other/new && echo done")).content == "done\n"
    assert "must be confined" in (await use(scene.tool(must_hold=True), "echo done")).content


async def test_who_is_asked_is_told_how_far_a_command_reaches(scene: Scene) -> None:
    def reason(**options: Any) -> str:
        return ToolExecutor([scene.tool(**options)]).judge(ToolCall("c", "bash", {"command": "true"})).reason

    assert "not confined" in reason(mode="danger-full-access")
    if walls():
        assert f"it can write in {scene.workspace}" in reason()
        assert "not reach the network" in reason()
        assert "it can write nothing and can reach the network" in reason(mode="read-only", network=True)


ESCAPES = """
setsid sleep 600 &
(setsid sh -c 'sleep 600 & sleep 600' &)
nohup sleep 600 > /dev/null 2>&1 & disown
for i in 1 2 3 4 5; do setsid sh -c 'trap "" TERM HUP INT; sleep 600 & wait' & done
env -i setsid sleep 604 &
sleep 0.2
"""


async def test_nothing_is_left_of_a_command_wherever_it_has_got_to(scene: Scene, kind: str, figures: Figures) -> None:
    before = processes_named("sleep\0604\0")
    result = await use(scene.tool(), ESCAPES)

    assert result.is_success
    left = [*processes_with(f"SCENE={scene.home}"), *(processes_named("sleep\0604\0") - before)]
    figures("processes left", len(left), at_most=0)


def processes_named(line: str) -> set[str]:
    """Those with that command line: one may have got rid of its environment."""
    found = set[str]()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if Path(f"/proc/{name}/cmdline").read_text() == line:
                found.add(name)
    return found


@pytest.mark.parametrize("mode", ["workspace-write", "danger-full-access"])
async def test_nothing_is_left_when_whoever_runs_a_command_is_killed(scene: Scene, mode: str, figures: Figures) -> None:
    program = (
        "import asyncio, sys; from agiwo.tool.builtin.bash import Bash; from agiwo.tool.sandbox import Sandbox\n"
        "from agiwo.tool.workspace import Workspace; from agiwo.schema.tool import ExecutionContext\n"
        f"place = Workspace({str(scene.workspace)!r}, sandbox=Sandbox({mode!r}))\n"
        f"tool = Bash(place, env={{'SCENE': {str(scene.home)!r}}})\n"
        "command = 'setsid sleep 600 & sleep 600 & touch started; wait'\n"
        "asyncio.run(tool.execute({'command': command}, ExecutionContext('s', 'r')))\n"
    )
    host = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    async with asyncio.timeout(60):
        while not (scene.workspace / "started").exists():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)
    host.kill()
    await host.wait()
    async with asyncio.timeout(60):
        while left := processes_with(f"SCENE={scene.home}"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    figures("processes left", len(left), at_most=0)


LIMITS = Limits(memory=200, processes=40, file=8, files=64)

FORK_BOMB = "bomb() { bomb | bomb & }; bomb; sleep 30"
HOLDING = f"{sys.executable} -c 'import time; x = bytes(range(100)) * 1_000_000; time.sleep(600)'"
HOGS = f"for i in 1 2 3; do {HOLDING} & done; wait"
HOG = f"{sys.executable} -c 'x = bytearray(300_000_000)'"
LARGE = "head -c 20m /dev/zero > large"
OPEN = f"{sys.executable} -c 'x = [open(\"/dev/null\") for _ in range(100)]'"


@pytest.mark.parametrize(
    ("command", "reason", "mode"),
    [
        (FORK_BOMB, "more than 40 processes|Resource temporarily unavailable", "workspace-write"),
        (FORK_BOMB, "more than 40 processes|Resource temporarily unavailable", "danger-full-access"),
        (HOGS, "more than 200 MiB of memory", "workspace-write"),
        (HOGS, "more than 200 MiB of memory", "danger-full-access"),
        (HOG, "MemoryError", "workspace-write"),
        (LARGE, "File size limit exceeded", "workspace-write"),
        (OPEN, "Too many open files", "danger-full-access"),
    ],
    ids=["fork bomb", "fork bomb without walls", "hogs", "hogs without walls", "hog", "large file", "open files"],
)
async def test_a_command_that_takes_too_much_is_an_error_and_harms_nobody(
    scene: Scene, command: str, reason: str, mode: str, figures: Figures
) -> None:
    tool = scene.tool(mode=mode, limits=LIMITS)
    result = await use(tool, command, timeout=60)

    assert not result.is_success
    assert any(each in result.content for each in reason.split("|")), result.content
    figures("processes left", len(processes_with(f"SCENE={scene.home}")), at_most=0)
    assert (await use(tool, "echo fine")).content == "fine\n"
    assert not [each for each in scene.workspace.iterdir() if each.name.startswith("core")]


@pytest.mark.parametrize("mode", ["workspace-write", "danger-full-access"])
async def test_a_command_stands_behind_whoever_has_it_run(scene: Scene, mode: str) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    said = (await use(scene.tool(mode=mode), "nice; (nice) & wait")).content
    assert [int(each) > own for each in said.split()] == [True, True]


async def test_a_command_gets_the_variables_that_are_named_and_no_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "LD_PRELOAD_X", "NAMED"):
        monkeypatch.setenv(name, "SECRET")
    said = (await use(scene.tool(env=("NAMED",)), "env; cat /proc/1/environ")).content

    assert "NAMED=SECRET" in said
    assert said.count("SECRET") == said.count("NAMED=SECRET")
