"""The builtin tools for files: what they do, and what gets nobody out of the workspace."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ToolError
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool import Policy, Rule, ToolResult
from agiwo.tool.base import BaseTool
from agiwo.tool.builtin.edit_file import EditFile
from agiwo.tool.builtin.list_files import ListFiles, fits
from agiwo.tool.builtin.read_file import ReadFile
from agiwo.tool.builtin.search_files import SearchFiles
from agiwo.tool.builtin.write_file import WriteFile
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.workspace import Workspace

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with a secret beside it, and links to both."""
    home = tmp_path / "home"
    (home / "docs").mkdir(parents=True)
    (home / "notes.txt").write_text("one\ntwo\nthree\n")
    (home / "docs" / "guide.md").write_text("# Guide\n\nRead me.\n")
    (tmp_path / "secret.txt").write_text("the secret\n")
    (home / "out").symlink_to(tmp_path)
    (home / "secret").symlink_to(tmp_path / "secret.txt")
    (home / "inside").symlink_to("docs")
    (home / "circle").symlink_to("circle")
    return home


async def use(tool: BaseTool, **arguments: Any) -> ToolResult:
    call = ToolCall("c", tool.get_name(), arguments)
    return await ToolExecutor([tool]).execute(call, CONTEXT, approved=True)


def tools_at(home: Path) -> dict[str, BaseTool]:
    tools = [ReadFile(home), WriteFile(home), EditFile(home), ListFiles(home), SearchFiles(home)]
    return {tool.get_name(): tool for tool in tools}


OUTSIDE = ["../secret.txt", "docs/../../secret.txt", "secret", "out/secret.txt", "/etc/passwd", "out", "..", "~/x"]
CALLS: list[tuple[str, Mapping[str, Any]]] = [
    ("read_file", {}),
    ("write_file", {"content": "gone"}),
    ("edit_file", {"old": "the", "new": "no"}),
    ("list_files", {}),
    ("list_files", {"pattern": "*"}),
    ("search_files", {"pattern": "secret"}),
]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=[name for name, _ in CALLS])
async def test_no_path_leads_out_of_the_workspace(
    home: Path, name: str, arguments: Mapping[str, Any], path: str
) -> None:
    result = await use(tools_at(home)[name], path=path, **arguments)

    assert "the secret" not in result.content
    assert not result.is_success or path == "~/x"
    assert (home.parent / "secret.txt").read_text() == "the secret\n"


@pytest.mark.parametrize("path", ["", "\0", "x" * 10_000, "circle", "a/" * 3000, "\ud800", "notes.txt/x", "docs"])
@pytest.mark.parametrize("name", ["read_file", "write_file", "edit_file"])
async def test_a_path_that_is_no_file_is_an_error(home: Path, name: str, path: str) -> None:
    arguments = dict(next(arguments for each, arguments in CALLS if each == name))

    assert not (await use(tools_at(home)[name], path=path, **arguments)).is_success


async def test_a_link_that_takes_a_directorys_place_after_the_check_leads_nowhere(home: Path) -> None:
    class Late(Workspace):
        """Where somebody is quick."""

        def locate(self, path: str) -> Path:
            place = super().locate(path)
            (home / "docs").rename(home / "moved")
            (home / "docs").symlink_to(home.parent)
            return place

    (home.parent / "guide.md").write_text("the secret\n")
    read = await use(ReadFile(Late(home)), path="docs/guide.md")

    assert not read.is_success
    assert "the secret" not in read.content


async def test_a_link_to_a_place_inside_is_followed(home: Path) -> None:
    assert (await use(ReadFile(home), path="inside/guide.md")).content.startswith("# Guide")
    await use(WriteFile(home), path="inside/new.md", content="new")

    assert (home / "docs" / "new.md").read_text() == "new"


