"""No secret is in what others can see of a daemon at work, of what it starts, or of one that was killed at work."""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from canary_lab import ENVIRONMENT, MARK, SECRETS, betrayed_home, holding
from figures import Figures
from live_daemon import Line
from terminal_lab import Home, Ran

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.security,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes as Linux shows them"),
]

MORE = """
[agents.shell]
model = "lab"
tools = ["bash"]
approvals = [{tool = "*", action = "allow"}]

[serve]
tcp = "127.0.0.1:0"
http = "127.0.0.1:0"
"""
EVERYTHING = " ".join(SECRETS)
STRANGER = f"{MARK}-of-a-stranger"
"""What somebody says who guesses at the token."""


def processes() -> Iterator[int]:
    return (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())


def told(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""  # it has ended


def below(top: int) -> set[int]:
    """The processes that this one has started, and those that they have."""
    parents: dict[int, int] = {}
    for pid in processes():
        if stat := told(pid, "stat"):
            parents[pid] = int(stat.rpartition(b")")[2].split()[1])
    found: set[int] = set()
    while more := {pid for pid, parent in parents.items() if parent in {top, *found}} - found:
        found |= more
    return found


def secrets_in(data: bytes) -> set[str]:
    return {secret for secret in [*SECRETS, STRANGER] if secret.encode() in data}


async def guess(home: Home) -> None:
    """Try to come in with what is no token, wherever one may say one."""
    status = home.json("status")
    reader, writer = await asyncio.open_connection(*status["tcp"].rsplit(":", 1))
    hello = f'{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"token":"{STRANGER}"}}}}\n'
    writer.write(hello.encode())
    assert MARK.encode() not in await reader.read()
    writer.close()
    headers = {"Authorization": f"Bearer {STRANGER}", "Cookie": f"session={STRANGER}"}
    async with httpx2.AsyncClient(base_url=f"http://{status['http']}", headers=headers) as client:
        answer = await client.post(f"/mcp?token={STRANGER}", content=STRANGER)
        assert (answer.status_code, MARK in answer.text) == (401, False)


async def ask_the_wire(home: Home) -> str:
    """All that a client hears whose requests fail, or give secrets away."""
    line = await Line.open(home.path)
    heard = list[object]()
    for tool in ("leak", "fail"):
        call = {"name": f"mcp:leaky/{tool}", "arguments": {"heard": EVERYTHING}, "approved": True}
        heard.append(await line.ask("tool/call", **call))
    started = await line.ask("run/start", agent="pure", input=f"Refuse {EVERYTHING}")
    heard.append(await line.ask("run/wait", runId=started["result"]["runId"]))
    heard.append(await line.ask("run/get", runId=started["result"]["runId"]))
    heard.append(await line.ask("daemon/status"))
    await line.close()
    return repr(heard)


async def test_no_secret_is_seen_of_a_daemon_at_work_or_of_one_that_was_killed(tmp_path: Path, figures: Figures):
    said: list[Ran] = []
    async with betrayed_home(tmp_path / "home", MORE) as home:

        async def run(*argv: str) -> Ran:
            said.append(ran := await asyncio.to_thread(home.run, *argv))
            return ran

        assert (await run("ask", f"Tell me of {EVERYTHING}")).code == 0
        shell = await run("ask", "--json", "--agent", "shell", "Show me all")
        await guess(home)
        wire = await ask_the_wire(home)

        daemon = home.pid()
        assert daemon
        children = below(daemon)
        own = secrets_in(b"".join(told(pid, "environ") for pid in children))
        lines = secrets_in(b"".join(told(pid, "cmdline") for pid in processes() if pid != os.getpid()))
        with home.process("ask", f"Tell me of {EVERYTHING}") as asking:
            assert asking.stdout
            assert await asyncio.to_thread(asking.stdout.read, 1)
            home.kill()  # in the middle of an answer
        left = holding(home.path, home.paths.config_file)
        token = home.paths.token_file.read_bytes().strip()
        await run("runs", "list", "--json")  # has another daemon go on with it
        await run("doctor")
        await run("logs")
        left += holding(home.path, home.paths.config_file)
        tokens = [file for file in home.path.rglob("*") if file.is_file() and token in file.read_bytes()]

    assert children
    figures("command lines of all processes with a secret", len(lines), at_most=0)
    # The one program that needs them has the two that it was given, and nothing else has any.
    assert own == {f"{MARK}-of-a-server", ENVIRONMENT["FROM_THE_ENVIRONMENT"]}
    assert "PATH=" in shell.out
    assert re.findall(r"\[redacted:[^]]*\]", shell.out) == []
    assert wire.count("[redacted:leaky.LEAKY_TOKEN]") >= 3  # two calls and an error, at least
    figures("answers and errors on the wire with a secret", len(secrets_in(wire.encode())), at_most=0)
    outputs = sum(MARK in ran.out + ran.err for ran in said)
    figures("outputs of commands with a secret", outputs, at_most=0)
    figures("files with a secret, also after a crash", len(left), at_most=0)
    assert tokens == [home.paths.token_file]
