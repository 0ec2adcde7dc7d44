"""Where a run and its steps stand in a trace: ids as W3C Trace Context has them. Keeps nothing and measures nothing.

They derive from the run and the step, so that whoever reads the records makes the same ones, today and after a restart.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from agiwo import ids

AGENT: Final = "run"
"""The key of the span of a run itself; other spans have the keys of their steps."""

_HEADER = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STEP = re.compile(r"(?P<call>\w+\.\d+)(?:/|$)|(?P<model>\w+/(?:llm|compact))$")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span that others are below. `is_sampled`: whoever began the trace wants it to be recorded."""

    trace_id: str
    span_id: str
    is_sampled: bool = True

    @property
    def header(self) -> str:
        """As the value of a `traceparent` header."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"

    @classmethod
    def parse(cls, header: str | None) -> "TraceContext | None":
        """The context of a `traceparent`; None of what is none, for such a trace is begun anew."""
        found = _HEADER.fullmatch(header or "")
        if found is None or not int(found[1], 16) or not int(found[2], 16):
            return None
        return cls(found[1], found[2], bool(int(found[3], 16) & 1))

    @classmethod
    def of_step(cls, run: str, trace: str | None, step: str = "") -> "TraceContext":
        """The span of a step in a run that has `trace` in its spec: of a model call, a tool call, else of the run."""
        trace_id, is_sampled = _trace_of(run, trace)
        return cls(trace_id, span_id(run, key_of(step)), is_sampled)


@lru_cache
def _trace_of(run: str, trace: str | None) -> tuple[str, bool]:
    """The trace that a run is part of, and whether it is sampled: asked for each step of the run."""
    above = TraceContext.parse(trace)
    return (above.trace_id, above.is_sampled) if above else (trace_id(run), True)


def trace_id(run: str) -> str:
    """The trace that a run begins when it is not part of one."""
    number = ids.number(run)
    return hashlib.blake2b(run.encode(), digest_size=16).hexdigest() if number is None else f"{number:032x}"


def run_of(trace: str) -> str:
    """The run that began a trace, if one of ours did."""
    return ids.numbered("run", int(trace, 16))


def span_id(run: str, key: str = AGENT) -> str:
    """The span under that key of the run."""
    return hashlib.blake2b(f"{run}/{key}".encode(), digest_size=8).hexdigest()


def key_of(step: str) -> str:
    """The key of the span that a step is part of: `0.1` for all that is done for that call, `0/llm`, else the run's."""
    found = _STEP.match(step)
    return (found["call"] or found["model"]) if found else AGENT


def key_of_item(run: str, item: str | None) -> str:
    """The key of the span that an item comes from."""
    turn, _, name = (item or "").removeprefix(f"{run}.").partition(".")
    if name.isdecimal():
        return f"{turn}.{name}"
    return {"message": f"{turn}/llm", "reasoning": f"{turn}/llm", "compaction": f"{turn}/compact"}.get(name, AGENT)
