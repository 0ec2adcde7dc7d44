"""The command line of one bench: runs it, prints its lines. Knows none."""

import argparse
import json
import sys
from collections.abc import Callable

from measured import Line, Report, plain


def command(doc: str | None, measure: Callable[[int], Report], *, rounds: int) -> None:
    """Measure in so many rounds, unless the arguments say otherwise, and print; ends with 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report = measure(given.rounds)
    print(json.dumps(report.to_json()) if given.json else "\n".join(map(told, report.lines)))
    sys.exit(bool(report.missed))


def told(line: Line) -> str:
    """A line of the terminal."""
    others = "".join(f"  {name} {plain(value)}" for name, value in line.others.items())
    checks = "".join(f"\n    {'ok  ' if check.is_met else 'MISS'} {check}" for check in line.checks)
    return f"{line.work:48} {plain(line.ours):>8} {line.unit}{others}{checks}"