@pytest.mark.parametrize("path", ["./docs/guide.md", "docs//guide.md", "docs/../docs/guide.md", "inside/guide.md"])
async def test_no_way_to_write_a_path_gets_around_a_rule(home: Path, path: str) -> None:
    executor = ToolExecutor([ReadFile(home)], policy=Policy((Rule("read_file", "deny", {"path": "docs/*"}),)))
    call = ToolCall("c", "read_file", {"path": path})

    assert executor.judge(call).action == "deny"
    assert "is not allowed" in (await executor.execute(call, CONTEXT)).content
    assert executor.judge(ToolCall("c", "read_file", {"path": str(home / "docs" / "x")})).action == "deny"
    assert executor.judge(ToolCall("c", "read_file", {"path": "notes.txt"})).action == "allow"


def test_what_changes_files_asks_first_and_what_reads_them_does_not(home: Path) -> None:
    asks = {name: tool.needs_approval({}) for name, tool in tools_at(home).items()}

    assert [name for name, does in asks.items() if does] == ["write_file", "edit_file"]
    assert not WriteFile(home, approval=False).needs_approval({})
    assert not EditFile(home, approval=False).needs_approval({})


def test_the_current_directory_is_the_workspace_unless_another_is_given(monkeypatch: pytest.MonkeyPatch, home: Path):
    monkeypatch.chdir(home)
    tool = ReadFile()
    monkeypatch.chdir(home.parent)

    assert tool.workspace.root == home


# Reading


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        ({}, "one\ntwo\nthree\n"),
        ({"offset": 2}, "two\nthree\n"),
        ({"limit": 2}, "one\ntwo\n[the file goes on; read it with offset 3]"),
        ({"offset": 2, "limit": 1}, "two\n[the file goes on; read it with offset 3]"),
        ({"offset": 3, "limit": 1}, "three\n"),
        ({"offset": 4}, "Error: there is no line 4: the file is shorter"),
        ({"offset": 40}, "Error: there is no line 40: the file is shorter"),
    ],
)
async def test_the_lines_that_were_asked_for_are_read(home: Path, arguments: dict[str, int], content: str) -> None:
    assert (await use(ReadFile(home), path="notes.txt", **arguments)).content == content


async def test_a_long_file_is_read_in_pieces_that_make_it_whole(home: Path) -> None:
    text = "".join(f"line {number} {'x' * (number % 50)}\n" for number in range(1, 500))
    (home / "long.txt").write_text(text)
    tool, offset, read = ReadFile(home, size=1000), 1, ""
    while offset:
        result = await use(tool, path="long.txt", offset=offset)
        offset = result.output["next"]
        read += result.content.rpartition("[the file goes on")[0] if offset else result.content

    assert read == text


async def test_a_line_that_is_too_long_is_cut_and_can_be_passed_over(home: Path) -> None:
    (home / "wide.txt").write_text("x" * 200_000 + "\nend\n")
    first = await use(ReadFile(home), path="wide.txt")
    second = await use(ReadFile(home), path="wide.txt", offset=first.output["next"])

    assert first.content.endswith("[the rest of line 1 is left out; go on with offset 2]")
    assert len(first.content) < 70_000
    assert second.content == "end\n"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"", "[the file is empty]"),
        (b"no line end", "no line end"),
        (b"\xff half", "\ufffd half"),
        (b"\x7fELF\x00\x01", "Error: this is not a text file (6 bytes)"),
    ],
)
async def test_any_file_is_shown_as_text_or_refused(home: Path, content: bytes, shown: str) -> None:
    (home / "file").write_bytes(content)

    assert (await use(ReadFile(home), path="file")).content == shown


async def test_a_pipe_is_refused_and_waited_for_by_nobody(home: Path) -> None:
    os.mkfifo(home / "pipe")

    assert (await use(ReadFile(home), path="pipe")).content == "Error: 'pipe' is not a regular file"
    assert not (await use(WriteFile(home), path="pipe", content="x")).is_success


async def test_a_file_that_is_not_there_is_told_with_what_is(home: Path) -> None:
    result = await use(ReadFile(home), path="docs/gide.md")

    assert result.content == "Error: there is no 'docs/gide.md'; in 'docs' there is: guide.md"


