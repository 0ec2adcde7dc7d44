"""Memory that the daemon holds: idle, for each client that only stays, for each run that has ended.

    uv run python -m tests.bench memory

Resident bytes from /proc, after a warm-up of the same kind. An idle mcp server over stdio, with its one client, is what
an idle daemon is held to. What an agent holds that sleeps, see `scheduler`. Linux only.
"""

import socket
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import orjson
from command import command
from interpreter import SERVERS
from measured import Check, Line, Report
from process import memory
from spoken import OURS, SCRIPT, Server, Speaking, daemon, peers, speaking

CLIENTS, RUNS = 300, 1_000
KIB = 1024

CONFIG = '[agents.echo]\nmodel = "scripted:echo.json"\ntools = []\n'
ECHO = '{"turns": [{"text": "hello world"}], "repeat": true}'
HELLO = {"protocolVersion": 1, "clientInfo": {"name": "idle", "version": "0"}, "capabilities": {}}

NOTES = ["Resident memory; of clients and runs what each of many adds, after as many before."]


def measure(rounds: int) -> Report:
    """All of it, each round with a new daemon."""
    found, absent = peers()
    beside = [each for each in found if each.name == "mcp"]
    taken = [in_daemon(beside) for _ in range(rounds + 1)][1:]  # the first has modules to compile
    idle, server, client, run = (median(values) for values in zip(*taken, strict=True))
    others = {"mcp": server} if beside else {}
    lines = [
        Line("an idle daemon", "MiB", idle, others, [Check("of mcp's", idle / server, 1)] if beside else []),
        Line("an idle client", "KiB", client, {}, [Check("KiB", client, 50)]),
        Line("a run that has ended", "KiB", run, {}, [Check("KiB", run, 2)]),
    ]
    return Report("Memory", lines, (), NOTES, SERVERS.found, [name for name in absent if name == "mcp"])


def in_daemon(beside: list[Server]) -> tuple[float, float, float, float]:
    """MiB of an idle daemon and of the server beside it, KiB of a client and of a run."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        (home / "echo.json").write_text(ECHO)
        pid = stack.enter_context(daemon(home, CONFIG))
        ours = stack.enter_context(speaking(Server(OURS, (SCRIPT, "stdio")), {"AGIWOD_HOME": str(home)}, [pid]))
        idle = memory(pid) / KIB**2
        server = sum(memory(stack.enter_context(speaking(each, {})).pid) for each in beside) / KIB**2
        path = str(home / "run" / "agiwod.sock")
        for _ in range(CLIENTS):
            stack.enter_context(idle_client(path))
        before = memory(pid)
        for _ in range(CLIENTS):
            stack.enter_context(idle_client(path))
        client = (memory(pid) - before) / CLIENTS / KIB
        run_often(ours)
        before = memory(pid)
        run_often(ours)
        return idle, server, client, (memory(pid) - before) / RUNS / KIB


def idle_client(path: str) -> socket.socket:
    """A connection that has shaken hands and says no more."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.sendall(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}) + b"\n")
    assert client.recv(2**16)
    return client


def run_often(ours: Speaking) -> None:
    """Many runs, each waited for."""
    for _ in range(RUNS):
        run = ours.answer("run/start", {"agent": "echo", "input": "hi", "attach": False})["runId"]
        assert ours.answer("run/wait", {"runId": run})["response"] == "hello world"


if __name__ == "__main__":
    command(__doc__, measure, rounds=1)
