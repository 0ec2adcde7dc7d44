"""What goes on in a daemon as a picture: who works for whom, what comes of it, and who looks on. Pure."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agiwo_protocol.client import Client
from agiwo_protocol.daemon import ActiveRun, Activity
from rich.cells import cell_len, set_cell_size

from agiwod.cli.forest import span
from agiwod.cli.instant import seconds
from agiwod.cli.plain import without_controls
from agiwod.cli.waterfall import Line, Piece

_STYLES: Final = {"running": "green", "sleeping": "blue", "waiting": "yellow", "suspended": "red", "queued": "dim"}
_LEVELS: Final = "▁▂▃▄▅▆▇█"

_HISTORY: Final = 30
"""Looks whose speed is drawn."""

_SHORT_ID: Final = 12
"""Letters of a run's id that are shown: enough for `runs show`, but for runs of the same moment."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second that came between two looks: all, and those of each run."""

    all: float = 0.0
    runs: Mapping[str, float] | None = None


class Speeds:
    """How quickly tokens come, from look to look. What was streaming was a guess, so no speed is below zero."""

    def __init__(self) -> None:
        self._last: Activity | None = None
        self.history: deque[float] = deque(maxlen=_HISTORY)

    def take(self, now: Activity) -> Speed:
        """The speed since the look before; nothing at the first one, and after a restart."""
        last, self._last = self._last, now
        if last is None or now.uptime_seconds <= last.uptime_seconds:
            return Speed()
        passed = now.uptime_seconds - last.uptime_seconds
        before = {run.run_id: run.output_tokens for run in last.runs}
        runs = {run.run_id: max(0.0, (run.output_tokens - before.get(run.run_id, 0)) / passed) for run in now.runs}
        speed = max(0.0, (now.output_tokens - last.output_tokens) / passed)
        self.history.append(speed)
        return Speed(speed, runs)


_Row = tuple[str, ...]
_RUNS: Final = ("agent", "run", "status", "does", "for", "tokens", "/s")
_CLIENTS: Final = ("client", "pid", "since", "follows", "behind")


def picture(
    found: Activity, speed: Speed, history: Sequence[float], width: int, height: int | None = None
) -> list[Line]:
    """The lines of the picture, none wider than `width`, and no more than `height`."""
    now = seconds(found.at)
    clients = _table(_CLIENTS, [(_client(each, now), "") for each in _known(found.clients)], width, wide=0)
    runs = _table(_RUNS, list(_forest(found.runs, speed.runs or {})), width, wide=3)
    room = None if height is None else max(2, height - len(_head(found, speed, history)) - 2 - min(len(clients), 6))
    shown = _cut(runs, room, found.omitted, "run")
    left = None if height is None else height - len(shown) - 4
    lines = [*_head(found, speed, history), (), *shown, (), *_cut(clients, left, 0, "client")]
    return [_fitted(line, width) for line in lines]


def _head(found: Activity, speed: Speed, history: Sequence[float]) -> list[Line]:
    counts = {name: count for name, count in found.counts.model_dump(by_alias=False).items() if count}
    standing = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no run"
    clients = len(_known(found.clients))
    word = "client" if clients == 1 else "clients"
    up = f"agiwod {found.version}  {found.state}  up {span(found.uptime_seconds)}"
    paid = f"  ${found.cost_usd:.4f}" if found.cost_usd else ""
    told = f"{found.input_tokens} tokens in, {found.output_tokens} out{paid}"
    quick = (Piece(f"  {speed.all:.1f} a second  "), Piece(sparkline(history), "green")) if history else ()
    return [(Piece(f"{up}  {standing}  {clients} {word}", "bold"),), (Piece(told), *quick)]


def sparkline(numbers: Sequence[float]) -> str:
    """The numbers as bars, beside the largest."""
    most = max(numbers, default=0.0)
    if not most:
        return ""
    return "".join(_LEVELS[min(len(_LEVELS) - 1, int(each / most * len(_LEVELS)))] for each in numbers)


