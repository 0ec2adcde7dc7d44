"""Commands in a shell: what they get, what is kept of them, and that none of them outlives its call."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool import ToolResult
from agiwo.tool.builtin.bash import Bash
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.process import run_process
from server_lab import processes_with

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")


async def use(tool: Bash, command: str, **arguments: Any) -> ToolResult:
    call = ToolCall("c", "bash", {"command": command, **arguments})
    return await ToolExecutor([tool]).execute(call, CONTEXT, approved=True)


def marked(workspace: Path) -> Bash:
    """A tool whose processes are known by their environment: they may number themselves otherwise than we do."""
    return Bash(workspace, env={"BASH_TEST": str(workspace)})


async def until_none_is_left(workspace: Path) -> None:
    """Return when there is no process of the marked tool; one that was killed may take a moment."""
    async with asyncio.timeout(60):
        while processes_with(f"BASH_TEST={workspace}"):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)


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
    result = await use(marked(tmp_path), command, timeout=0.5)

    assert time.monotonic() - begun < 60
    assert result.content.endswith("[killed, because it took longer than 0.5 seconds]")
    assert result.output == {"exitCode": None}
    await until_none_is_left(tmp_path)


async def test_a_cancelled_command_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    command = "sleep 600 & setsid sleep 600 & touch started; wait"
    running = asyncio.create_task(use(marked(tmp_path), command))
    async with asyncio.timeout(60):
        while not (tmp_path / "started").exists():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)
    running.cancel()
    begun = time.monotonic()
    await asyncio.wait({running})

    assert running.cancelled()
    assert time.monotonic() - begun < 60
    await until_none_is_left(tmp_path)


async def test_a_command_that_is_cancelled_while_it_starts_leaves_nothing_that_it_has_started(tmp_path: Path) -> None:
    for turns in range(12):
        running = asyncio.create_task(use(marked(tmp_path), "sleep 600 & wait"))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running})

    await until_none_is_left(tmp_path)


async def test_what_is_left_in_the_background_ends_with_the_command_and_holds_nobody(tmp_path: Path) -> None:
    begun = time.monotonic()
    result = await use(marked(tmp_path), "sleep 600 & setsid sleep 600 & (setsid sleep 600 &)")

    assert time.monotonic() - begun < 60
    assert result.is_success
    await until_none_is_left(tmp_path)


async def test_a_command_that_ignores_every_signal_is_killed_all_the_same(tmp_path: Path) -> None:
    result = await use(marked(tmp_path), "trap '' TERM INT HUP; while :; do sleep 600; done", timeout=0.5)

    assert "killed" in result.content
    await until_none_is_left(tmp_path)


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


async def test_a_program_that_is_not_there_ends_as_it_would_in_a_shell(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    ended = await run_process([str(tmp_path / "none")], cwd=tmp_path, env={}, seconds=5, keep=100)

    assert (ended.code, "cannot be started" in ended.text()) == (127, True)
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
