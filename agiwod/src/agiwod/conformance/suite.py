"""Transcripts held against a server one after the other, in each framing: what passed, failed, or was left out."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final, Literal

from agiwod.conformance.line import Style, Way
from agiwod.conformance.transcript import Step, Transcript
from agiwod.conformance.trial import Trial

AGENT: Final = "agent"
"""What a transcript needs that has an agent answer."""

LINES: Final = "lines"
"""What a transcript needs that holds several conversations with one server."""

_GREETING: Final = {"protocolVersion": 1, "clientInfo": {"name": "conformance"}}

_WHO: Final = Transcript(
    Path("the default agent"),
    "Which agent answers when none is named.",
    frozenset(),
    None,
    (
        Step(1, "send", {"id": 1, "method": "initialize", "params": _GREETING}),
        Step(2, "expect", {"id": 1, "result": "<object>"}),
        Step(3, "send", {"id": 2, "method": "agent/list", "params": {}}),
        Step(4, "expect", {"id": 2, "result": {"defaultAgent": f"<string {AGENT}>"}}),
    ),
)
"""Asks who that is."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a server did with one transcript in one framing. `reason` says why not, `steps` how many there are."""

    transcript: str
    framing: Style
    status: Literal["passed", "failed", "skipped"]
    reason: str | None
    steps: int
    milliseconds: int


async def hold(
    way: Way, transcripts: Sequence[Transcript], styles: Iterable[Style], given: Mapping[str, object], patience: float
) -> AsyncGenerator[Result]:
    """Hold each transcript against the server, and tell of each as it ends.

    `given` is what the server has of what transcripts need: the ids of agents, and whether it takes several `lines`.
    """
    for style in styles:
        known = dict(given)
        if AGENT not in known and any(AGENT in each.needs for each in transcripts):
            trial = Trial(way, style, patience, {})
            known |= {"fault": fault} if (fault := await trial.hold(_WHO)) else trial.names
        for transcript in transcripts:
            if transcript.framing in (None, style):
                yield await _held(way, style, transcript, known, patience)


async def _held(way: Way, style: Style, transcript: Transcript, known: Mapping[str, object], patience: float) -> Result:
    missing = sorted(transcript.needs - known.keys())
    begun = perf_counter()
    if AGENT in missing:
        fault = str(known.get("fault", "no agent is there to answer"))
        return Result(transcript.name, style, "failed", fault, len(transcript.steps), 0)
    if missing:
        return Result(transcript.name, style, "skipped", f"it needs {', '.join(missing)}", len(transcript.steps), 0)
    fault = await Trial(way, style, patience, known).hold(transcript)
    took = round(1000 * (perf_counter() - begun))
    return Result(transcript.name, style, "failed" if fault else "passed", fault, len(transcript.steps), took)