def _forest(runs: Sequence[ActiveRun], speeds: Mapping[str, float]) -> Iterator[tuple[_Row, str]]:
    """Each run below the one that started it, oldest first, as a row and its style."""
    known = {run.run_id for run in runs}
    below: dict[str | None, list[ActiveRun]] = {}
    for run in reversed(runs):
        below.setdefault(run.parent_run_id if run.parent_run_id in known else None, []).append(run)
    waiting = [(run, "", "") for run in reversed(below.get(None, ()))]
    while waiting:
        run, branch, stem = waiting.pop()
        yield _run(run, branch, speeds.get(run.run_id, 0.0)), _STYLES.get(run.status, "")
        children = below.get(run.run_id, ())
        for place, child in reversed(list(enumerate(children, 1))):
            own, further = ("└ ", "  ") if place == len(children) else ("├ ", "│ ")
            waiting.append((child, stem + own, stem + further))


def _run(run: ActiveRun, branch: str, speed: float) -> _Row:
    return (
        f"{branch}{run.state_id or run.agent_id}",
        run.run_id.removeprefix("run_")[:_SHORT_ID],
        run.status,
        run.doing or "",
        span(run.elapsed_ms / 1000),
        str(run.input_tokens + run.output_tokens),
        f"{speed:.1f}" if speed else "",
    )


def _known(clients: Sequence[Client]) -> list[Client]:
    """The clients, each once however many connections it has."""
    found: dict[tuple[str, object], Client] = {}
    for client in clients:
        who = client.name, client.pid or client.connection_id
        first = found.get(who, client)
        runs = first.runs if first is client else [*first.runs, *client.runs]
        lag = max(first.lag, client.lag)
        found[who] = first.model_copy(update={"runs": list(dict.fromkeys(runs)), "lag": lag})
    return list(found.values())


def _client(client: Client, now: float) -> _Row:
    since = span(max(0.0, now - seconds(client.connected_at)))
    pid = "" if client.pid is None else str(client.pid)
    behind = str(client.lag) if client.lag else ""
    return client.title or client.name, pid, since, str(len(client.runs)) if client.runs else "", behind


def _table(head: _Row, rows: Sequence[tuple[_Row, str]], width: int, *, wide: int) -> list[Line]:
    """Rows as lines; where there is little room the columns `wide` and the first one are cut."""
    clean = [(tuple(" ".join(without_controls(cell).split("\n")) for cell in row), style) for row, style in rows]
    widths = [max(map(cell_len, column)) for column in zip(head, *(row for row, _ in clean), strict=True)]
    for column, least in ((wide, len(head[wide])), (0, 12)):
        over = sum(widths) + 2 * (len(widths) - 1) - width
        widths[column] = max(min(widths[column], least), widths[column] - max(0, over))
    return [(Piece(_joined(head, widths), "dim"),), *((Piece(_joined(row, widths), style),) for row, style in clean)]


def _joined(row: _Row, widths: Sequence[int]) -> str:
    cells = zip(row, widths, strict=True)
    return "  ".join(_cell(cell, width) for cell, width in cells).rstrip()


def _cell(text: str, width: int) -> str:
    return set_cell_size(text if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…", width)


def _cut(lines: Sequence[Line], room: int | None, omitted: int, word: str) -> list[Line]:
    """As many lines as there is room for, and how many more there are."""
    if len(lines) == 1:
        return [(Piece(f"no {word}", "dim"),)]
    most = len(lines) if room is None else max(2, room)
    over = len(lines) - most
    if over <= 0 and not omitted:
        return list(lines)
    shown = lines if over <= 0 else lines[: most - 1]
    more = omitted + len(lines) - len(shown)
    return [*shown, (Piece(f"… and {'at least ' if omitted else ''}{more} more", "dim"),)]


def _fitted(line: Line, width: int) -> Line:
    """The line without what is behind the edge."""
    fitted: list[Piece] = []
    for piece in line:
        fitted.append(Piece(_cell(piece.text, width) if cell_len(piece.text) > width else piece.text, piece.style))
        width -= cell_len(piece.text)
        if width <= 0:
            break
    return fitted