# Writing


async def test_a_file_is_made_with_the_directories_above_it(home: Path) -> None:
    result = await use(WriteFile(home), path="a/b/c.txt", content="grüße\n")

    assert (home / "a" / "b" / "c.txt").read_text() == "grüße\n"
    assert (result.content, result.output) == ("wrote a/b/c.txt (8 bytes)", {"created": True})


async def test_a_file_is_replaced_as_a_whole_and_keeps_its_mode(home: Path) -> None:
    (home / "notes.txt").chmod(0o640)
    with (home / "notes.txt").open() as before:
        result = await use(WriteFile(home), path="notes.txt", content="new\n")

        assert before.read() == "one\ntwo\nthree\n"
    assert (home / "notes.txt").read_text() == "new\n"
    assert (home / "notes.txt").stat().st_mode & 0o777 == 0o640
    assert result.output == {"created": False}


async def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(home: Path) -> None:
    with pytest.raises(ToolError, match="regular file"):
        Workspace(home).replace("docs", b"x")
    with pytest.raises(TypeError):
        Workspace(home).replace("notes.txt", 5)  # pyright: ignore[reportArgumentType] - fails in the middle of a write

    assert (home / "notes.txt").read_text() == "one\ntwo\nthree\n"
    assert not [name for name in os.listdir(home) if name.endswith(".tmp")]


async def test_a_file_that_is_too_large_is_not_written(home: Path) -> None:
    result = await use(WriteFile(home, size=100), path="big", content="x" * 101)

    assert result.content == "Error: the file would have 101 bytes; at most 100 are allowed"
    assert not (home / "big").exists()


async def test_writing_the_same_again_changes_nothing(home: Path) -> None:
    tool = WriteFile(home)
    await use(tool, path="x", content="same")
    await use(tool, path="x", content="same")

    assert (home / "x").read_text() == "same"
    assert tool.effect == "idempotent"


# Changing


@pytest.mark.parametrize(
    ("old", "new", "content"),
    [
        ("two", "2", "changed notes.txt at line 2"),
        ("one\ntwo\n", "", "changed notes.txt at line 1"),
        ("four", "4", "Error: `old` is not in the file; read the file again, it may have changed"),
        (
            "one  two",
            "x",
            "Error: `old` is not in the file; it is there with other spaces or line ends, so read the file and copy it "
            "letter by letter",
        ),
        ("e", "x", "Error: `old` is in the file 3 times; give more of what is around the place you mean"),
        ("two", "two", "Error: `old` and `new` are the same, so there is nothing to change"),
    ],
)
async def test_a_text_that_is_there_once_is_replaced_and_any_other_is_refused(
    home: Path, old: str, new: str, content: str
) -> None:
    before = (home / "notes.txt").read_text()
    result = await use(EditFile(home), path="notes.txt", old=old, new=new)

    assert result.content == content
    assert (home / "notes.txt").read_text() == (before.replace(old, new) if result.is_success else before)


async def test_a_change_keeps_the_files_own_line_ends(home: Path) -> None:
    (home / "dos.txt").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    await use(EditFile(home), path="dos.txt", old="one\ntwo", new="1\n2")

    assert (home / "dos.txt").read_bytes() == b"1\r\n2\r\nthree\r\n"


@pytest.mark.parametrize(
    ("content", "fault"), [(b"\xff", "not a text file in UTF-8"), (b"x" * 101, "larger than 100 bytes")]
)
async def test_a_file_that_cannot_be_changed_is_left_alone(home: Path, content: bytes, fault: str) -> None:
    (home / "file").write_bytes(content)

    assert fault in (await use(EditFile(home, size=100), path="file", old="x", new="y")).content
    assert (home / "file").read_bytes() == content


# Listing


