"""Our agent beside pydantic-ai, openai-agents, agno and LangGraph: the CPU of a run. Ratios of one run, not a test.

    uv run python tests/bench/peers.py [--rounds 5] [--rows run,delta] [--peers agno,langgraph] [--json]

Everybody asks the same provider, which answers over OpenAI's wire from a process of its own. Each driver has a process
of its own, too, a new one for each row, so that no row pays for what another left behind, open connections above all.
What is counted is that process's CPU, user and system. The drivers take turns in every round, because a machine's speed
drifts. A ratio is the median over the rounds of what a driver took, divided by what the floor took in the same round.

The floor is a bare loop over httpx2: it streams on every row, splits, decodes with orjson and calls the tool. Ours
always streams, and always writes its journal (in memory). The peers are asked as their users ask them: a plain run is
not streamed, a stream is read with all its events. They come from the package index into this user's cache.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from interpreter import interpreter_with
from row import ROWS, Row
from worker import Done, Work

HERE = Path(__file__).parent

VERSIONS = {
    "pydantic-ai": "pydantic-ai-slim[openai]==2.68.0",
    "openai-agents": "openai-agents==0.24.0",
    "agno": "agno==3.1.10",
    "langgraph": "langgraph==1.2.22",
}
"""The newest of each on the day that this workspace's own packages are pinned to, so that all are of one age."""

WITH_LANGGRAPH = ("langchain==1.4.7", "langchain-openai==1.7.3")
"""Where its agent and its model come from."""

PINNED = "2026-11-20T00:00:00Z"
"""That day: what the peers bring along is no newer."""

FLOOR, OURS = "bare httpx2", "agiwo"
MODULES = {FLOOR: "bare_loop", OURS: "agiwo_agent"} | {name: f"{name.replace('-', '_')}_agent" for name in VERSIONS}

COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Modules are compiled once, by the warm-up: else a first agent would cost what it costs on the day of installation."""

SILENT = {"AGNO_TELEMETRY": "false", "LANGSMITH_TRACING": "false", "OPENAI_AGENTS_DISABLE_TRACING": "1"}
"""Nobody is measured while phoning home."""


@dataclass(frozen=True)
class Driven:
    """A driver and its process."""

    name: str
    python: Path
    process: subprocess.Popen[str]

    def warm_up(self, row: Row) -> None:
        """Do what everybody is slow at for the first time; of a growth the lesser work is enough."""
        if row.works:
            self.do(row.works[0])
        else:
            self.figure(row)

    def figure(self, row: Row) -> tuple[float, Sequence[tuple[int, int]]]:
        """What the row costs this driver, and what its agent said: lengths and calls, which are everybody's."""
        if not row.works:
            return first_agent(self.python, "httpx2" if self.name == FLOOR else MODULES[self.name]) * row.scale, []
        done = [self.do(work) for work in row.works]
        cost = done[1].cpu / done[0].cpu if row.is_growth else done[0].cpu
        return cost * row.scale, [(each.length, each.calls) for each in done]

    def do(self, work: Work) -> Done:
        """Let it work."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(work)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.name} has failed"
        return Done(**json.loads(line))


@dataclass(frozen=True)
class Line:
    """A row with what everybody took: medians of the figures, and of the ratios to the floor."""

    row: Row
    figures: Mapping[str, float]
    ratios: Mapping[str, float]

    @property
    def verdict(self) -> str:
        """Whether ours keeps to the row's target, as far as those it is held against are here."""
        held = [name for name in VERSIONS if self.row.below in ("all", name)]
        peers = [self.figures[name] for name in held if name in self.figures]
        over = bool(self.row.limit) and self.ratios[OURS] > self.row.limit
        if over or any(self.figures[OURS] > figure for figure in peers):
            return "MISSED"
        return "met" if len(peers) == len(held) else "met as far as compared"


def first_agent(python: Path, name: str) -> float:
    """Seconds of CPU until a fresh process has its first agent."""
    command = [str(python), str(HERE / "first_agent.py"), name]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **SILENT, **COMPILED}
    )
    return float(done.stdout)


