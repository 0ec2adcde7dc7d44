"""What it costs the daemon to stream one run to 1, 10 and 50 clients, beside servers that notify one client each.

    uv run python -m tests.bench notifications

A delivered event is one piece of the model's text that has reached one client: pieces times clients, all of them. That
pieces which wait are sent as one is the point. The CPU is all that the daemon used while the run went on: asking the
model, the journal and the clients. As a provider sends them, 32 pieces come in one read; `one by one` is a model that
waits so long after every piece that none can be joined with another, which is the price of a frame.

Every client is a process of its own that checks what it got against the invariant. Of the eleven one never reads until
the others are done; then it reads on, and must get the whole text. The peers know no more than one client a connection,
so what an event costs them does not depend on how many there are. Linux only: CPU and memory are read from /proc.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from agiwo_client import connect
from command import command
from followed import SLOW, Bench, daemon, provider, reader
from interpreter import SERVERS
from measured import Check, Curve, Line, Report
from spoken import Speaking, peers, speaking

PIECES, CROWDS = 20_000, (1, 10, 50)

LIMITS = {"mcp": (1 / 40, 1 / 40), "acp": (1, 1 / 5), "pygls": (1, 1 / 5)}
"""How many times what an event costs each of them it may cost us, to one client and to more."""

STALLED = 2.0
"""Megabytes that the daemon may grow by for a client that does not read."""

PIECE = "tok1234 " + "x" * 150
"""As long as a frame of ours with one piece."""

NOTES = [
    "A delivered event is one piece of text at one client; pieces that wait are sent as one. The peers notify one "
    "client each. CPU of the server; ours is all that the daemon does meanwhile, asking the model included."
]

NOTIFICATIONS = 5_000
"""How many the peer sends: it is slow enough to be measured with these."""


def told(peer: Speaking) -> float:
    """Microseconds of CPU for each of the peer's notifications, of the size of a frame of ours with one piece."""
    peer.ask("stream", text=PIECE, count=100, pause=0)
    before = peer.cpu()
    assert peer.ask("stream", text=PIECE, count=NOTIFICATIONS, pause=0) == NOTIFICATIONS + 1
    return (peer.cpu() - before) / NOTIFICATIONS


@dataclass
class Taken:
    """The figures of all rounds: CPU a delivered event, by case; bytes that the daemon grew by."""

    cpu: dict[str, list[float]]
    grown: list[float]

    def note(self, name: str, value: float) -> None:
        """One more figure of a case."""
        self.cpu.setdefault(name, []).append(value)

    def ratio(self, name: str, other: str) -> float:
        """How many times the other case the one costs."""
        return median(own / its for own, its in zip(self.cpu[name], self.cpu[other], strict=True))


async def one_round(bench: Bench, servers: Sequence[Speaking], taken: Taken) -> None:
    """Each case once."""
    for peer in servers:
        taken.note(peer.server.name, await asyncio.to_thread(told, peer))
    for clients in CROWDS:
        taken.note(str(clients), (await bench.run("provider", bench.readers[:clients])).cpu)
    beside = await bench.run("provider", bench.readers[:10], bench.idle)
    taken.note("stalled", beside.cpu)
    taken.grown.append(beside.grown)
    alone = await bench.run("provider", bench.readers[:10])
    taken.note("not stalled", alone.cpu)
    taken.grown[-1] -= alone.grown
    slow = replace(bench, pieces=bench.pieces // SLOW)
    taken.note("one by one", (await slow.run("slow", bench.readers[:10])).cpu)


async def measured(rounds: int) -> Report:
    """All cases in each round, the first of which only warms up."""
    found, absent = peers()
    found = [each for each in found if each.name in LIMITS]
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        pid = await stack.enter_async_context(daemon(home, PIECES, await stack.enter_async_context(provider())))
        readers = [await stack.enter_async_context(reader(home)) for _ in range(max(CROWDS) + 1)]
        client = await stack.enter_async_context(connect(home=home, autostart=False))
        servers = [stack.enter_context(speaking(each, {})) for each in found]
        bench = Bench(pid, client, readers[1:], readers[0], PIECES)
        await one_round(bench, servers, Taken({}, []))
        taken = Taken({}, [])
        for _ in range(rounds):
            await one_round(bench, servers, taken)
    return report(taken, [each.name for each in found], absent)


def report(taken: Taken, names: Sequence[str], absent: Sequence[str]) -> Report:
    """The medians, and ours held against the peers'."""
    others = {name: median(taken.cpu[name]) for name in names}
    lines = list[Line]()
    for clients in CROWDS:
        checks = [Check(f"of {name}'s", taken.ratio(str(clients), name), LIMITS[name][clients > 1]) for name in names]
        lines.append(Line(f"a piece to each of {clients}", "µs", median(taken.cpu[str(clients)]), others, checks))
    lines.append(Line("a piece to each of 10, none joined", "µs", median(taken.cpu["one by one"]), others))
    slowed = Check("of the same without it", taken.ratio("stalled", "not stalled"), 1.2)
    lines.append(Line("a piece to each of 10 beside one stalled", "µs", median(taken.cpu["stalled"]), {}, [slowed]))
    grown = median(taken.grown) / 1e6
    lines.append(Line("memory for the stalled one", "MB", grown, {}, [Check("MB", grown, STALLED)]))
    points = [(float(clients), median(taken.cpu[str(clients)])) for clients in CROWDS]
    flat = {name: [(float(clients), value) for clients in CROWDS] for name, value in others.items()}
    curve = Curve("notifications", "A piece of text to each client", "clients", "µs of CPU", {"agiwod": points, **flat})
    return Report("Notifications", lines, [curve], NOTES, SERVERS.found, absent)


if __name__ == "__main__":
    command(__doc__, lambda rounds: asyncio.run(measured(rounds)), rounds=3)
