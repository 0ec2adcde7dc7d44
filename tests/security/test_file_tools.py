"""Tools for files at the edge of their workspace: links that change meanwhile, places of secrets, what blocks."""

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool import Policy, Rule, ToolResult
from agiwo.tool.builtin import builtin_tool
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.sandbox import Sandbox
from agiwo.tool.workspace import Workspace
from figures import Figures

pytestmark = [pytest.mark.anyio, pytest.mark.security]

NAMES = ("read_file", "write_file", "edit_file", "list_files", "search_files")
CONTEXT = ExecutionContext(session_id="s", run_id="r")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with keys, and a workspace in it."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_text("SECRET")
    (tmp_path / "work" / ".git" / "hooks").mkdir(parents=True)
    (tmp_path / "work" / "sub" / ".git").mkdir(parents=True)
    (tmp_path / "work" / ".git" / "config").write_text("[core]\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def executor(root: Path, policy: Policy | None = None, **options: Any) -> ToolExecutor:
    place = Workspace(root, sandbox=Sandbox(**options))
    return ToolExecutor([builtin_tool(name, workspace=place) for name in NAMES], policy=policy)


async def use(tools: ToolExecutor, name: str, **arguments: Any) -> ToolResult:
    return await tools.execute(ToolCall("c", name, arguments), CONTEXT, approved=True)


def written(home: Path, text: str) -> list[Path]:
    return [each for each in home.rglob("*") if each.is_file() and text in each.read_text()]


@contextmanager
def swapping(path: Path, *targets: Path) -> Generator[None]:
    """A thread that puts links to one place after another at the path, as fast as it can."""
    is_over = threading.Event()

    def swap() -> None:
        while not is_over.is_set():
            for target in targets:
                new = path.with_name(f"{path.name}.new")
                with suppress(OSError):
                    new.symlink_to(target)
                    new.replace(path)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


async def test_a_link_that_is_swapped_all_the_time_never_leads_out(home: Path, figures: Figures) -> None:
    work, outside = home / "work", home / "other"
    inside = work / "inside"
    for place, text in ((inside, "inside"), (outside, "SECRET")):
        place.mkdir()
        (place / "file").write_text(text)
        (place / f"only-{place.name}").write_text(text)
    tools, leaks, reads = executor(work), 0, 0
    with swapping(work / "link", inside, outside):
        for turn in range(80):
            read = await use(tools, "read_file", path="link/file")
            listed = await use(tools, "list_files", path="link")
            globbed = await use(tools, "list_files", path="link", pattern="*other*")
            await use(tools, "write_file", path="link/written", content=str(turn))
            reads += read.content == "inside"
            leaks += "SECRET" in read.content
            leaks += "only-other" in listed.content + str(globbed.output)
        for _ in range(4):
            leaks += "SECRET" in (await use(tools, "search_files", pattern="SECRET", path="link")).content

    figures("leaks through a swapped link", leaks, at_most=0)
    figures("files written through a swapped link", len(list(outside.glob("written*"))), at_most=0)
    figures("reads of what is inside meanwhile", reads, at_least=1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read_file", {"path": ".ssh/id_ed25519"}),
        ("read_file", {"path": "work/../.ssh/id_ed25519"}),
        ("read_file", {"path": "way/id_ed25519"}),
        ("list_files", {"path": ".ssh"}),
        ("search_files", {"pattern": "SECRET", "path": ".ssh"}),
        ("search_files", {"pattern": "SECRET"}),
        ("write_file", {"path": ".ssh/authorized_keys", "content": "mine"}),
        ("edit_file", {"path": ".ssh/id_ed25519", "old": "SECRET", "new": "x"}),
    ],
)
async def test_keys_are_shown_to_no_tool_also_when_the_workspace_is_the_home(
    home: Path, name: str, arguments: dict[str, Any]
) -> None:
    (home / "way").symlink_to(home / ".ssh")
    result = await use(executor(home), name, **arguments)

    assert "SECRET" not in result.content
    assert not (result.is_success and name != "search_files"), result.content
    assert not (home / ".ssh" / "authorized_keys").exists()


