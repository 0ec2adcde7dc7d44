"""What a call of an agent costs through `agiwod mcp`, beside a bare mcp server that answers at once. Linux only.

    uv run python -m tests.bench mcp_call

Both are asked by the same client, whose own CPU is not counted. Ours is that of a pump and of the daemon, which runs an
agent with the scripted model for each call and keeps the run in SQLite. The bare server is mcp's low-level one over its
own stdio. `run/start, run/wait` is the same run asked for in our own protocol: what is above it is what MCP costs. They
take turns in every round, in both eras of the protocol.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from command import command
from interpreter import SERVERS
from measured import Check, Line, Report
from spoken import INFO, OURS, SCRIPT, Server, Speaking, daemon, peers, speaking

TARGET = 1.3
TOGETHER, TIMES = 16, 160
ECHO = '{"turns": [{"text": "hello world"}], "repeat": true}'
CONFIG = '[agents.echo]\nmodel = "scripted:echo.json"\ntools = []\n'
GIVEN = {OURS: {"input": "hi"}, "mcp": {"text": "x" * 300}}
"""What each is asked; the bare one answers as much as ours says of the run."""

NATIVE = "run/start, run/wait"
NOTES = [
    "CPU of a call: the pump and the daemon, which runs an agent for it and keeps the run; mcp's server only answers."
]

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": INFO,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass(frozen=True)
class Modern(Server):
    """A server that is asked without a handshake, and told each time who asks."""

    shakes_hands: bool = False

    def params(self, method: str, given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """A call of the tool."""
        return "tools/call", {"name": "echo", "arguments": given, "_meta": MODERN}


@dataclass(frozen=True)
class Handshaken(Server):
    """A server with which hands are shaken once."""

    def params(self, method: str, given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """The handshake, or a call of the tool."""
        if method == "initialize":
            return method, {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": INFO}
        return "tools/call", {"name": "echo", "arguments": given}


ERAS = {"2025-11-25": Handshaken, "2026-07-28": Modern}


def measure(rounds: int) -> Report:
    """Both eras, a call at a time and several at once."""
    found, absent = peers()
    bare = [each for each in found if each.name == "mcp"]
    lines = list[Line]()
    for era, kind in ERAS.items():
        with ExitStack() as stack:
            home = Path(stack.enter_context(TemporaryDirectory()))
            (home / "echo.json").write_text(ECHO)
            pid, env = stack.enter_context(daemon(home, CONFIG)), {"AGIWOD_HOME": str(home)}
            servers = {OURS: stack.enter_context(speaking(kind("mcp", (SCRIPT, "mcp")), env, [pid]))}
            servers |= {each.name: stack.enter_context(speaking(kind("mcp", each.command), {})) for each in bare}
            native = stack.enter_context(speaking(Server(OURS, (SCRIPT, "stdio")), env, [pid]))
            lines += measured(era, servers, native, rounds)
    return Report("Calls over MCP", lines, (), NOTES, SERVERS.found, [name for name in absent if name == "mcp"])


def measured(era: str, servers: Mapping[str, Speaking], native: Speaking, rounds: int) -> list[Line]:
    """Both lines of an era."""
    alone: dict[str, Callable[[], float]] = {name: partial(calls, its, 1, GIVEN[name]) for name, its in servers.items()}
    alone[NATIVE] = lambda: runs(native)
    together = {name: partial(calls, its, TOGETHER, GIVEN[name]) for name, its in servers.items()}
    return [
        line_of(f"a call, {era}", in_turn(alone, rounds)),
        line_of(f"a call, {era}, {TOGETHER} at once", in_turn(together, rounds)),
    ]


def in_turn(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The figures of all rounds but the first, which only warms up."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            figure = case()
            if number:
                taken[name].append(figure)
    return taken


def calls(server: Speaking, at_once: int, given: Mapping[str, str]) -> float:
    """Milliseconds of CPU for a call."""
    method, params = server.server.params("echo", given)
    assert not server.answer(method, params).get("isError"), "what is measured is an answer"
    before = server.cpu()
    for _ in range(TIMES // at_once):
        server.ask("echo", at_once, **given)
    return (server.cpu() - before) / TIMES / 1e3


def runs(server: Speaking) -> float:
    """Milliseconds of CPU for a run."""
    before = server.cpu()
    for _ in range(TIMES):
        run = server.answer("run/start", {"agent": "echo", "input": "hi", "attach": False})["runId"]
        assert server.answer("run/wait", {"runId": run})["response"] == "hello world"
    return (server.cpu() - before) / TIMES / 1e3


def line_of(work: str, taken: Mapping[str, Sequence[float]]) -> Line:
    """The medians; ours is held against the bare server."""
    others = {name: median(values) for name, values in taken.items() if name != OURS}
    checks = list[Check]()
    if "mcp" in taken:
        ratio = median(own / its for own, its in zip(taken[OURS], taken["mcp"], strict=True))
        checks.append(Check("of mcp's", ratio, TARGET))
    return Line(work, "ms of CPU", median(taken[OURS]), others, checks, NATIVE)


if __name__ == "__main__":
    command(__doc__, measure, rounds=5)