def measure(row: Row, drivers: Sequence[Driven], rounds: int) -> Line:
    """One row, in every round."""
    for each in drivers:
        each.warm_up(row)
    taken: dict[str, list[float]] = {each.name: [] for each in drivers}
    for _ in range(rounds):
        figures = {each.name: each.figure(row) for each in drivers}
        said = [answers for _, answers in figures.values()]
        assert all(answers == said[0] for answers in said), f"{row.name}: not all did the same: {figures}"
        for name, (figure, _) in figures.items():
            taken[name].append(figure)
    return line_of(row, taken)


def line_of(row: Row, taken: Mapping[str, Sequence[float]]) -> Line:
    """The medians."""
    ratios = {
        name: statistics.median(figure / floor for figure, floor in zip(figures, taken[FLOOR], strict=True))
        for name, figures in taken.items()
        if row.limit
    }
    return Line(row, {name: statistics.median(figures) for name, figures in taken.items()}, ratios)


def table(lines: Sequence[Line]) -> str:
    """The lines for people: each figure, and how many times the floor's it is."""
    names = list(lines[0].figures)
    head = f"{'CPU of':34} {'':2}" + "".join(f"{name:>18}" for name in names) + "   agiwo is held to"
    return "\n".join([head, *(told(line, names) for line in lines)])


def told(line: Line, names: Sequence[str]) -> str:
    """One line."""
    cells = [f"{line.figures[name]:.4g}" + (f" {line.ratios[name]:6.2f}x" if line.ratios else "") for name in names]
    figures = "".join(f"{cell:>18}" for cell in cells)
    return f"{line.row.tells:34} {line.row.unit:2}{figures}   {line.row.target}: {line.verdict}"


def data(lines: Sequence[Line], rounds: int) -> str:
    """The lines for programs."""
    rows = [
        {
            "name": line.row.name,
            "tells": line.row.tells,
            "unit": line.row.unit,
            "figures": line.figures,
            "ratios": line.ratios,
            "target": line.row.target,
            "verdict": line.verdict,
        }
        for line in lines
    ]
    return json.dumps({"rounds": rounds, "versions": VERSIONS, "rows": rows}, indent=2)


@contextmanager
def provider() -> Generator[str]:
    """The base URL of the provider, which ends when its stdin closes."""
    command, environment = [sys.executable, str(HERE / "provider.py")], {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.stdin.close()


@contextmanager
def driven(name: str, python: Path, base_url: str) -> Generator[Driven]:
    """A driver's process, which ends when its stdin closes."""
    command = [str(python), str(HERE / "worker.py"), MODULES[name], base_url]
    environment = {**os.environ, **SILENT}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Driven(name, python, process)
        assert process.stdin is not None
        process.stdin.close()


def main(names: Sequence[str], rows: Sequence[Row], rounds: int) -> list[Line]:
    """Measure the floor, ours and these peers."""
    peers = interpreter_with("peers-2026-11-20", [*VERSIONS.values(), *WITH_LANGGRAPH], "--exclude-newer", PINNED)
    chosen = {FLOOR: Path(sys.executable), OURS: Path(sys.executable)} | {name: peers for name in names if peers}
    lines = list[Line]()
    with provider() as base_url:
        for row in rows:
            print(row.name, file=sys.stderr)
            with ExitStack() as stack:
                drivers = [stack.enter_context(driven(name, python, base_url)) for name, python in chosen.items()]
                lines.append(measure(row, drivers, rounds))
    return lines


def listed(known: Mapping[str, object], text: str) -> list[str]:
    """The names in the text, each of which must be known."""
    names = [name for name in text.split(",") if name]
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    return names


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--rows", type=lambda text: listed(ROWS, text), default=list(ROWS))
    arguments.add_argument(
        "--peers", type=lambda text: listed(VERSIONS, text), default=list(VERSIONS), help="'' for none"
    )
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    lines = main(chosen.peers, [ROWS[name] for name in chosen.rows], chosen.rounds)
    print(data(lines, chosen.rounds) if chosen.json else table(lines))
