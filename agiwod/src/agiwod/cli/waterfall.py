"""A trace as a waterfall: a line a span, with a bar where it stood in time. Pure: knows no terminal but its width."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from agiwo_protocol.trace import Span
from rich.cells import cell_len, set_cell_size

from agiwod.cli.instant import took
from agiwod.cli.plain import without_controls
from agiwod.cli.timescale import TimeScale

_WORDS: Final = {"agent": "agent", "llm_call": "model", "tool_call": "tool", "retry": "retry", "approval": "waits for"}
_BARS: Final = {"agent": "─", "llm_call": "█", "tool_call": "▓"}
_STYLES: Final = {"agent": "cyan", "llm_call": "magenta", "tool_call": "green"}
_MARKS: Final = {"error": " ✗", "cancelled": " ⊘", "running": " …"}
_BASIS: Final = {"estimated": "~", "lowerBound": "≥"}

_GAP: Final = 2
_STEP: Final = "  "
"""By what a span stands further right than the one above it."""

_NARROWEST: Final = 10
"""Columns that bars have at least."""

_ROOM: Final = 18
"""Columns that stay for a name, however deep it stands."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text, and how rich would style it."""

    text: str
    style: str = ""


Line = Sequence[Piece]


@dataclass(frozen=True, slots=True)
class _Row:
    """A span in its place: how deep, what leads to it (`stem` to what is below it), and its cells."""

    span: Span
    level: int
    branch: str
    stem: str
    name: str
    mark: str
    figures: tuple[str, str, str]


def drawn(spans: Sequence[Span], width: int, now: float) -> list[Line]:
    """The lines of a trace's spans, none wider than `width`; what goes on is drawn until `now`."""
    if not spans:
        return []
    scale = TimeScale(spans, now)
    rows = [_row(*each) for each in _walk(spans)]
    return _Sheet(rows, scale, width).lines()


def _walk(spans: Sequence[Span]) -> Iterator[tuple[Span, int, str, str]]:
    """Each span behind the one above it, with its level, its branch and the stem of what is below."""
    known = {span.span_id for span in spans}
    below: dict[str | None, list[Span]] = {}
    for span in spans:
        below.setdefault(span.parent_span_id if span.parent_span_id in known else None, []).append(span)
    waiting = [(span, 0, "", "") for span in reversed(below.get(None, ()))]
    while waiting:
        span, level, branch, stem = waiting.pop()
        yield span, level, branch, stem
        children = below.get(span.span_id, ())
        for place, child in reversed(list(enumerate(children, 1))):
            own, further = ("└ ", _STEP) if place == len(children) else ("├ ", "│ ")
            # Nobody can be shown so deep a place as a branch, and the stems of such a trace would fill the memory.
            shown = stem if len(stem) < 2 * 100 else ""
            waiting.append((child, level + 1, shown + own, shown + further))


def _row(span: Span, level: int, branch: str, stem: str) -> _Row:
    metrics = span.metrics if span.kind == "llm_call" else {}
    figures = took(span.duration_ms), _tokens(metrics), cost(metrics)
    return _Row(span, level, branch, stem, _name(span), _MARKS.get(span.status, ""), figures)


def _name(span: Span) -> str:
    rest = span.name.partition(" ")[2]
    word = _WORDS.get(span.kind, "")
    if span.kind == "tool_call" and rest.startswith("mcp:"):
        word, rest = "mcp", rest.removeprefix("mcp:")
    elif "gen_ai.skill.name" in span.attributes:
        word, rest = "skill", span.attributes["gen_ai.skill.name"]
    elif span.kind == "retry":
        rest = span.error_type or ""
    told = " ".join(filter(None, [word, rest])) or span.name
    return without_controls(f"{'↪ ' if span.links else ''}{' '.join(told.split())}")


def _tokens(metrics: Mapping[str, Any]) -> str:
    taken, given = metrics.get("tokens.input", 0), metrics.get("tokens.output", 0)
    return f"{_count(taken)}→{_count(given)}" if taken or given else ""


def _count(tokens: int) -> str:
    return (
        str(tokens) if tokens < 100_000 else f"{tokens / 1000:.0f}k" if tokens < 10_000_000 else f"{tokens / 1e6:.0f}M"
    )


