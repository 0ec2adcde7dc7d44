"""What a daemon takes for the same with few stored runs and with very many: the ratio should be about one.

    uv run python tests/chaos/stored_runs.py --few 1000 --many 100000 [--json]

On a quiet machine a hundred thousand runs are made in two minutes, and take 0.8 GB below the temporary directory.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1])]

from bulk_store import AGENT, TURN, fill, stored
from live_daemon import Line, LiveDaemon, living
from wire_stream import WireStream

_TIMES = 15
"""How often each is done; the quickest counts, as the one that others on the machine disturbed least."""

_UNFINISHED = 20
"""Runs that are under way when the daemon is killed, and go on in the next."""

_LONG: Mapping[str, Any] = {"text": "word " * 4000, "deltas": 4000, "delayMs": 50}
_RARE = "rare"
"""An agent that has had no run among very many."""


async def measured(home: Path, runs: int) -> dict[str, float]:
    """Seconds that each thing takes in a home with so many stored runs."""
    await fill(home, runs)
    async with living(home, {AGENT: TURN, "long": _LONG, _RARE: TURN}) as daemon:
        line = await Line.open(home)
        took = {what: await _quickest(partial(_ask, line, *each)) for what, each in _questions(stored(runs // 2))}
        took["attach, and read to the end"] = await _quickest(partial(_read, home, stored(runs // 2)))
        for _ in range(_UNFINISHED):
            await _ask(line, "run/start", {"agent": "long", "input": "go", "attach": False})
        line.cut()
        daemon.process.kill()
        await daemon.end()
        took["start after a kill, with 20 runs that go on"] = await _started_again(daemon)
    return took


def _questions(middle: str) -> list[tuple[str, tuple[str, dict[str, Any]]]]:
    """What is asked for, by name; `middle` is a run among the others."""
    return [
        ("list", ("run/list", {"limit": 20})),
        ("list, a page in the middle", ("run/list", {"limit": 20, "cursor": middle})),
        ("list of a rare agent", ("run/list", {"limit": 20, "agentId": _RARE})),
        ("list of failed runs", ("run/list", {"limit": 20, "statuses": ["failed"]})),
        ("list of sessions", ("session/list", {"limit": 20})),
        ("list of a rare agent's sessions", ("session/list", {"limit": 20, "agentId": _RARE})),
        ("list of traces", ("trace/list", {"limit": 20})),
        ("get", ("run/get", {"runId": middle})),
        ("events", ("run/events", {"runId": middle})),
        ("status", ("daemon/status", {})),
        ("start", ("run/start", {"agent": AGENT, "input": "go", "attach": False})),
    ]


async def _started_again(daemon: LiveDaemon) -> float:
    """Seconds until a daemon that was killed has its unfinished runs again."""
    began = perf_counter()
    await daemon.start()
    line = await Line.open(daemon.home)
    counts = (await line.ask("daemon/status"))["result"]["runs"]
    seconds = perf_counter() - began
    assert counts["running"] + counts["queued"] == _UNFINISHED, counts
    await line.close()
    return seconds


async def _quickest(do: Callable[[], Awaitable[object]]) -> float:
    best = float("inf")
    for _ in range(_TIMES):
        began = perf_counter()
        await do()
        best = min(best, perf_counter() - began)
    return best


async def _ask(line: Line, method: str, params: dict[str, Any]) -> None:
    answer = await line.ask(method, **params)
    assert "result" in answer, answer


async def _read(home: Path, run: str) -> None:
    line = await Line.open(home)
    line.send("run/attach", runId=run)
    await line.read(WireStream(run), lambda stream: stream.is_over)
    await line.close()


async def ratios(place: Path, few: int, many: int) -> dict[str, tuple[float, float]]:
    """What each takes with few runs, and with many, in seconds."""
    homes = {runs: place / str(runs) for runs in (few, many)}
    for home in homes.values():
        home.mkdir()
    with_few, with_many = [await measured(homes[runs], runs) for runs in (few, many)]
    return {what: (with_few[what], with_many[what]) for what in with_few}


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agiwod-stored-") as place:
        found = asyncio.run(ratios(Path(place), args.few, args.many))
    if args.json:
        print(json.dumps(found, indent=2))
        return
    for what, (few, many) in found.items():
        print(f"{what}: {1000 * few:.2f} ms with {args.few}, {1000 * many:.2f} ms with {args.many}: {many / few:.2f}")


if __name__ == "__main__":
    _main()
