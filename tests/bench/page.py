"""Writes `docs/performance.md`, and the curves beside it, from what the benches have found out. Measures nothing."""

import os
import platform
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from chart import draw
from explained import explained
from measured import Check, Line, Report, plain

DOCS = Path(__file__).parents[2] / "docs"
CURVES = DOCS / "performance"

OPENING = """\
# Performance

What agiwod costs beside others and beside the floor, measured in turns with them: `uv run python -m tests.bench` writes
this page. Less is better everywhere. Figures are medians; CPU is that of user and system together, of all processes
that work for the one that is named. Machines are noisy: the ratios, taken within each round, say more than the figures.
"""


def write_page(reports: Mapping[str, Report]) -> None:
    """Write the page and its curves anew."""
    CURVES.mkdir(exist_ok=True)
    for curve in (curve for report in reports.values() for curve in report.curves):
        (CURVES / f"{curve.name}.svg").write_text(draw(curve))
    parts = [
        OPENING,
        _machine(reports),
        _slower(reports),
        *(_section(name, report) for name, report in reports.items()),
    ]
    (DOCS / "performance.md").write_text("\n".join(parts))


def _machine(reports: Mapping[str, Report]) -> str:
    versions = {name: version for report in reports.values() for name, version in report.versions.items()}
    absent = sorted({peer for report in reports.values() for peer in report.absent})
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {os.cpu_count()} cores ({platform.machine()}), "
        f"{platform.system()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}. In the last "
        f"quarter of an hour the machine's load was {os.getloadavg()[2]:.1f}, the benches' own included.",
        f"Beside: {', '.join(f'{name} {version}' for name, version in sorted(versions.items())) or 'nobody'}.",
    ]
    return "\n".join([*lines, *([f"Not installed, so not compared with: {', '.join(absent)}."] if absent else []), ""])


def _slower(reports: Mapping[str, Report]) -> str:
    """Where we are behind: the bounds that are missed, and the peers that take less."""
    known = explained()
    missed = dict[str, list[Check]]()
    for line, check in (each for report in reports.values() for each in report.missed):
        missed.setdefault(line.work, []).append(check)
    lines = ["## Where we are behind", ""]
    for work, checks in missed.items():
        why = known.get(work, "Not explained yet.").replace("\n", " ")
        lines += [f"* **{work}**: {'; '.join(map(str, checks))}. {why}"]
    for line in (line for report in reports.values() for line in report.lines if line.faster):
        ahead = ", ".join(f"{name} {plain(line.others[name])}" for name in line.faster)
        lines += [f"* {line.work}: we take {plain(line.ours)} {line.unit}; less take {ahead}."]
    return "\n".join([*lines, *([] if len(lines) > 2 else ["Nowhere."]), ""])


def _section(name: str, report: Report) -> str:
    head = ["work", "unit", "agiwod", *dict.fromkeys(other for line in report.lines for other in line.others), "bounds"]
    rows = [_row(line, head[3:-1]) for line in report.lines]
    table = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    curves = [f"![{curve.tells}](performance/{curve.name}.svg)\n" for curve in report.curves]
    notes = [f"{note}\n" for note in report.notes]
    command = f"`uv run python -m tests.bench {name}`\n"
    return "\n".join([f"## {report.title}\n", command, *notes, *table, "", *curves])


def _row(line: Line, others: list[str]) -> list[str]:
    figures = [plain(line.others[other]) if other in line.others else "" for other in others]
    bounds = "<br>".join(f"{'met' if check.is_met else '**missed**'}: {check}" for check in line.checks)
    return [line.work, line.unit, plain(line.ours), *figures, bounds]
