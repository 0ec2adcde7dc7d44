"""Scheduled agents as lines of a tree: who is below whom, what each does and waits for. Pure: draws nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agiwo_protocol.scheduler import State, Status, Wake

OVER: Final = ("completed", "failed", "cancelled")
"""How an agent stands that has ended."""

_TASK: Final = {"waiting": "for an answer", "suspended": "until it can go on", "queued": "for its turn"}
"""What an agent waits for whose task stands there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One agent. `branch` is what leads to it from the one above, `about` what it waits for or how it ended."""

    branch: str
    name: str
    status: Status
    about: str
    elapsed: str
    tokens: str

    @property
    def cells(self) -> tuple[str, ...]:
        """As a row under `HEAD`."""
        return f"{self.branch}{self.name}", self.status, self.about, self.elapsed, self.tokens


ABOUT: Final = "waits"
HEAD: Final = ("agent", "status", ABOUT, "elapsed", "tokens")


def lines(states: Sequence[State], now: float, passed: float = 0.0) -> list[Line]:
    """The states as a forest, each above those below it, in the order in which they come.

    `now` is the present time in seconds since the epoch, `passed` how long ago the states were as they are here.
    """
    known = {state.state_id for state in states}
    below: dict[str | None, list[State]] = {}
    for state in states:
        above = state.parent_state_id if state.parent_state_id in known else None
        below.setdefault(above, []).append(state)
    return [line for root in below.get(None, []) for line in _lines(root, below, now, passed, "", "")]


def _lines(
    state: State, below: Mapping[str | None, Sequence[State]], now: float, passed: float, branch: str, stem: str
) -> Iterator[Line]:
    yield _line(state, now, passed, branch)
    children = below.get(state.state_id, ())
    for number, child in enumerate(children, 1):
        is_last = number == len(children)
        own, further = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        yield from _lines(child, below, now, passed, stem + own, stem + further)


def _line(state: State, now: float, passed: float, branch: str) -> Line:
    name = state.state_id if state.agent_id in state.state_id else f"{state.state_id} ({state.agent_id})"
    is_idle = state.status in OVER or state.run_status in OVER
    elapsed = state.elapsed_ms / 1000 + (0.0 if is_idle else passed)
    return Line(branch, name, state.status, about(state, now), span(elapsed), str(state.tokens))


def about(state: State, now: float) -> str:
    """What a scheduled agent waits for, or how it ended; empty when there is nothing to say."""
    told = list(_about(state, now))
    if state.closing and state.status not in OVER:
        told.append("is to sum up and end")
    if state.queued:
        told.append(f"{state.queued} more to do")
    return ", ".join(told)


def _about(state: State, now: float) -> Iterator[str]:
    match state.status:
        case "failed" | "cancelled" if state.result:
            yield " ".join(state.result.split())
        case "sleeping" if state.wake:
            yield _waits(state.wake, now)
        case "pending" | "running" if state.run_status in _TASK:
            yield _TASK[state.run_status]
        case _:
            return


def _waits(wake: Wake, now: float) -> str:
    match wake.type:
        case "task":
            return "for a task"
        case "waitset":
            limit = "" if wake.timeout_at is None else f", {_left(wake.timeout_at, now)} at most"
            return f"for {wake.mode} of {len(wake.states)} agents ({len(wake.ended)} ended){limit}"
        case "timer" | "periodic":
            return "" if wake.wake_at is None else f"for {_left(wake.wake_at, now)}"


def _left(at: str, now: float) -> str:
    return span(max(0.0, datetime.fromisoformat(at).timestamp() - now))


def span(seconds: float) -> str:
    """A span of time in its two largest units."""
    whole = round(seconds)
    for name, size, part, smaller in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // smaller:02} {part}"
    return f"{whole} s"