@pytest.mark.parametrize(
    "path",
    [
        *(".git/hooks/pre-commit", ".git/config", ".GIT/config", ".git", "sub/.git/config", "sub/.git/hooks/x"),
        *(".g\u200cit/config", "\uff0egit/config", ".git/modules/a/config", ".git/commondir"),
        *(".agiwod.toml", ".mcp.json", ".agents/skills/x/SKILL.md", ".agiwo/x"),
    ],
)
async def test_what_others_run_later_stays_as_it_is(home: Path, path: str) -> None:
    result = await use(executor(home / "work"), "write_file", path=path, content="evil")

    assert "stays as it is" in result.content
    assert not written(home, "evil")


async def test_what_the_settings_name_and_all_else_of_a_repository_can_be_written(home: Path) -> None:
    tools = executor(home / "work", writable=(str(home / "work" / ".agents"),))

    for path in (".agents/skills/x/SKILL.md", ".git/description", ".gitignore", ".github/config", "sub/config"):
        assert (await use(tools, "write_file", path=path, content="x")).is_success


async def test_a_sandbox_that_only_reads_refuses_every_change(home: Path) -> None:
    (home / "work" / "file").write_text("old")
    tools = executor(home / "work", mode="read-only")

    assert "read-only" in (await use(tools, "write_file", path="new", content="x")).content
    assert "read-only" in (await use(tools, "edit_file", path="file", old="old", new="new")).content
    assert (await use(tools, "read_file", path="file")).content == "old"
    assert not (home / "work" / "new").exists()


@pytest.mark.parametrize(
    "path",
    ["Secrets/x", "SECRETS/x", "\uff53ecrets/x", "secr\u200dets/x", "./secrets/../secrets/x", "link/x", "secrets//x"],
)
async def test_a_rule_that_denies_is_got_around_by_no_twin_of_a_name(home: Path, path: str) -> None:
    (home / "work" / "secrets").mkdir()
    (home / "work" / "secrets" / "x").write_text("SECRET")
    (home / "work" / "link").symlink_to("secrets")
    policy = Policy((Rule("*_file", "deny", {"path": "secrets/*"}), Rule("*", "allow")))

    result = await use(executor(home / "work", policy), "read_file", path=path)

    assert "is not allowed" in result.content


@pytest.mark.parametrize(
    "path",
    [
        *("pipe", "device", "socket", "loop", "/dev/zero", "/proc/self/environ", "self/environ", "root/etc/passwd"),
        *("fd/0", "a\0b", "../x", "/etc/passwd", "~/.ssh/id_ed25519", "x" * 5000, "up/.ssh/id_ed25519"),
    ],
)
async def test_what_is_no_file_of_the_workspace_is_refused_at_once(home: Path, path: str) -> None:
    work = home / "work"
    os.mkfifo(work / "pipe")
    for name, target in {
        "device": "/dev/zero",
        "loop": "loop",
        "self": "/proc/self",
        "root": "/proc/self/root",
        "fd": "/dev/fd",
        "up": "..",
    }.items():
        (work / name).symlink_to(target)
    tools = executor(work)

    for name, arguments in (("read_file", {}), ("edit_file", {"old": "a", "new": "b"})):
        assert not (await use(tools, name, path=path, **arguments)).is_success
    assert "root:" not in (await use(tools, "search_files", pattern="root:")).content


async def test_a_file_of_a_gigabyte_is_read_in_pieces(home: Path, figures: Figures) -> None:
    with open(home / "work" / "large", "wb") as file:  # noqa: ASYNC230 - a file without content is made at once
        file.write(b"first\n")
        file.truncate(2**30)
    (home / "work" / "long").write_text("x" * 10_000_000)
    tools = executor(home / "work")

    figures("characters of ten million", len((await use(tools, "read_file", path="long")).content), at_most=70_000)
    assert (await use(tools, "edit_file", path="large", old="first", new="x")).content.endswith("10,485,760 bytes")
    assert "not a text file" in (await use(tools, "read_file", path="large")).content


async def test_a_hard_link_is_not_written_through(home: Path) -> None:
    (home / "other").write_text("kept")
    os.link(home / "other", home / "work" / "twin")

    assert (await use(executor(home / "work"), "write_file", path="twin", content="new")).is_success
    assert (home / "other").read_text() == "kept"
