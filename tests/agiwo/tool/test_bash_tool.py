"""Commands in a shell: what they get, what is kept of them, and that none of them outlives its call."""

import asyncio
import ctypes
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool import ToolResult
from agiwo.tool.builtin.bash import Bash
from agiwo.tool.builtin.fence import CREATE
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.process import plain_environment, run_process
from agiwo.tool.sweep import sweep_orphans

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")


async def use(tool: Bash, command: str, **arguments: Any) -> ToolResult:
    call = ToolCall("c", "bash", {"command": command, **arguments})
    return await ToolExecutor([tool]).execute(call, CONTEXT, approved=True)


async def until(is_so: Callable[[], bool]) -> None:
    """Return once it is: only the system knows, and it tells nobody."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)


async def until_gone(pid: int) -> None:
    """Return when there is no such process; one that was killed may wait for its parent to notice."""
    await until(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.parametrize(
    ("command", "content", "code"),
    [
        ("echo hello", "hello\n", 0),
        ("true", "[no output]", 0),
        ("echo out; echo err >&2", "out\nerr\n", 0),
        ("echo no; exit 3", "no\n\n[exit code 3]", 3),
        ("exit 7", "[exit code 7]", 7),
        ("nonsense-command 2>/dev/null", "[exit code 127]", 127),
        ("kill -9 $$", "[exit code -9]", -9),
        ("cat", "[no output]", 0),
        ("printf '\\xff'", "\ufffd", 0),
        ("echo $((6*7)) | cat", "42\n", 0),
    ],
)
async def test_a_command_gives_what_it_wrote_and_how_it_ended(
    tmp_path: Path, command: str, content: str, code: int
) -> None:
    result = await use(Bash(tmp_path), command)

    assert result.content == content
    assert result.output == {"exitCode": code}
    assert (result.is_success, result.error) == (code == 0, f"exit code {code}" if code else None)


async def test_a_command_starts_in_the_workspace_each_time_anew(tmp_path: Path) -> None:
    tool = Bash(tmp_path)

    assert (await use(tool, "pwd; cd /; export X=1")).content == f"{tmp_path}\n"
    assert (await use(tool, "pwd; echo $X")).content == f"{tmp_path}\n\n"


async def test_a_command_sees_no_key_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    said = (await use(Bash(tmp_path, env={"EXTRA": "given"}), "env")).content

    assert "sk-secret" not in said
    assert "EXTRA=given" in said
    assert "LANG=C.UTF-8" in said


async def test_a_command_whose_time_is_over_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    begun = time.monotonic()
    command = "sleep 600 & echo $!; sh -c 'echo $$; sleep 600' & echo $$; wait"
    result = await use(Bash(tmp_path), command, timeout=0.3)

    assert time.monotonic() - begun < 5
    assert result.content.endswith("[killed, because it took longer than 0.3 seconds]")
    assert result.output == {"exitCode": None}
    for pid in [int(line) for line in result.content.split() if line.isdigit()]:
        await until_gone(pid)


async def test_a_cancelled_command_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    command = "sleep 600 & echo $! > child; echo $$ > parent.new; mv parent.new parent; wait"
    running = asyncio.create_task(use(Bash(tmp_path), command))
    await until((tmp_path / "parent").exists)
    running.cancel()
    begun = time.monotonic()
    await asyncio.wait({running})

    assert running.cancelled()
    assert time.monotonic() - begun < 1
    for name in ("child", "parent"):
        await until_gone(int((tmp_path / name).read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a process is that has left its group")
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_what_has_left_the_group_of_a_command_ends_with_it(tmp_path: Path, is_cancelled: bool) -> None:
    last = "wait" if is_cancelled else "while [ ! -e far ]; do :; done"
    far = "echo $$ > new; mv new far; exec sleep 600"
    running = asyncio.create_task(use(Bash(tmp_path), f"setsid sh -c '{far}' & {last}"))
    await until((tmp_path / "far").exists)
    if is_cancelled:
        running.cancel()
    await asyncio.wait({running})

    await until_gone(int((tmp_path / "far").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a process is that has left its group")
async def test_what_a_killed_process_has_left_behind_is_found_by_the_next(tmp_path: Path) -> None:
    killed = (
        "import asyncio, os, pathlib, sys\n"
        "from agiwo.tool.process import plain_environment, run_process\n"
        "script = 'setsid sleep 600 & echo $! > new; mv new far; wait'\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "asyncio.run(run_process(['bash', '-c', script], cwd=here, env=plain_environment(), seconds=60, keep=100))\n"
    )
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", killed, str(tmp_path))
    await until((tmp_path / "far").exists)
    sweep_orphans()
    os.kill(int((tmp_path / "far").read_text()), 0)  # its owner lives, so nobody has touched it
    owner.kill()
    await owner.wait()
    sweep_orphans()

    await until_gone(int((tmp_path / "far").read_text()))


async def test_a_command_that_is_cancelled_while_it_starts_leaves_nothing_that_it_has_started(tmp_path: Path) -> None:
    started, script = tmp_path / "started", "sleep 600 & echo $! > new; mv new started; wait"
    command = run_process(["bash", "-c", script], cwd=tmp_path, env=plain_environment(), seconds=60, keep=100)
    running = asyncio.create_task(command)
    for _ in range(2):
        await asyncio.sleep(0)
    while not started.exists():  # without a turn of the event loop, which knows of the process only after some
        assert not running.done()
    running.cancel()
    await asyncio.wait({running})

    await until_gone(int(started.read_text()))


async def test_what_is_left_in_the_background_ends_with_the_command_and_holds_nobody(tmp_path: Path) -> None:
    begun = time.monotonic()
    result = await use(Bash(tmp_path), "sleep 600 & echo $!")

    assert time.monotonic() - begun < 5
    assert result.is_success
    await until_gone(int(result.content))


async def test_a_command_that_ignores_every_signal_is_killed_all_the_same(tmp_path: Path) -> None:
    result = await use(Bash(tmp_path), "trap '' TERM INT HUP; echo $$; while :; do sleep 600; done", timeout=0.3)

    await until_gone(int(result.content.split()[0]))


async def test_of_a_long_output_both_ends_are_kept(tmp_path: Path) -> None:
    result = await use(Bash(tmp_path, size=1000), "echo begin; head -c 3000000 /dev/zero | tr '\\0' x; echo end")

    assert result.content.startswith("begin\nxxx")
    assert result.content.endswith("xxxend\n")
    assert "[… 2,999,010 bytes left out …]" in result.content


async def test_a_command_that_writes_without_end_is_killed(tmp_path: Path) -> None:
    result = await use(Bash(tmp_path, size=1000), "yes")

    assert result.content.endswith("[killed, because it wrote more than 67,108,864 bytes]")


async def test_the_loop_goes_on_while_a_command_floods(tmp_path: Path) -> None:
    running = asyncio.create_task(use(Bash(tmp_path, size=1000), "yes"))
    turns = 0
    while not running.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 100


async def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    tool = Bash(tmp_path)
    await use(tool, "true")
    before = len(os.listdir("/proc/self/fd"))
    for command in ("true", "exit 1", "sleep 60 &", "echo x"):
        await use(tool, command)
    await use(tool, "sleep 600", timeout=0.05)

    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("command", ["\0", "echo \ud800", "x" * 10_000_000])
async def test_a_command_that_cannot_be_started_is_an_error(tmp_path: Path, command: str) -> None:
    assert not (await use(Bash(tmp_path), command)).is_success


async def test_a_workspace_that_is_gone_is_an_error(tmp_path: Path) -> None:
    assert "cannot be started" in (await use(Bash(tmp_path / "gone"), "true")).content


async def test_a_program_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        await run_process([str(tmp_path / "none")], cwd=tmp_path, env={}, seconds=1, keep=10)

    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("timeout", [0, -1, 601, "5"])
async def test_a_time_that_no_command_may_have_is_refused(tmp_path: Path, timeout: Any) -> None:
    assert "timeout" in (await use(Bash(tmp_path), "true", timeout=timeout)).content


async def test_somebody_is_asked_first_unless_the_tool_was_made_otherwise(tmp_path: Path) -> None:
    call = ToolCall("c", "bash", {"command": "touch done"})
    refused = await ToolExecutor([Bash(tmp_path)]).execute(call, CONTEXT)
    trusted = await ToolExecutor([Bash(tmp_path, approval=False)]).execute(call, CONTEXT)

    assert "needs somebody's approval" in refused.content
    assert trusted.is_success


def test_a_command_is_run_once_and_alone(tmp_path: Path) -> None:
    tool = Bash(tmp_path)

    assert (tool.effect, tool.is_concurrency_safe(), tool.timeout_seconds) == ("once", False, 610)


@pytest.fixture
def fenced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose surroundings are no directory for temporary files."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return home


has_fence = pytest.mark.skipif(ctypes.CDLL(None).syscall(CREATE, None, 0, 1) < 1, reason="this kernel has no Landlock")


@has_fence
@pytest.mark.parametrize(
    "command",
    [
        "echo x > inside.txt && cat inside.txt",
        "mkdir -p a/b && mv a c && rm -r c && echo x",
        "echo x > ../tmp/t && cat ../tmp/t",
        "echo y > /dev/null && echo x",
        "cat ../secret.txt",
        "touch f && ln f g && mkdir d && mv f d/ && echo x",
    ],
)
async def test_a_confined_command_can_read_and_can_write_in_the_workspace(fenced: Path, command: str) -> None:
    (fenced.parent / "secret.txt").write_text("x\n")

    assert (await use(Bash(fenced, confined=True), command)).content == "x\n"


@has_fence
@pytest.mark.parametrize(
    "command",
    [
        "echo gone > ../secret.txt",
        "rm ../secret.txt",
        "mv ../secret.txt .",
        "ln ../secret.txt here && echo gone > here",
        "ln -s .. up; echo gone > up/secret.txt",
        "truncate -s 0 ../secret.txt",
        "sh -c 'sh -c \"echo gone > ../secret.txt\"'",
        "mkdir ../new",
        "mkfifo ../new",
    ],
)
async def test_a_confined_command_changes_nothing_elsewhere(fenced: Path, command: str) -> None:
    (fenced.parent / "secret.txt").write_text("kept")
    result = await use(Bash(fenced, confined=True), command)

    assert re.search("ermission denied|Invalid cross-device link", result.content)
    assert not result.is_success
    assert (fenced.parent / "secret.txt").read_text() == "kept"
    assert not (fenced.parent / "new").exists()


@has_fence
async def test_a_confined_command_is_killed_as_any_other(fenced: Path) -> None:
    result = await use(Bash(fenced, confined=True), "echo $$; sleep 600", timeout=0.5)

    assert "killed, because" in result.content
    await until_gone(int(result.content.split()[0]))