async def test_a_directory_is_listed_with_its_directories_marked(home: Path) -> None:
    result = await use(ListFiles(home))

    assert result.content.splitlines() == ["circle", "docs/", "inside", "notes.txt", "out", "secret"]
    assert (await use(ListFiles(home), path="docs")).output == {"files": ["guide.md"], "more": False}


async def test_a_pattern_finds_names_at_any_depth_and_follows_no_link(home: Path) -> None:
    (home / "docs" / "deep").mkdir()
    (home / "docs" / "deep" / "more.md").touch()
    (home / "node_modules").mkdir()
    (home / "node_modules" / "made.md").touch()

    assert (await use(ListFiles(home), pattern="*.md")).output["files"] == ["docs/guide.md", "docs/deep/more.md"]
    assert (await use(ListFiles(home), pattern="docs/*")).output["files"] == ["docs/deep/", "docs/guide.md"]
    assert (await use(ListFiles(home), pattern="*.rs")).content == "[nothing matches]"


async def test_a_long_list_is_cut_and_says_so(home: Path) -> None:
    result = await use(ListFiles(home, entries=2))

    assert result.content.splitlines() == ["circle", "docs/", "[there are more than these 2; give a pattern]"]


async def test_a_file_is_no_directory_and_what_is_missing_is_told(home: Path) -> None:
    assert "is a file and not a directory" in (await use(ListFiles(home), path="notes.txt")).content
    assert "there is no 'doc'; in '.' there is: circle" in (await use(ListFiles(home), path="doc")).content


@pytest.mark.parametrize(
    ("path", "pattern", "does"),
    [
        ("a.py", "**/*.py", True),
        ("x/y/a.py", "**/*.py", True),
        ("x/y/a.py", "x/**", True),
        ("x", "x/**", True),
        ("x/a.py", "*/*/a.py", False),
        ("x/y/z/a.py", "x/**/**/a.py", True),
        ("x/y/a.py", "y/**", False),
        ("a" * 255, "*a" * 40 + "*b", False),
        ("/".join("a" * 100), "/".join(["**", "a"] * 30 + ["b"]), False),
    ],
)
def test_a_pattern_fits_paths_and_takes_no_time(path: str, pattern: str, does: bool) -> None:
    assert fits(path.split("/"), pattern.split("/")) is does


# Searching


async def test_lines_that_match_are_told_with_their_place(home: Path) -> None:
    (home / "docs" / "binary").write_bytes(b"\0one")
    os.mkfifo(home / "pipe")
    found = await use(SearchFiles(home), pattern="^(one|Read)")

    assert found.content.splitlines() == ["notes.txt:1: one", "docs/guide.md:3: Read me."]
    assert (await use(SearchFiles(home), pattern="(?i)READ", path="docs")).content == "docs/guide.md:3: Read me."
    assert (await use(SearchFiles(home), pattern="t.o", path="notes.txt")).content == "notes.txt:2: two"
    assert (await use(SearchFiles(home), pattern="secret")).content == "[nothing matches]"


async def test_what_is_no_pattern_is_an_error_that_says_why(home: Path) -> None:
    result = await use(SearchFiles(home), pattern="(")

    assert "this is not a regular expression: missing )" in result.content


async def test_a_pattern_that_takes_for_ever_is_ended_with_what_was_found(home: Path) -> None:
    (home / "slow.txt").write_text("aab\n" + "a" * 60 + "!\n")
    result = await use(SearchFiles(home, seconds=2), pattern="^(a+)+b$")

    assert result.content.startswith("slow.txt:1: aab\n[the search was ended: it took longer than 2 seconds")


async def test_many_matches_are_cut_and_long_lines_too(home: Path) -> None:
    (home / "many.txt").write_text(("y" * 1000 + "\n") * 50)
    lines = (await use(SearchFiles(home, matches=10), pattern="y")).content.splitlines()

    assert lines[-1] == "[there may be more than these 10; make the pattern or the path narrower]"
    assert len(lines) == 11
    assert all(len(line) < 400 for line in lines)