def cost(metrics: Mapping[str, Any]) -> str:
    """What it cost in dollars in a few letters, and how sure that is; nothing when nothing is known, or it was free."""
    dollars = metrics.get("cost_usd")
    if not dollars:
        return ""
    return f"{_BASIS.get(metrics.get('cost_basis', ''), '')}${dollars:.4f}" if dollars >= 0.0001 else "<$0.0001"


_HEADS: Final = ("took", "in→out", "cost")


class _Sheet:
    """Rows on so many columns: the widths of the columns, and what is in them."""

    def __init__(self, rows: Sequence[_Row], scale: TimeScale, width: int) -> None:
        self._rows, self._scale, self._width = rows, scale, width
        widths = [max(len(row.figures[place]) for row in rows) for place in range(len(_HEADS))]
        shown = [(place, max(each, len(_HEADS[place]))) for place, each in enumerate(widths) if each]
        while shown and width - _room_of(shown) < _ROOM + _NARROWEST:
            shown.pop()
        self._shown, room = shown, max(width - _room_of(shown), _ROOM + _NARROWEST)
        longest = max(len(_cut_branch(row, room)) + cell_len(row.name + row.mark) for row in rows)
        self._name = max(min(longest, room * 3 // 5, room - _NARROWEST), 4)
        self._bar = room - self._name

    def lines(self) -> list[Line]:
        """The head, a line a span and one for what went wrong in it, and a note about the scale."""
        lines = [self._head()]
        faults = _faults_told(self._rows)
        for row in self._rows:
            lines.append(self._line(row))
            if row.span.span_id in faults:
                lines.append(self._fault(row))
        if self._scale.is_squeezed:
            lines += [(), (Piece("time asleep is drawn shorter than it was", "dim"),)]
        return lines

    def _head(self) -> Line:
        end = took(1000 * self._scale.length)
        ruler = "0" + end.rjust(self._bar - 1)
        figures = self._figures(_HEADS)
        return (Piece(f"{'span'.ljust(self._name)}{' ' * _GAP}{ruler}{figures}".rstrip(), "dim"),)

    def _line(self, row: _Row) -> Line:
        span = row.span
        branch = _cut_branch(row, self._name)
        name = _fitted(row.name, row.mark, self._name - len(branch))
        style = "red" if span.status == "error" else _STYLES.get(span.kind, "dim")
        return (
            Piece(branch, "dim"),
            Piece(name, style),
            Piece(" " * _GAP),
            Piece(self._bar_of(span), style),
            Piece(self._figures(row.figures).rstrip()),
        )

    def _figures(self, cells: Sequence[str]) -> str:
        return "".join(f"{' ' * _GAP}{cells[place].rjust(width)}" for place, width in self._shown)

    def _bar_of(self, span: Span) -> str:
        start, end = (self._scale.place(at) for at in self._scale.stretch(span))
        first = min(int(start * self._bar), self._bar - 1)
        cells = max(1, ceil(end * self._bar - 1e-9) - first)
        return f"{' ' * first}{_BARS.get(span.kind, '┄') * cells}".ljust(self._bar)

    def _fault(self, row: _Row) -> Line:
        span = row.span
        message = " ".join(without_controls(span.message or "").split())
        told = ": ".join(filter(None, [span.error_type or "error", message]))
        stem = row.stem if len(row.stem) <= self._name - _ROOM else ""
        room = self._width - len(stem) - _GAP
        return (Piece(f"{stem}{' ' * _GAP}", "dim"), Piece(_cut(told, room), "red"))


def _room_of(columns: Sequence[tuple[int, int]]) -> int:
    """What figures take with those widths, and the gap behind the names."""
    return sum(width + _GAP for _, width in columns) + _GAP


def _faults_told(rows: Sequence[_Row]) -> set[str]:
    """The spans whose fault is told: not of those that failed only because something below them did."""
    failed = [row.span for row in rows if row.span.status == "error"]
    handed_up = {(span.parent_span_id, span.error_type) for span in failed}
    return {span.span_id for span in failed if (span.span_id, span.error_type) not in handed_up}


def _cut_branch(row: _Row, width: int) -> str:
    """What leads to a span; the number of those above it in the place of it when that leaves no room for the name."""
    return row.branch if len(_STEP) * row.level <= max(0, width - _ROOM) else f"{row.level}╴ "


def _fitted(name: str, mark: str, width: int) -> str:
    return set_cell_size(f"{_cut(name, width - len(mark))}{mark}", width)


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"
