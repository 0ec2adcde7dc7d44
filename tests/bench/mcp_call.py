"""What a call of an agent costs through `agiwod mcp`, beside a bare mcp server that answers at once. Linux only.

    uv run python tests/bench/mcp_call.py [--rounds 5] [--calls 200]

Both are asked by the same client, which writes and reads lines; its own CPU is not counted. Ours is that of a pump and
of the daemon, which runs an agent with the scripted model for each call and keeps the run in SQLite. The bare server is
mcp's low-level one over its own stdio, with as much in its answer. `run` is the same run asked for in our own protocol,
so that what is above it is what MCP costs. They take turns in every round, in both eras of the protocol; what is judged
is the ratio of calls one after the other, and below it stands what one of sixteen at once costs. A test it is not:
other processes share the machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

TARGET = 1.3
TOGETHER = 16
TICKS = os.sysconf("SC_CLK_TCK")

BARE = """
import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool

ANSWER = {"response": "hello world", "runId": "run_01m82gvzkbd3d89jx2c7vs8m18", "sessionId": "ses_01m82gvzkbc2q8jgqk",
          "usage": {"inputTokens": 0, "outputTokens": 0, "cachedTokens": 0, "reasoningTokens": 0, "costUsd": 0.0},
          "terminationReason": "completed"}

async def tools(context, params):
    return ListToolsResult(tools=[Tool(name="echo", input_schema={"type": "object"})])

async def call(context, params):
    return CallToolResult(content=[TextContent(text="hello world")], structured_content=ANSWER)

async def main():
    server = Server("bare", on_list_tools=tools, on_call_tool=call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

anyio.run(main)
"""

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
CALL = {"name": "echo", "arguments": {"input": "hi"}}
HANDSHAKE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}


@dataclass(frozen=True)
class Server:
    """Something that is called over its stdin and stdout, and the processes that work for it."""

    process: "subprocess.Popen[bytes]"
    pids: Sequence[int]
    is_modern: bool

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(orjson.dumps({"jsonrpc": "2.0", **message}) + b"\n")
        self.process.stdin.flush()

    def ask(self, id: int, method: str, params: dict[str, Any]) -> Any:
        self.begin(id, method, params)
        return self.read()

    def begin(self, id: int, method: str, params: dict[str, Any]) -> None:
        self.send({"id": id, "method": method, "params": {**params, **({"_meta": MODERN} if self.is_modern else {})}})

    def read(self) -> Any:
        assert self.process.stdout
        return orjson.loads(self.process.stdout.readline())["result"]

    def greet(self) -> None:
        if not self.is_modern:
            self.ask(0, "initialize", HANDSHAKE)
            self.send({"method": "notifications/initialized"})

    def call(self, times: int) -> float:
        """Milliseconds of CPU that one call takes."""
        before = sum(map(spent, self.pids))
        for number in range(times):
            assert self.answer(number + 1) == "hello world"
        return 1000 * (sum(map(spent, self.pids)) - before) / times

    def call_together(self, times: int) -> float:
        """Milliseconds of CPU that one call takes when so many are always asked for together."""
        before = sum(map(spent, self.pids))
        for number in range(times):
            self.begin(number + 1, "tools/call", CALL)
            if (number + 1) % TOGETHER == 0:
                assert all(self.read()["structuredContent"]["response"] == "hello world" for _ in range(TOGETHER))
        return 1000 * (sum(map(spent, self.pids)) - before) / times

    def answer(self, id: int) -> str:
        return self.ask(id, "tools/call", CALL)["structuredContent"]["response"]


class Native(Server):
    """The same daemon in our own protocol."""

    def greet(self) -> None:
        self.ask(0, "initialize", {"protocolVersion": 1, "clientInfo": {"name": "bench"}})

    def answer(self, id: int) -> str:
        run = self.ask(2 * id, "run/start", {"agent": "echo", "input": "hi", "attach": False})["runId"]
        return self.ask(2 * id + 1, "run/wait", {"runId": run})["response"]


def spent(pid: int) -> float:
    """Seconds of CPU that a process has used, threads that are gone included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def started(command: Sequence[str], env: dict[str, str]) -> Generator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def living_daemon(home: Path) -> Generator[tuple[int, dict[str, str]]]:
    """A daemon with one agent: its pid, and the environment in which it is found."""
    (home / "echo.json").write_text('{"turns": [{"text": "hello world"}], "repeat": true}')
    (home / "config.toml").write_text('[agents.echo]\nmodel = "scripted:echo.json"\ntools = []\n')
    env = {**os.environ, "AGIWOD_HOME": str(home)}
    command = [sys.executable, "-m", "agiwod.cli", "serve"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE) as process:
        assert process.stderr
        assert b"serves at" in process.stderr.readline()
        try:
            yield process.pid, env
        finally:
            process.terminate()


def servers(stack: ExitStack, *, is_modern: bool) -> tuple[Server, Server, Server]:
    """Ours, the bare one, and ours without MCP."""
    home = Path(stack.enter_context(TemporaryDirectory()))
    daemon, env = stack.enter_context(living_daemon(home))
    pump = stack.enter_context(started([sys.executable, "-m", "agiwod", "mcp"], env))
    stdio = stack.enter_context(started([sys.executable, "-m", "agiwod", "stdio"], env))
    bare = stack.enter_context(started([sys.executable, "-c", BARE], dict(os.environ)))
    return (
        Server(pump, (pump.pid, daemon), is_modern),
        Server(bare, (bare.pid,), is_modern),
        Native(stdio, (stdio.pid, daemon), is_modern=False),
    )


def main() -> None:
    """Print a line for each era, and what it should be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200)
    given = parser.parse_args()
    print(f"{'':12} {'agiwod mcp':>12} {'bare':>10} {'times':>7} {'the run':>10} {'MCP, times':>11}   target {TARGET}x")
    for era, is_modern in (("handshake", False), ("2026-07-28", True)):
        with ExitStack() as stack:
            three = servers(stack, is_modern=is_modern)
            for server in three:
                server.greet()
                server.call(50)
            rounds = [[server.call(given.calls) for server in three] for _ in range(given.rounds)]
            times = given.calls // TOGETHER * TOGETHER
            together = [[server.call_together(times) for server in three[:2]] for _ in range(given.rounds)]
        ours, bare, run = (statistics.median(values) for values in zip(*rounds, strict=True))
        ratio = statistics.median(each[0] / each[1] for each in rounds)
        above = statistics.median((each[0] - each[2]) / each[1] for each in rounds)
        print(f"{era:12} {ours:9.2f} ms {bare:7.2f} ms {ratio:7.2f} {run:7.2f} ms {above:11.2f}")
        ours, bare = (statistics.median(values) for values in zip(*together, strict=True))
        print(f"{f'  {TOGETHER} at once':12} {ours:9.2f} ms {bare:7.2f} ms {ours / bare:7.2f}")


if __name__ == "__main__":
    main()
