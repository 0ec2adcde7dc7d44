"""Many clients of one daemon, each with one of its runs: what is lost, and what is left when they have gone.

    uv run python tests/chaos/load.py --clients 1000 --runs 10 [--json]

Code 1 when anything is lost or left. Only on Linux, whose /proc it reads.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

sys.path[:0] = [str(Path(__file__).parents[1])]

from crowd import alone, crowd, start
from held import MIB, forget_most, held, most_memory
from live_daemon import Line, living

WORDS = "word " * 200


@dataclass(frozen=True)
class Outcome:
    """What came of it. `mebibytes` is by how much the daemon's memory was larger at its most than before."""

    clients: int
    whole_answers: int
    durable_events: int
    lost: int
    descriptors_left: int
    mebibytes: float
    seconds: float


async def load(home: Path, clients: int, runs: int) -> Outcome:
    """Have so many clients follow so many runs, each from its first event to its last."""
    async with living(home, {"talker": {"text": WORDS, "deltas": 200, "delayMs": 50}}) as daemon:
        control, pid = await Line.open(home), daemon.process.pid
        await crowd(home, [await start(control, "talker")], 10)  # what is loaded late is loaded
        await alone(control)
        before = held(pid)
        forget_most(pid)
        began = perf_counter()
        ids = [await start(control, "talker") for _ in range(runs)]
        seen = await crowd(home, ids, clients)
        seconds = perf_counter() - began
        await alone(control)
        heads = [(await control.ask("run/get", runId=each))["result"]["headSeq"] for each in ids]
        await control.close()
        return Outcome(
            clients=clients,
            whole_answers=sum(each.response == WORDS for each in seen),
            durable_events=sum(each.events for each in seen),
            lost=sum(heads[number % runs] - each.events for number, each in enumerate(seen)),
            descriptors_left=held(pid).descriptors - before.descriptors,
            mebibytes=round((most_memory(pid) - before.memory) / MIB, 1),
            seconds=round(seconds, 2),
        )


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, args.clients + 1000), hard))
    with tempfile.TemporaryDirectory(prefix="agiwod-load-") as home:
        found = asyncio.run(load(Path(home), args.clients, args.runs))
    print(json.dumps(asdict(found), indent=2) if args.json else found)
    return int(found.lost > 0 or found.descriptors_left > 0 or found.whole_answers < found.clients)


if __name__ == "__main__":
    sys.exit(_main())
