"""Runs the benches, each in a process of its own and one after the other, and writes `docs/performance.md`.

    uv run python -m tests.bench [NAME ...] [--list] [--rounds N] [--json] [--no-page]
    uv run python -m tests.bench --install

A bench is a file in `works/`. Peers are found in this user's cache, where `--install` puts them; what is not there is
named, and nothing is compared with it. The page is written when all benches have run. Ends with 1 when a bound is
missed that `explained.md` does not explain.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from command import told
from explained import explained
from interpreter import INTERPRETERS
from measured import Report
from node_peers import VSCODE
from page import write_page

HERE = Path(__file__).parent
PATIENCE = 1800.0
"""Seconds that one bench may take."""


def names() -> list[str]:
    """The benches there are."""
    return sorted(each.stem for each in (HERE / "works").glob("*.py"))


def run(name: str, options: Sequence[str]) -> Report:
    """What a bench has found out.

    Raises:
        SystemExit: it found out nothing.
    """
    began = monotonic()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])}
    command = [sys.executable, "-m", f"works.{name}", "--json", *options]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        sys.exit(f"{name} has not ended within {PATIENCE:g} s")
    if not done.stdout.strip():
        sys.exit(f"{name} has told nothing and ended with {done.returncode}")
    report = Report.from_json(done.stdout.splitlines()[-1])
    print(f"{monotonic() - began:5.0f} s  {name}{beside(report)}", file=sys.stderr)
    return report


def beside(report: Report) -> str:
    """Which peers were found."""
    return f", beside {', '.join(map(' '.join, report.versions.items()))}" if report.versions else ""


def main() -> int:
    """Run those that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a bench; all, unless some are named")
    parser.add_argument("--list", action="store_true", help="only name the benches")
    parser.add_argument("--install", action="store_true", help="only install the peers, from the package indexes")
    parser.add_argument("--rounds", help="instead of each bench's own number")
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names()):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    if given.list:
        print("\n".join(names()))
        return 0
    if given.install:
        there = [peer.install() for peer in (*INTERPRETERS, VSCODE)]
        return int(not all(there))
    reports = dict[str, Report]()
    for name in given.names or names():
        reports[name] = run(name, ["--rounds", given.rounds] if given.rounds else [])
        if not given.json:
            print("\n".join(map(told, reports[name].lines)), flush=True)
    if given.json:
        print(json.dumps({name: report.to_json() for name, report in reports.items()}))
    if not given.names and not given.no_page:
        write_page(reports)
    return int(tell(reports))


def tell(reports: dict[str, Report]) -> bool:
    """Say on stderr which peers were absent and which bounds are missed; gives whether one of these is unexplained."""
    known, unexplained = explained(), False
    for report in reports.values():
        for peer in report.absent:
            print(f"not compared with {peer}, which is not installed (--install)", file=sys.stderr)
        for line, check in report.missed:
            unexplained |= line.work not in known
            print(f"MISSED{'' if line.work in known else ', unexplained'}: {line.work}: {check}", file=sys.stderr)
    return unexplained


if __name__ == "__main__":
    sys.exit(main())
