"""Requests over stdin and stdout: the server's CPU for each, one after the other and 64 at once.

    uv run python -m tests.bench requests

Ours is `agiwod stdio` and the daemon behind it, the CPU of both. Everybody gets the same 240 bytes, and answers at once
with the method that is the shortest way through its library: ours is `ping`, mcp's a tool, ACP's an extension method,
of pygls and vscode-jsonrpc a method of one's own. The servers take turns in every round.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from command import command
from interpreter import SERVERS
from measured import Check, Line, Report
from node_peers import VSCODE
from spoken import OURS, SCRIPT, Server, Speaking, daemon, peers, speaking

TEXT = "x" * 160
TIMES = 512
LIMITS = {"acp": 2.0, "mcp": 0.2, "pygls": 0.2}
"""How many times the CPU of each ours may take."""

NOTES = ["CPU of the server for a request of 240 bytes that it answers at once; ours is `agiwod stdio` and the daemon."]


def measure(rounds: int) -> Report:
    """All that are installed, taking turns."""
    found, absent = peers()
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        pid, env = stack.enter_context(daemon(home)), {"AGIWOD_HOME": str(home)}
        ours = stack.enter_context(speaking(Server(OURS, (SCRIPT, "stdio")), env, [pid]))
        servers = [ours, *(stack.enter_context(speaking(each, {})) for each in found)]
        lines = [measured(servers, at_once, rounds) for at_once in (1, 64)]
    return Report("Requests", lines, (), NOTES, {**SERVERS.found, **VSCODE.found}, absent)


def measured(servers: Sequence[Speaking], at_once: int, rounds: int) -> Line:
    """Microseconds of CPU for a request."""
    taken: dict[str, list[float]] = {each.server.name: [] for each in servers}
    for number in range(rounds + 1):
        for each in servers:
            before = each.cpu()
            for _ in range(TIMES // at_once):
                each.ask("echo", at_once, text=TEXT)
            if number:  # the first round only warms up
                taken[each.server.name].append((each.cpu() - before) / TIMES)
    ours, others = taken.pop(OURS), {name: median(values) for name, values in taken.items()}
    checks = [
        Check(f"of {name}'s", median(own / other for own, other in zip(ours, taken[name], strict=True)), limit)
        for name, limit in LIMITS.items()
        if name in taken
    ]
    return Line(f"a request, {at_once} in flight", "µs", median(ours), others, checks)


if __name__ == "__main__":
    command(__doc__, measure, rounds=5)
