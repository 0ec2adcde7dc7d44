"""Rows as a table: drawn on a terminal, aligned text elsewhere. Knows nothing of what is in them."""

import sys
from collections.abc import Sequence
from typing import TextIO

from agiwod.cli.plain import without_controls

Row = Sequence[str]

_ROOM = 8
"""Columns of a terminal that each cell beside the first one needs; where there are fewer, lines go over the edge."""


def show_table(head: Row, rows: Sequence[Row], file: TextIO | None = None) -> None:
    """Write the rows under their heads."""
    target = file or sys.stdout
    clean = [[" ".join(without_controls(cell).split()) for cell in row] for row in rows]
    if target.isatty():
        _draw(head, clean, target)
    else:
        print("\n".join(aligned(head, clean)), file=target)


def aligned(head: Row, rows: Sequence[Row]) -> list[str]:
    """A line a row, each column as wide as its longest cell."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *rows))
    return ["  ".join(row).rstrip() for row in cells]


def _draw(head: Row, rows: Sequence[Row], file: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, widest = Console(file=file), max(len(row[0]) for row in (head, *rows))
    if console.width < widest + _ROOM * (len(head) - 1):
        print("\n".join(aligned(head, rows)), file=file)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(head[0], no_wrap=True, min_width=widest)  # what other commands want to hear
    for name in head[1:]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
